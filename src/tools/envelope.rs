//! The answer of everything that submits a workflow.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{assets::Made, job_words};
use crate::comfy::{Blocked, Ending, JobState, NodeFailure, PromptId};
use comfywarden_error::JsonObject;

/// Advice about a job whose worker gives no sign of life.
pub(crate) const STALLED: &str = "ComfyUI lists the job as running and reports nothing: a node is at a long step (loading or \
    downloading a model), or the worker is dead. Look again with comfyui_get_progress; if nothing changes for minutes, \
    a dead worker takes no cancellation and runs nothing else, and only a restart of ComfyUI helps";

/// Reason for a job's failure.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobError {
    /// `node_error`, `out_of_memory`, `blocked`, …
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    traceback: Vec<String>,
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    node_errors: JsonObject,
}

/// One entry of a stream's event list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamEvent {
    pub(crate) r#type: &'static str,
    pub(crate) data: Value,
}

/// The answer of everything that submits a workflow.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Envelope {
    #[serde(serialize_with = "job_words::envelope::serialize")]
    #[schemars(schema_with = "job_words::envelope::schema")]
    pub(crate) status: JobState,
    pub(crate) prompt_id: String,
    /// True when ComfyUI lists the job as running but its worker shows no sign of life.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stalled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outputs: Option<Vec<Made>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elapsed_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_steps: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current_node: Option<String>,
    /// Place in the queue, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue_position: Option<usize>,
    /// True when every node came from ComfyUI's cache.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<JobError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<StreamEvent>>,
    /// The seed that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    /// The model that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// The other settings that were used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<JsonObject>,
    /// Next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl JobError {
    pub(crate) fn of(ending: &Ending) -> Option<Self> {
        match (&ending.failure, &ending.blocked, ending.outcome) {
            (Some(failure), _, _) => Some(Self::of_failure(failure)),
            (None, Some(blocked), _) => Some(Self::blocked(blocked, &ending.missing)),
            (None, None, JobState::Lost) => Some(Self::plain(
                "lost",
                "ComfyUI does not know this job any more: it was taken out of the queue or restarted, or its history was cleared"
                    .into(),
                "submit the job again; look at comfyui_get_history first if its files matter",
            )),
            (None, None, JobState::TimedOut) => Some(Self::plain(
                "timeout",
                "the job did not end within comfyui.job_timeout; ComfyUI may still be running it".into(),
                "ask comfyui_get_progress, or stop it with comfyui_cancel_job",
            )),
            (None, None, JobState::Failed) => Some(Self::plain(
                "failed",
                "ComfyUI reports a failure without saying which node".into(),
                "look at ComfyUI's own log",
            )),
            _ => None,
        }
    }

    fn blocked(blocked: &Blocked, missing: &[Blocked]) -> Self {
        let mut message = blocked.message.clone().unwrap_or_else(|| {
            "an output node did not run although the job succeeded: a node blocked it".to_owned()
        });
        if !missing.is_empty() {
            let nodes: Vec<String> = missing.iter().map(Blocked::to_string).collect();
            message = format!("{message} (no output of {})", nodes.join(", "));
        }
        Self {
            node_id: blocked.node_id.clone(),
            node_type: blocked.node_type.clone(),
            ..Self::plain(
                "blocked",
                message,
                "a node chose not to pass its output on; change its inputs, or the switch before it",
            )
        }
    }

    pub(crate) fn of_failure(failure: &NodeFailure) -> Self {
        let (kind, hint) = if failure.out_of_memory {
            (
                "out_of_memory",
                "use a smaller size, batch or fewer frames, a smaller or fp8 model, or tiled VAE decoding",
            )
        } else {
            ("node_error", "the message is the node's own; check its inputs, then run again")
        };
        Self {
            node_id: Some(failure.node_id.clone()),
            node_type: Some(failure.node_type.clone()),
            exception_type: Some(failure.exception_type.clone()),
            traceback: failure.traceback.clone(),
            ..Self::plain(kind, failure.message.clone(), hint)
        }
    }

    fn plain(kind: &'static str, message: String, hint: &str) -> Self {
        Self {
            kind,
            message,
            hint: Some(hint.to_owned()),
            node_id: None,
            node_type: None,
            exception_type: None,
            traceback: Vec::new(),
            node_errors: JsonObject::new(),
        }
    }

    pub(crate) fn with_node_errors(self, node_errors: JsonObject) -> Self {
        Self { node_errors, ..self }
    }
}

impl Envelope {
    pub(crate) fn new(status: JobState, id: &PromptId) -> Self {
        Self {
            status,
            prompt_id: id.as_str().to_owned(),
            stalled: false,
            warnings: Vec::new(),
            outputs: None,
            elapsed_seconds: None,
            step: None,
            total_steps: None,
            current_node: None,
            queue_position: None,
            cached: false,
            error: None,
            events: None,
            seed: None,
            model: None,
            settings: None,
            next: None,
        }
    }

    pub(crate) fn next_step(&self) -> Option<String> {
        match self.status {
            JobState::Queued | JobState::Running if self.stalled => Some(STALLED.to_owned()),
            JobState::Queued | JobState::Running => {
                Some("call comfyui_get_progress with this prompt_id and wait_seconds".to_owned())
            }
            JobState::Succeeded if self.outputs.iter().flatten().any(Made::is_shown) => Some(
                "call comfyui_get_image with filename, subfolder and type of an output to see it".to_owned(),
            ),
            JobState::Failed => Some("call comfyui_diagnose_job for what to try".to_owned()),
            _ => None,
        }
    }
}
