//! The fidelity report of a conversion.

use schemars::JsonSchema;
use serde::Serialize;

use crate::Workflow;

/// A converted workflow and its fidelity report.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The prompt that the editor's Run button would submit.
    pub workflow: Workflow,
    /// The losses and decisions of the conversion.
    pub report: Report,
}

/// The fidelity report: lists everything that is not a plain translation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Parts of the file that the result does not have.
    pub dropped: Vec<Remark>,
    /// Decisions that the file leaves open.
    pub assumed: Vec<Remark>,
    /// Node classes that the file names and the server does not have.
    pub missing_types: Vec<String>,
    /// Changes that the editor itself makes, and other notes.
    pub notes: Vec<Remark>,
}

/// One line of the report.
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

impl Report {
    /// True when nothing was lost, decided or changed.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
