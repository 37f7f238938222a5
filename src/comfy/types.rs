//! The shapes of ComfyUI's answers, typed and trimmed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Blocked, JobState, NodeFailure, PromptId, comfyui_words};
use comfywarden_error::JsonObject;
use comfywarden_policy::path::{OutputName, Subfolder};

/// Answer to `POST /prompt`.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The id, ours unless the server insists on another.
    pub prompt_id: PromptId,
    /// The place in the order; lower numbers run first.
    pub number: f64,
    /// Output branches that ComfyUI dropped although it took the rest, trimmed.
    pub node_errors: JsonObject,
    /// True when the answer was lost and the prompt was found by its id.
    pub recovered: bool,
}

/// Options of a submit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubmitOptions {
    /// ComfyUI's `extra_data`, such as `extra_pnginfo`.
    pub extra_data: JsonObject,
    /// A mark by which the submitter knows the prompt again, also after a restart.
    pub mark: Option<String>,
    /// Id of the job, which nothing else may have had; a fresh one unless given.
    pub prompt_id: Option<PromptId>,
}

/// Running and waiting prompts of ComfyUI.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct QueueSnapshot {
    /// The running prompts, normally at most one.
    pub running: Vec<QueueItem>,
    /// The waiting ones, in the order in which they will run.
    pub pending: Vec<QueueItem>,
}

impl QueueSnapshot {
    /// Gives the place of a waiting prompt, from 1. `None` when it does not wait.
    pub fn position(&self, id: &PromptId) -> Option<usize> {
        self.pending.iter().position(|item| item.prompt_id == id.as_str()).map(|at| at + 1)
    }

    /// True when the prompt runs.
    pub fn is_running(&self, id: &PromptId) -> bool {
        self.running.iter().any(|item| item.prompt_id == id.as_str())
    }
}

/// One entry of the queue, without its graph.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct QueueItem {
    /// Its id, as ComfyUI wrote it.
    pub prompt_id: String,
    /// Its place in the order.
    pub number: f64,
    /// Number of nodes in its graph.
    pub node_count: usize,
    /// True when this process submitted it.
    pub ours: bool,
    /// Time of its submit, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<u64>,
    /// The mark of its submitter.
    #[serde(skip)]
    pub mark: Option<String>,
}

/// One job of `/api/jobs`, or the same put together from queue and history.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Job {
    /// The prompt's id.
    pub id: String,
    /// State; `None` for one that this client cannot read.
    #[serde(serialize_with = "comfyui_words::serialize")]
    #[schemars(schema_with = "comfyui_words::schema")]
    pub status: Option<JobState>,
    /// Its place in the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<u64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_start_time: Option<u64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_end_time: Option<u64>,
    /// Number of outputs that ComfyUI counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs_count: Option<u64>,
    /// The editor's id of the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// One output to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_output: Option<OutputFile>,
    /// All outputs; a list of jobs does not have them.
    pub outputs: Vec<OutputFile>,
    /// Failure of the node that raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<NodeFailure>,
}

/// Filter, order and page of a list of jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobQuery {
    /// Only these states; empty means all.
    pub status: Vec<JobState>,
    /// Only runs of this workflow.
    pub workflow_id: Option<String>,
    /// The order.
    pub sort_by: Option<SortBy>,
    /// Its direction.
    pub sort_order: Option<SortOrder>,
    /// At most so many, from 1.
    pub limit: Option<u32>,
    /// Number of jobs to skip.
    pub offset: u64,
}

/// Key that jobs are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// Time of the submit.
    CreatedAt,
    /// Duration of the run.
    ExecutionDuration,
}

/// Direction of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortOrder {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// One page of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct JobPage {
    /// The jobs of this page.
    pub jobs: Vec<Job>,
    /// Number of jobs that were skipped.
    pub offset: u64,
    /// Number of jobs that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Number of jobs that match in all.
    pub total: u64,
    /// True when there are more.
    pub has_more: bool,
}

/// One finished prompt, without its graph.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HistoryEntry {
    /// Its id.
    pub prompt_id: String,
    /// Its place in the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// Terminal state.
    pub state: JobState,
    /// Files and texts of the run.
    pub outputs: Vec<OutputFile>,
    /// True when every node came from the cache.
    pub cached: bool,
    /// Number of nodes in its graph.
    pub node_count: usize,
    /// The node that raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<NodeFailure>,
    /// An output node without a result although the run succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// Output nodes without a result although the run succeeded.
    #[serde(skip)]
    pub missing: Vec<Blocked>,
    /// Output nodes that send their result over the socket only.
    #[serde(skip)]
    pub unsaved: Vec<Blocked>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<u64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<u64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<u64>,
    /// The mark of its submitter.
    #[serde(skip)]
    pub mark: Option<String>,
}

/// Something a node left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutputFile {
    /// The node.
    pub node_id: String,
    /// The file's name; empty for text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// Its folder below the root that `type` names.
    pub subfolder: String,
    /// Root folder.
    #[serde(rename = "type")]
    pub file_type: FileType,
    /// Kind, by its extension.
    pub kind: OutputKind,
    /// Its media type, where the extension tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The text of a text output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// ComfyUI's three roots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// Results.
    #[default]
    Output,
    /// Uploads.
    Input,
    /// Previews; gone after a restart.
    Temp,
}

impl FileType {
    /// The spelling of ComfyUI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Input => "input",
            Self::Temp => "temp",
        }
    }
}

/// Kind of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A picture, moving ones such as GIF included.
    Image,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// A model of a body.
    #[serde(rename = "3d")]
    ThreeD,
    /// Words.
    Text,
    /// A latent picture.
    Latent,
    /// Anything else.
    File,
}

impl OutputKind {
    /// The spelling in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::ThreeD => "3d",
            Self::Text => "text",
            Self::Latent => "latent",
            Self::File => "file",
        }
    }
}

/// A file that can be read with `/view`.
#[derive(Debug, Clone)]
pub struct OutputRef {
    /// Its name.
    pub filename: OutputName,
    /// Its folder.
    pub subfolder: Subfolder,
    /// Its root.
    pub kind: FileType,
}
