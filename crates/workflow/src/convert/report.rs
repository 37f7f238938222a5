//! The fidelity report of a conversion.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Remark, Workflow};

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
    /// True when values of nodes that run are lost, so that the result is not what the editor would run.
    #[serde(skip)]
    pub is_incomplete: bool,
}

impl Report {
    /// True when nothing was lost, decided or changed.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
