//! Frames of ComfyUI's WebSocket, decoded. A frame that cannot be read is `None`; what it was does not matter.

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Blocked, NodeFailure, Preview, PromptId,
    history::read_failure,
    tolerant::{self, or_default},
};
use comfywarden_error::JsonObject;

/// ComfyUI's exception type for a node that was kept from running.
const BLOCKED: &str = "ExecutionBlocked";
/// Prefix that ComfyUI puts before the blocker's own words.
const BLOCKED_PREFIX: &str = "Execution Blocked: ";

/// One frame of interest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    /// The length of the queue changed. Sent to everybody.
    Status,
    /// A prompt began.
    Start(PromptId),
    /// These nodes come from the cache.
    Cached(PromptId, Vec<String>),
    /// State of each node of the run.
    States(PromptId, Vec<NodeState>),
    /// A node began, or with `None` the run is over.
    Executing(PromptId, Option<String>),
    /// A step was made.
    Step { prompt_id: PromptId, node_id: Option<String>, value: f64, max: f64 },
    /// A node left something behind.
    Executed(PromptId, String),
    /// The run succeeded; history may not know yet.
    Success(PromptId),
    /// A node raised.
    Error(PromptId, NodeFailure),
    /// A node was kept from running; the run goes on.
    Blocked(PromptId, Blocked),
    /// The run was interrupted.
    Interrupted(PromptId),
    /// A preview; without a prompt id in the older form.
    Preview(Option<PromptId>, Preview),
    /// A node speaks. ComfyUI does not say for which prompt.
    Text { node_id: String, text: String },
    /// Readable, and of no interest.
    Other,
}

/// One node in a `progress_state`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NodeState {
    pub(crate) node_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) value: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) max: f64,
    #[serde(default)]
    pub(crate) state: String,
}

/// True when a frame of the event socket can be read; a binary one, or a text.
///
/// For fuzzing: the frames themselves are nobody else's business.
pub fn read_frame(bytes: &[u8], is_binary: bool) -> bool {
    if is_binary {
        return binary(Bytes::copy_from_slice(bytes)).is_some();
    }
    std::str::from_utf8(bytes).ok().and_then(text).is_some()
}

/// Reads a text frame.
pub(crate) fn text(frame: &str) -> Option<Frame> {
    read_text(frame).or_else(|| {
        let plain = tolerant::without_non_finite(frame.as_bytes())?;
        read_text(std::str::from_utf8(&plain).ok()?)
    })
}

fn read_text(frame: &str) -> Option<Frame> {
    let envelope: Envelope<'_> = serde_json::from_str(frame).ok()?;
    let data = envelope.data.map_or("null", RawValue::get);
    let id_only = || Some(parse::<IdOnly>(data)?.prompt_id);
    Some(match envelope.kind {
        "status" => Frame::Status,
        "execution_start" => Frame::Start(id_only()?),
        "execution_success" => Frame::Success(id_only()?),
        "execution_interrupted" => Frame::Interrupted(id_only()?),
        "execution_cached" => {
            let cached: Cached = parse(data)?;
            Frame::Cached(cached.prompt_id, cached.nodes)
        }
        "progress_state" => {
            let states: States = parse(data)?;
            Frame::States(states.prompt_id, states.nodes.into_values().collect())
        }
        "executing" => match parse::<Node>(data)? {
            Node { prompt_id: Some(id), node } => Frame::Executing(id, node),
            // After a reconnect ComfyUI says which node runs, but not for which prompt.
            Node { prompt_id: None, .. } => Frame::Other,
        },
        "executed" => match parse::<Node>(data)? {
            Node { prompt_id: Some(id), node: Some(node) } => Frame::Executed(id, node),
            _ => Frame::Other,
        },
        "progress" => {
            let step: Step = parse(data)?;
            match step.prompt_id {
                Some(prompt_id) => {
                    Frame::Step { prompt_id, node_id: step.node, value: step.value, max: step.max }
                }
                None => Frame::Other,
            }
        }
        "execution_error" => error(data)?,
        _ => Frame::Other,
    })
}

fn error(data: &str) -> Option<Frame> {
    let id = parse::<IdOnly>(data)?.prompt_id;
    let failure = read_failure(&parse::<JsonObject>(data)?);
    if failure.exception_type != BLOCKED {
        return Some(Frame::Error(id, failure));
    }
    let message = failure.message.strip_prefix(BLOCKED_PREFIX).unwrap_or(&failure.message).to_owned();
    Some(Frame::Blocked(
        id,
        Blocked {
            node_id: Some(failure.node_id),
            node_type: Some(failure.node_type),
            message: Some(message),
        },
    ))
}

/// Reads a binary frame: an event number and its payload.
pub(crate) fn binary(mut frame: Bytes) -> Option<Frame> {
    match take_number(&mut frame)? {
        1 => {
            let mime_type = match take_number(&mut frame)? {
                1 => "image/jpeg",
                2 => "image/png",
                _ => return None,
            };
            Some(Frame::Preview(
                None,
                Preview { node_id: None, mime_type: mime_type.to_owned(), bytes: frame },
            ))
        }
        3 => {
            let node_id = String::from_utf8(take_counted(&mut frame)?.to_vec()).ok()?;
            let text = String::from_utf8_lossy(&frame).into_owned();
            Some(Frame::Text { node_id, text })
        }
        4 => {
            let about: PreviewAbout = serde_json::from_slice(&take_counted(&mut frame)?).ok()?;
            let mime_type = about.image_type.unwrap_or_else(|| "image/jpeg".to_owned());
            Some(Frame::Preview(about.prompt_id, Preview { node_id: about.node_id, mime_type, bytes: frame }))
        }
        _ => Some(Frame::Other),
    }
}

fn take_number(frame: &mut Bytes) -> Option<u32> {
    let number = u32::from_be_bytes(frame.get(..4)?.try_into().ok()?);
    let _ = frame.split_to(4);
    Some(number)
}

fn take_counted(frame: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(take_number(frame)?).ok()?;
    (length <= frame.len()).then(|| frame.split_to(length))
}

fn parse<T: DeserializeOwned>(data: &str) -> Option<T> {
    serde_json::from_str(data).ok()
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct IdOnly {
    prompt_id: PromptId,
}

#[derive(Deserialize)]
struct Cached {
    prompt_id: PromptId,
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Deserialize)]
struct States {
    prompt_id: PromptId,
    #[serde(default)]
    nodes: indexmap::IndexMap<String, NodeState>,
}

#[derive(Deserialize)]
struct Node {
    prompt_id: Option<PromptId>,
    node: Option<String>,
}

#[derive(Deserialize)]
struct Step {
    prompt_id: Option<PromptId>,
    node: Option<String>,
    #[serde(deserialize_with = "or_default")]
    value: f64,
    #[serde(deserialize_with = "or_default")]
    max: f64,
}

#[derive(Deserialize)]
struct PreviewAbout {
    prompt_id: Option<PromptId>,
    node_id: Option<String>,
    image_type: Option<String>,
}

#[cfg(test)]
mod tests;
