//! The inspector itself.

use serde_json::Value;

use super::{
    finding::{Finding, Flag},
    verdict::{Asking, Rules, Verdict, judge},
};
use crate::{
    config,
    workflow::{ObjectInfo, Workflow},
};

/// What the server says about its nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// The server's node catalogue.
    pub object_info: Option<&'a ObjectInfo>,
    /// The server's answer about node replacements.
    pub replacements: Option<&'a Value>,
}

/// Looks at workflows by the rules of the configuration.
#[derive(Debug)]
pub struct Inspector {
    rules: Rules,
}

impl Inspector {
    /// An inspector with these rules.
    pub fn new(security: &config::Security) -> Self {
        Self { rules: Rules::new(security) }
    }

    /// Everything that is wrong with a workflow. Linear in its size.
    pub fn inspect(&self, workflow: &Workflow, knowledge: &Knowledge<'_>) -> Vec<Finding> {
        self.inspect_value(&workflow.to_value(), knowledge)
    }

    /// The same for a value that may not be a workflow at all.
    pub fn inspect_value(&self, value: &Value, _knowledge: &Knowledge<'_>) -> Vec<Finding> {
        match Workflow::from_value(value) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Finding::new(Flag::Malformed, error.to_string())],
        }
    }

    /// What happens with a workflow that has these findings: the table “What a finding does”.
    pub fn judge(&self, workflow: Workflow, findings: Vec<Finding>, asking: &Asking) -> Verdict {
        judge(&self.rules, workflow, findings, asking)
    }
}
