//! The inspector itself.

use serde_json::Value;

use super::{
    classes::Lists,
    finding::Finding,
    structure,
    verdict::{Asking, Rules, Verdict, judge},
    walk::Walk,
};
use crate::{
    config::{self, Mode},
    workflow::{ObjectInfo, Workflow},
};

/// What the server says about its nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// The server's node catalogue.
    pub object_info: Option<&'a ObjectInfo>,
    /// The server's answer about node replacements: `None` when it has no such thing, `Some(Null)` when it could
    /// not be had.
    pub replacements: Option<&'a Value>,
}

/// Looks at workflows by the rules of the configuration.
#[derive(Debug)]
pub struct Inspector {
    rules: Rules,
    lists: Lists,
}

impl Inspector {
    /// An inspector with these rules.
    pub fn new(security: &config::Security) -> Self {
        Self { rules: Rules::new(security), lists: Lists::new(security) }
    }

    /// Everything that is wrong with a workflow. Linear in its size.
    pub fn inspect(&self, workflow: &Workflow, knowledge: &Knowledge<'_>) -> Vec<Finding> {
        self.inspect_value(&workflow.to_value(), knowledge)
    }

    /// The same for a value that may not be a workflow at all.
    pub fn inspect_value(&self, value: &Value, knowledge: &Knowledge<'_>) -> Vec<Finding> {
        let mut findings = structure::faults(value);
        let mut walk = Walk::new(&self.lists, *knowledge, self.rules.mode == Mode::Enforce);
        walk.top(value);
        findings.extend(walk.into_findings());
        findings
    }

    /// What happens with a workflow that has these findings: the table “What a finding does”.
    pub fn judge(&self, workflow: Workflow, findings: Vec<Finding>, asking: &Asking) -> Verdict {
        judge(&self.rules, workflow, findings, asking)
    }
}
