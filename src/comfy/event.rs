//! Events of one prompt: progress, and exactly one ending.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::{JobState, OutputFile, PromptId};

/// One thing that happened to a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The prompt it happened to.
    pub prompt_id: PromptId,
    /// Origin of the knowledge.
    pub source: Source,
    /// Kind of event with its data.
    pub kind: EventKind,
}

/// Origin of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A frame of the WebSocket: a hint.
    Socket,
    /// An answer of ComfyUI about its queue, jobs or history.
    Poll,
    /// Our own clock or our own act, such as a time limit.
    Client,
}

/// The kinds of events. A stream of them ends with exactly one [`EventKind::Ended`].
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The prompt waits; `position` counts from 1.
    Queued {
        /// Number of prompts that start before it, itself included.
        position: usize,
    },
    /// The prompt runs.
    Started,
    /// A step was made.
    Progress(Progress),
    /// A preview picture of the running node.
    Preview(Preview),
    /// A node ended.
    NodeDone {
        /// Id of the node.
        node_id: String,
    },
    /// These nodes are taken from ComfyUI's cache.
    Cached {
        /// Their ids.
        nodes: Vec<String>,
    },
    /// A node reports in words.
    Text {
        /// Id of the node.
        node_id: String,
        /// Text of the report.
        text: String,
    },
    /// The worker shows no sign of life although ComfyUI lists the prompt as running, or does so again.
    Stalled(bool),
    /// The socket tells nothing about this prompt; it is followed by polling.
    FallbackPolling,
    /// Nothing has listened at ComfyUI's address for a while. The watch goes on, should it come back.
    Unreachable,
    /// The end.
    Ended(Box<Ending>),
}

/// Progress of a prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Progress {
    /// The running node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_type: Option<String>,
    /// The step of that node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Number of steps of that node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_steps: Option<u64>,
    /// Over all nodes, 0 to 100, never falling.
    pub percent: f64,
}

/// A preview picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The node that made it.
    pub node_id: Option<String>,
    /// Its type, such as `image/jpeg`.
    pub mime_type: String,
    /// The picture.
    pub bytes: Bytes,
}

/// Ending of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Terminal state.
    pub outcome: JobState,
    /// Everything the run left behind, from history.
    pub outputs: Vec<OutputFile>,
    /// True when every node came from ComfyUI's cache.
    pub cached: bool,
    /// The node that raised, with `outcome` failed.
    pub failure: Option<NodeFailure>,
    /// A node that was blocked by an `ExecutionBlocker`; ComfyUI calls such a run a success.
    pub blocked: Option<Blocked>,
    /// Output nodes without a result, where a node is known to have been blocked.
    pub missing: Vec<Blocked>,
    /// Output nodes that send their result over the socket only, where nobody keeps it.
    pub unsaved: Vec<Blocked>,
    /// From the submit, or from the start of the watch for prompts of others.
    pub elapsed: Duration,
    /// The time ComfyUI itself measured between start and end.
    pub execution: Option<Duration>,
}

/// Failure of a node, without paths and input values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodeFailure {
    /// The node that raised.
    pub node_id: String,
    /// Its class.
    pub node_type: String,
    /// The exception's class, such as `ValueError`.
    pub exception_type: String,
    /// The exception's text.
    pub message: String,
    /// The last frames as `file:line in function`.
    pub traceback: Vec<String>,
    /// True when the device ran out of memory.
    pub out_of_memory: bool,
}

impl From<Blocked> for NodeFailure {
    fn from(blocked: Blocked) -> Self {
        let told = "an output node did not run although the job succeeded: a node before it blocked it";
        Self {
            node_id: blocked.node_id.unwrap_or_default(),
            node_type: blocked.node_type.unwrap_or_default(),
            exception_type: "ExecutionBlocked".to_owned(),
            message: blocked.message.unwrap_or_else(|| told.to_owned()),
            ..Self::default()
        }
    }
}

/// A node that did not run because of an `ExecutionBlocker`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocked {
    /// The node that was kept from running, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// Its class, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_type: Option<String>,
    /// The blocker's message; absent when only the missing outputs tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.node_id, &self.node_type) {
            (Some(id), Some(class)) => write!(f, "node {id} ({class})"),
            (Some(id), None) => write!(f, "node {id}"),
            _ => f.write_str("an output node"),
        }
    }
}
