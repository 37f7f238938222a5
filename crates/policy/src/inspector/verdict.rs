//! Decides by the table “What a finding does”: run, ask, or refuse.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    finding::{Finding, Severity},
    question::particulars,
};
use crate::{settings, settings::Mode};
use comfywarden_error::Error;
use comfywarden_workflow::Workflow;

/// The client's ability to ask, and the user's answer.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// True when the client can be asked.
    pub can_ask: bool,
    /// The hash of the workflow that the user has approved.
    pub approved_hash: Option<String>,
    /// True when the user said no, cancelled, or let the question time out.
    pub answer_was_no: bool,
    /// The price of paid nodes, for the question.
    pub cost: Option<String>,
}

/// The decision about a workflow.
#[derive(Debug)]
pub enum Verdict {
    /// The workflow may be submitted.
    Approved(VettedWorkflow),
    /// The user has to be asked first.
    Ask {
        /// The question, complete.
        question: String,
        /// The hash of the workflow that a yes is bound to.
        workflow_hash: String,
    },
    /// The workflow may not be submitted.
    Refused(Error),
}

/// A workflow that may be submitted. Only the inspector makes one, and only such a one is posted to ComfyUI. Nobody else
/// can write one down:
///
/// ```compile_fail,E0451
/// fn forge(workflow: comfywarden_workflow::Workflow) -> comfywarden_policy::VettedWorkflow {
///     comfywarden_policy::VettedWorkflow { workflow, bytes: bytes::Bytes::new(), hash: String::new(), findings: Vec::new() }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct VettedWorkflow {
    workflow: Workflow,
    bytes: Bytes,
    hash: String,
    findings: Vec<Finding>,
}

impl VettedWorkflow {
    /// Returns the workflow exactly as it was inspected.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// Returns the JSON text of the workflow: these bytes are posted, and no others. Cheap to clone.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the SHA-256 of [`Self::bytes`], in hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Lists the findings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// The part of the configuration that decides.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) mode: Mode,
    pub(super) paid_budget: bool,
}

impl Rules {
    pub(super) fn new(security: &settings::Security) -> Self {
        Self { mode: security.mode, paid_budget: security.api_nodes.budget > 0 }
    }
}

/// Hashes the bytes of a workflow, as hexadecimal digits.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Writes the workflow as it is posted.
pub(super) fn write(workflow: &Workflow) -> serde_json::Result<Bytes> {
    serde_json::to_vec(workflow).map(Bytes::from)
}

/// The table's answer for one severity.
enum Action {
    Run,
    Ask,
    Refuse,
}

fn action(rules: &Rules, severity: Severity, can_ask: bool) -> Action {
    let ask_or = |otherwise| if can_ask { Action::Ask } else { otherwise };
    match (severity, rules.mode) {
        (Severity::Refused, _) | (Severity::Dangerous, Mode::Enforce) => Action::Refuse,
        (Severity::Paid, _) if !rules.paid_budget => Action::Refuse,
        (Severity::Paid, _) | (Severity::Dangerous, Mode::Audit) => ask_or(Action::Run),
        (Severity::Warning, Mode::Audit) => Action::Run,
        (Severity::Warning, Mode::Enforce) => ask_or(Action::Refuse),
    }
}

pub(super) fn judge(rules: &Rules, workflow: Workflow, findings: Vec<Finding>, asking: &Asking) -> Verdict {
    let bytes = match write(&workflow) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Verdict::Refused(Error::internal("the workflow cannot be written as JSON").source(error));
        }
    };
    let hash = hash_of(&bytes);
    let of = |wanted: fn(&Action) -> bool| -> Vec<&Finding> {
        findings.iter().filter(|f| wanted(&action(rules, f.severity, asking.can_ask))).collect()
    };
    let refused = of(|action| matches!(action, Action::Refuse));
    if !refused.is_empty() {
        return Verdict::Refused(refusal(rules, &refused, asking));
    }
    let ask = of(|action| matches!(action, Action::Ask));
    if asking.answer_was_no {
        return Verdict::Refused(declined(&ask));
    }
    match &asking.approved_hash {
        Some(approved) if *approved != hash => return Verdict::Refused(changed()),
        Some(_) => {}
        None if ask.is_empty() => {}
        None => {
            let question = question(&workflow, &ask, asking.cost.as_deref());
            return Verdict::Ask { question, workflow_hash: hash };
        }
    }
    Verdict::Approved(VettedWorkflow { workflow, bytes, hash, findings })
}

/// The most findings that a message spells out.
const MAX_NAMED: usize = 8;

fn list(findings: &[&Finding], sentence: fn(&Finding) -> String) -> String {
    let mut lines: Vec<String> = Vec::new();
    for finding in findings {
        let line = sentence(finding);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(MAX_NAMED);
    lines.truncate(MAX_NAMED);
    let mut text = lines.join("; ");
    if more > 0 {
        text = format!("{text}; and {more} more");
    }
    text
}

fn question(workflow: &Workflow, findings: &[&Finding], cost: Option<&str>) -> String {
    let cost = cost.map(|cost| format!(" {cost}.")).unwrap_or_default();
    let particulars = particulars(workflow, findings);
    // The values are quoted after the sentences, once for each place.
    let list = list(findings, |finding| finding.message.clone());
    format!("This workflow needs your consent before it runs. {list}.{particulars}{cost} Run it?")
}

fn with_findings(error: Error, findings: &[&Finding]) -> Error {
    match serde_json::to_value(findings.iter().take(50).collect::<Vec<_>>()) {
        Ok(value) => error.detail("findings", value),
        Err(_) => error,
    }
}

fn refusal(rules: &Rules, findings: &[&Finding], asking: &Asking) -> Error {
    let worst = findings.iter().map(|finding| finding.severity).max();
    let message = format!("the workflow is refused: {}", list(findings, Finding::warning));
    let (error, hint) = match worst {
        Some(Severity::Refused) if findings.iter().any(|f| f.flag == super::Flag::ClassNotAllowed) => (
            Error::denied(message),
            "the operator can add these classes to `security.allowed_nodes`; or remove the nodes",
        ),
        Some(Severity::Refused) => {
            (Error::invalid_input(message), "correct the workflow; no setting lets it through")
        }
        Some(Severity::Paid) => {
            (Error::denied(message), "the operator can set a daily budget under `security.api_nodes.budget`")
        }
        Some(Severity::Warning) if !asking.can_ask => (
            Error::denied(message),
            "mode `enforce` asks the user about this, and this client cannot be asked; remove it or use a client \
             that supports elicitation",
        ),
        _ => (Error::denied(message), "mode `enforce` does not run this; remove it from the workflow"),
    };
    let mode = match rules.mode {
        Mode::Audit => "audit",
        Mode::Enforce => "enforce",
    };
    with_findings(error.hint(hint), findings).detail("mode", mode)
}

fn declined(findings: &[&Finding]) -> Error {
    let what =
        if findings.is_empty() { String::new() } else { format!(": {}", list(findings, Finding::warning)) };
    with_findings(Error::denied(format!("the user did not agree to run this workflow{what}")), findings)
        .hint("remove what was asked about, or ask the user again")
}

fn changed() -> Error {
    Error::denied("the workflow is not the one the user agreed to")
        .hint("submit it again, so that the user can be asked about what it is now")
}

#[cfg(test)]
mod tests;
