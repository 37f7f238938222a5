//! Context of a handler: narrow handles, never the whole application.

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Changes, Defaults, consent::Consent, job_owners::JobOwners, progress::Sink, reply::Stop,
    tool_settings::ToolSettings, workflow_files::Library,
};
use crate::{
    comfy,
    gate::{Caller, Gate, Trail},
    web::Fetcher,
};
use comfywarden_error::JsonObject;
use comfywarden_policy::{Asking, Finding, Inspector, Knowledge, Verdict, VettedWorkflow};
use comfywarden_workflow::{ObjectInfo, Workflow};

/// One admitted call.
#[derive(Debug)]
pub struct Call {
    /// Caller who asks.
    pub caller: Caller,
    /// The ComfyUI that does the work.
    pub(crate) comfy: comfy::Client,
    /// The guarded way to the Internet.
    pub web: Fetcher,
    /// The operator's settings that tools need.
    pub settings: Arc<ToolSettings>,
    /// Progress for the caller.
    pub progress: Sink,
    /// Fires when the caller goes away.
    pub cancel: CancellationToken,
    /// Announces lists and resources that changed.
    pub changes: Changes,
    /// The workflow files that are tools.
    pub library: Arc<Library>,
    /// The audit records of this call.
    pub(crate) trail: Trail,
    pub(crate) gate: Arc<Gate>,
    pub(crate) inspector: Arc<Inspector>,
    pub(crate) consent: Consent,
    pub(crate) defaults: Arc<Defaults>,
    pub(crate) job_owners: Arc<JobOwners>,
}

/// Opinion of the policy on a workflow.
#[derive(Debug)]
pub(crate) struct Policy {
    /// One sentence per finding.
    pub(crate) warnings: Vec<String>,
    /// Reason for a refusal that no answer of the user changes.
    pub(crate) refusal: Option<String>,
}

impl Call {
    /// The ComfyUI that this call works with. There is one; handlers ask here, so that a choice has one home.
    pub(crate) fn backend(&self) -> &comfy::Client {
        &self.comfy
    }

    /// The seed that was drawn in the round before the user was asked.
    pub(crate) fn resumed_seed(&self) -> Option<u64> {
        self.consent.about.as_ref()?.seed
    }

    /// Asks the policy for its opinion on this workflow, without a question and without a record of its own.
    pub(crate) async fn look(&self, workflow: Workflow, object_info: Option<&ObjectInfo>) -> Policy {
        let replacements = self.backend().node_replacements().await.ok().flatten();
        let knowledge = Knowledge { object_info, replacements: replacements.as_ref() };
        let findings = self.inspector.inspect(&workflow, &knowledge);
        let warnings = findings.iter().map(Finding::warning).collect();
        let asking = Asking { can_ask: true, ..Asking::default() };
        let refusal = match self.inspector.judge(workflow, findings, &asking) {
            Verdict::Refused(error) => Some(error.message().to_owned()),
            Verdict::Approved(_) | Verdict::Ask { .. } => None,
        };
        Policy { warnings, refusal }
    }

    /// Inspects the workflow and applies the operator's policy. Only its answer reaches `POST /prompt`, so this is
    /// where the files that it reads are looked up too: after every default and replacement of ours.
    ///
    /// Ends with a question when the policy wants the user's word first, and with a refusal when a rule or the
    /// user says no.
    pub(crate) async fn vet(&self, workflow: Workflow, seed: Option<u64>) -> Result<VettedWorkflow, Stop> {
        let (object_info, replacements) =
            tokio::join!(self.backend().object_info(), self.backend().node_replacements());
        let (object_info, replacements) = (object_info?, replacements?);
        self.must_read_named(&workflow, &object_info, replacements.as_ref()).await?;
        let knowledge = Knowledge { object_info: Some(&object_info), replacements: replacements.as_ref() };
        let findings = self.inspector.inspect(&workflow, &knowledge);
        self.trail.event("inspected", inspected(&workflow, &findings, &object_info)).await?;
        let asking = Asking {
            can_ask: self.consent.can_ask,
            approved_hash: self.consent.approved_workflow(),
            answer_was_no: self.consent.said_no(),
            cost: self.cost_of(&workflow, &findings, &object_info).await?,
        };
        if self.consent.approved_workflow().is_some() {
            self.note("elicitation_accepted");
        } else if self.consent.said_no() {
            self.note("elicitation_declined");
        }
        match self.inspector.judge(workflow, findings, &asking) {
            Verdict::Approved(vetted) => Ok(vetted),
            Verdict::Refused(error) => Err(Stop::Failed(error)),
            Verdict::Ask { question, workflow_hash } => {
                Err(Stop::Ask(self.consent.ask(question, workflow_hash, seed)))
            }
        }
    }
}

/// Describes for the audit log what was inspected, and by which description of the server's classes. Replaced
/// classes are among the warnings.
fn inspected(workflow: &Workflow, findings: &[Finding], object_info: &ObjectInfo) -> JsonObject {
    let mut classes: Vec<&str> = workflow.iter().map(|(_, node)| node.class_type.as_str()).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut fields = JsonObject::new();
    fields.insert("nodes_used".into(), json!(classes));
    fields.insert("object_info".into(), object_info.snapshot().into());
    if !findings.is_empty() {
        let warnings: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        fields.insert("warnings".into(), json!(warnings));
    }
    fields
}
