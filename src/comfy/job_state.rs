//! State of a job, and ComfyUI's words for it.

use schemars::JsonSchema;
use serde::Serialize;

/// State of a job. The last five are terminal: a job never leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits in the queue.
    Queued,
    /// Runs.
    Running,
    /// Ended well, as history says.
    Succeeded,
    /// Ended by a node that raised.
    Failed,
    /// Interrupted while running, or removed from the queue.
    Cancelled,
    /// Did not end within `comfyui.job_timeout`; ComfyUI may still run it.
    TimedOut,
    /// Unknown to ComfyUI although it was submitted, as after a restart.
    Lost,
}

impl JobState {
    /// Spelling in events, progress and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }

    /// True when nothing will change any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// ComfyUI's words for states, in `/api/jobs` and in the tools that pass them on. `None` is a word or an entry that
/// this client cannot read.
pub mod comfyui_words {
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::JobState;

    /// Words for the states that ComfyUI has.
    pub const ALL: [(&str, JobState); 5] = [
        ("pending", JobState::Queued),
        ("in_progress", JobState::Running),
        ("completed", JobState::Succeeded),
        ("failed", JobState::Failed),
        ("cancelled", JobState::Cancelled),
    ];
    const UNKNOWN: &str = "unknown";

    /// Gives ComfyUI's word; `unknown` for a state that ComfyUI does not have.
    pub fn word(state: Option<JobState>) -> &'static str {
        ALL.iter().find(|(_, known)| Some(*known) == state).map_or(UNKNOWN, |(word, _)| word)
    }

    /// Reads ComfyUI's word.
    pub fn state(word: &str) -> Option<JobState> {
        ALL.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
    }

    /// Writes ComfyUI's word.
    pub fn serialize<S: Serializer>(state: &Option<JobState>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(word(*state))
    }

    /// Reads ComfyUI's word out of an answer.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<JobState>, D::Error> {
        Ok(serde_json::Value::deserialize(deserializer)?.as_str().and_then(state))
    }

    /// Schema of the words.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        let words = ALL.iter().map(|(word, _)| *word).chain([UNKNOWN]);
        json_schema!({ "type": "string", "enum": words.collect::<Vec<_>>() })
    }
}
