//! Remarks on a workflow: one line of a report each.

use schemars::JsonSchema;
use serde::Serialize;

/// One line of a report about a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Remark {
    /// The node concerned, by its id in the result or the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The input concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The description of what happened.
    pub message: String,
}

impl Remark {
    /// A remark on one node.
    pub fn on(node_id: &str, message: impl Into<String>) -> Self {
        Self { node_id: Some(node_id.to_owned()), input: None, message: message.into() }
    }

    /// A remark on the workflow.
    pub fn general(message: impl Into<String>) -> Self {
        Self { node_id: None, input: None, message: message.into() }
    }

    /// Names the input.
    #[must_use]
    pub fn input(mut self, name: &str) -> Self {
        self.input = Some(name.to_owned());
        self
    }
}
