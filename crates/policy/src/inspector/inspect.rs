//! The entry to the inspector.

use serde_json::Value;

use super::{
    class_facts::{FactCache, Facts},
    classes::Lists,
    finding::{Finding, Flag, Severity},
    knowledge::Knowledge,
    ui_graph,
    verdict::{Asking, Rules, Verdict, hash_of, judge},
    visitor::Visitor,
    workload::TOO_MANY,
};
use crate::settings::{self, Mode};
use comfywarden_workflow::Workflow;

/// Inspects workflows by the rules of the configuration.
#[derive(Debug)]
pub struct Inspector {
    rules: Rules,
    lists: Lists,
    cache: FactCache,
    policy_version: String,
}

impl Inspector {
    /// Takes the rules of the configuration.
    pub fn new(security: &settings::Security) -> Self {
        Self {
            rules: Rules::new(security),
            lists: Lists::new(security),
            cache: FactCache::default(),
            policy_version: policy_version(security),
        }
    }

    /// Names the policy: the settings that decide and the version of the rules. Another text, another policy.
    pub fn policy_version(&self) -> &str {
        &self.policy_version
    }

    pub(super) fn cache(&self) -> &FactCache {
        &self.cache
    }

    pub(super) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Finds everything that is wrong with a workflow, in time linear in its size.
    pub fn inspect(&self, workflow: &Workflow, knowledge: &Knowledge<'_>) -> Vec<Finding> {
        self.inspect_value(&workflow.to_value(), knowledge)
    }

    /// Inspects a value that may not be a workflow at all.
    pub fn inspect_value(&self, value: &Value, knowledge: &Knowledge<'_>) -> Vec<Finding> {
        let facts = Facts::new(&self.cache, &self.lists, *knowledge, self.rules.mode == Mode::Enforce);
        let mut visitor = Visitor::new(&facts);
        visitor.top(value);
        visitor.into_findings()
    }

    /// Inspects a file of the editor: all its nodes, also those in subgraphs.
    pub fn inspect_ui_graph(&self, value: &Value, knowledge: &Knowledge<'_>) -> Vec<Finding> {
        let ui = ui_graph::read(value);
        let facts = Facts::new(&self.cache, &self.lists, *knowledge, self.rules.mode == Mode::Enforce)
            .with_link_types(&ui.link_types);
        let mut visitor = Visitor::new(&facts);
        visitor.top(&ui.graph);
        let mut findings = visitor.into_findings();
        // A number whose name is guessed may count something else.
        let is_guess = |finding: &Finding| {
            let by_node = finding.way().first().is_some_and(|id| ui.guessed.contains(id));
            by_node || (finding.message.contains(TOO_MANY) && !ui.guessed.is_empty())
        };
        for finding in &mut findings {
            if finding.flag == Flag::ResourceAbuse && is_guess(finding) {
                finding.severity = Severity::Warning;
            }
        }
        // A subgraph of the file is no class, and what is in it has been looked at.
        findings.retain(|finding| {
            !matches!(finding.flag, Flag::SubgraphUnresolved | Flag::ClassNotAllowed)
                || !finding.class_type.as_ref().is_some_and(|class| ui.subgraphs.contains(class))
        });
        let in_file = |finding: Finding| match finding.way() {
            [id, rest @ ..] => {
                let way = ui.ways.get(id).cloned().unwrap_or_default();
                let way = if way.is_empty() { way } else { [way.as_slice(), rest].concat() };
                finding.at(way)
            }
            [] => finding,
        };
        findings.into_iter().map(in_file).collect()
    }

    /// Decides what happens with a workflow that has these findings, by the table “What a finding does”.
    pub fn judge(&self, workflow: Workflow, findings: Vec<Finding>, asking: &Asking) -> Verdict {
        judge(&self.rules, workflow, findings, asking)
    }
}

/// Hashes what decides about a workflow.
fn policy_version(security: &settings::Security) -> String {
    let settings::Security { mode, allowed_nodes, dangerous_nodes, api_nodes, .. } = security;
    let decides = (env!("CARGO_PKG_VERSION"), mode, allowed_nodes, dangerous_nodes, api_nodes);
    hash_of(&serde_json::to_vec(&decides).unwrap_or_default())
}
