//! Words of the tool contract for the states of a job.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serializer;

use crate::comfy::JobState;

/// Word for a state, as `comfyui_get_progress` and every tool that submits say it.
fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Succeeded => "completed",
        JobState::Failed => "error",
        JobState::Cancelled => "interrupted",
        JobState::TimedOut => "timeout",
        JobState::Lost => "lost",
    }
}

/// Answers of `comfyui_get_progress`; `None` is a job that ComfyUI does not know.
pub(crate) mod progress {
    use super::{JobState, Schema, SchemaGenerator, Serializer, json_schema, word};

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde calls"
    )]
    pub(crate) fn serialize<S: Serializer>(
        state: &Option<JobState>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state.map_or("unknown", word))
    }

    pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
        let words = ["queued", "running", "completed", "error", "interrupted", "unknown"];
        json_schema!({ "type": "string", "enum": words })
    }
}

/// Answers of tools that submit: a job that nobody waited for is `submitted`, wherever it is by now.
pub(crate) mod envelope {
    use super::{JobState, Schema, SchemaGenerator, Serializer, json_schema, word};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(crate) fn serialize<S: Serializer>(state: &JobState, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match state {
            JobState::Queued => "submitted",
            state => word(*state),
        })
    }

    pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
        let words = ["submitted", "running", "completed", "interrupted", "error", "timeout", "lost"];
        json_schema!({ "type": "string", "enum": words })
    }
}
