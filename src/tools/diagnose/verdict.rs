//! The answer of a diagnosis.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::findings::Finding;
use crate::comfy::PromptId;

/// Outcome of the job, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    OutOfMemory,
    NodeError,
    Refused,
    Blocked,
    Interrupted,
    Removed,
    Lost,
    Waiting,
    Running,
    Succeeded,
    NothingFailed,
}

/// Diagnosis: the fault, its place, its cause, and the next steps.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Diagnosis {
    /// Absent when the workflow never became a job
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_id: Option<String>,
    pub(super) verdict: Verdict,
    /// One or two sentences
    pub(super) summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exception_type: Option<String>,
    /// The node's or ComfyUI's own words
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) traceback: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<Finding>,
    /// What to try, the most promising first
    #[serde(rename = "try", skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<String>,
}

impl Diagnosis {
    pub(super) fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            prompt_id: None,
            verdict,
            summary: summary.into(),
            node_id: None,
            node_type: None,
            exception_type: None,
            message: None,
            traceback: Vec::new(),
            findings: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(super) fn of(mut self, id: &PromptId) -> Self {
        self.prompt_id = Some(id.as_str().to_owned());
        self
    }

    pub(super) fn step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }
}
