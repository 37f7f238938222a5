//! Following a job: its events become progress, and its end becomes the answer.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Call,
    assets::Made,
    envelope::{Envelope, JobError, StreamEvent},
    reply::{Block, Stop},
    resources,
};
use crate::comfy::{Blocked, Ending, Event, EventKind, JobState, OutputFile, Progress, PromptId};
use comfywarden_error::JsonObject;

/// Maximum number of events that a stream keeps; more of a kind replace the last of that kind.
const MAX_EVENTS: usize = 100;

/// Ways to follow a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FollowMode {
    /// On behalf of the caller that submitted it: the job is cancelled when the caller disconnects.
    CancelOnDisconnect,
    /// As [`Self::CancelOnDisconnect`], keeping the distinct events.
    StreamEvents,
    /// As a spectator: the job goes on when the caller disconnects.
    Observe,
}

/// Observations of a job while it was followed.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    ending: Option<Ending>,
    progress: Option<Progress>,
    queue_position: Option<usize>,
    stalled: bool,
    elapsed: Duration,
    events: Option<Vec<StreamEvent>>,
}

/// Follows a prompt until it ends, `wait` is over, or the caller goes away; whoever owns it then cancels it on
/// ComfyUI.
pub(crate) async fn follow(
    call: &Call,
    id: &PromptId,
    wait: Duration,
    mode: FollowMode,
) -> Result<Followed, Stop> {
    let started = Instant::now();
    let mut followed =
        Followed { events: (mode == FollowMode::StreamEvents).then(Vec::new), ..Followed::default() };
    let mut events = Box::pin(call.backend().watch(id));
    // A report that came too soon after the one before it.
    let mut late = None;
    loop {
        let event = tokio::select! {
            biased;
            () = call.cancel.cancelled() => {
                if mode != FollowMode::Observe {
                    cancel_upstream(call, id).await;
                }
                return Err(Stop::Cancelled);
            }
            event = events.next() => event,
            () = tokio::time::sleep_until(started + wait) => None,
            () = call.progress.next_slot(), if late.is_some() => {
                late = late.take().filter(|event| !report(call, event));
                continue;
            }
        };
        let Some(event) = event else { break };
        late = if report(call, &event) { None } else { Some(event.clone()) };
        let is_gone = event.kind == EventKind::Unreachable;
        followed.see(event);
        if followed.ending.is_some() || is_gone {
            break;
        }
    }
    followed.elapsed = started.elapsed();
    Ok(followed)
}

async fn cancel_upstream(call: &Call, id: &PromptId) {
    call.trail.event("cancelling", prompt_field(id)).await.ok();
    match call.backend().cancel(id).await {
        Ok(outcome) => {
            tracing::info!(prompt.id = %id, ?outcome, "the caller went away; the job was cancelled");
        }
        Err(error) => {
            tracing::warn!(prompt.id = %id, %error, "the caller went away; the job could not be cancelled");
        }
    }
}

/// Reports an event to the caller. False when it came too soon after the last report.
fn report(call: &Call, event: &Event) -> bool {
    match &event.kind {
        EventKind::Queued { position } => {
            call.progress.report(waiting(*position), format!("queued at position {position}"))
        }
        EventKind::Started => call.progress.report(STARTED, "started"),
        EventKind::Progress(progress) => {
            let node = progress.node_id.as_deref().unwrap_or_default();
            call.progress.report_node(progress.percent, node, said(progress))
        }
        EventKind::Ended(ending) => {
            call.progress.finish(ending.outcome.as_str());
            true
        }
        _ => true,
    }
}

/// The percent of a job that is about to start; one that waits has less, and more with every place it moves up.
const STARTED: f64 = 0.1;

fn waiting(position: usize) -> f64 {
    STARTED / (1.0 + f64::from(u32::try_from(position).unwrap_or(u32::MAX)))
}

fn said(progress: &Progress) -> String {
    let node = match (&progress.node_type, &progress.node_id) {
        (Some(node_type), Some(id)) => format!("{node_type} (node {id})"),
        (None, Some(id)) => format!("node {id}"),
        (Some(node_type), None) => node_type.clone(),
        (None, None) => "running".to_owned(),
    };
    match (progress.step, progress.total_steps) {
        (Some(step), Some(total)) => format!("{node}: step {step} of {total}"),
        _ => node,
    }
}

impl Followed {
    fn see(&mut self, event: Event) {
        self.keep(&event);
        match event.kind {
            EventKind::Queued { position } => self.queue_position = Some(position),
            EventKind::Started => self.queue_position = None,
            EventKind::Progress(progress) => {
                self.queue_position = None;
                self.progress = Some(progress);
            }
            EventKind::Stalled(stalled) => self.stalled = stalled,
            EventKind::Ended(ending) => self.ending = Some(*ending),
            _ => {}
        }
    }

    /// Keeps distinct events: steps of one node replace each other, so that the list stays short.
    fn keep(&mut self, event: &Event) {
        let Some(events) = &mut self.events else { return };
        let Some((kind, data)) = described(event) else { return };
        let repeats = events.last().is_some_and(|last| {
            last.r#type == kind && (kind != "progress" || last.data.get("node") == data.get("node"))
        });
        if repeats || events.len() >= MAX_EVENTS {
            events.pop();
        }
        events.push(StreamEvent { r#type: kind, data });
    }

    /// True when the worker showed no sign of life at the end of the wait.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled && self.ending.is_none()
    }

    pub(crate) fn links(&self) -> Vec<Block> {
        let outputs = self.ending.iter().flat_map(|ending| &ending.outputs);
        outputs.filter(|output| !output.filename.is_empty()).map(output_link).collect()
    }

    pub(crate) fn tell(self, id: &PromptId, envelope: &mut Envelope) {
        envelope.elapsed_seconds = Some((self.elapsed.as_secs_f64() * 1000.0).round() / 1000.0);
        envelope.events = self.events;
        if let Some(ending) = self.ending {
            envelope.status = ending.outcome;
            envelope.cached = ending.cached;
            envelope.error = JobError::of(&ending);
            envelope.warnings = ending.unsaved.iter().map(unsaved).collect();
            envelope.outputs = Some(Made::all(ending.outputs, id));
            return;
        }
        envelope.status = JobState::Running;
        envelope.stalled = self.stalled;
        envelope.queue_position = self.queue_position;
        if let Some(progress) = self.progress {
            envelope.step = progress.step;
            envelope.total_steps = progress.total_steps;
            envelope.current_node = progress.node_type.or(progress.node_id);
        }
    }
}

/// Says that an output node left nothing behind that anybody keeps.
pub(crate) fn unsaved(node: &Blocked) -> String {
    format!(
        "{node} sends its picture over ComfyUI's socket only, and nobody keeps it: use SaveImage for an output"
    )
}

fn described(event: &Event) -> Option<(&'static str, Value)> {
    Some(match &event.kind {
        EventKind::Queued { position } => ("queued", json!({ "position": position })),
        EventKind::Started => ("execution_start", json!({})),
        EventKind::Progress(progress) => (
            "progress",
            json!({
                "node": progress.node_id, "class_type": progress.node_type, "value": progress.step,
                "max": progress.total_steps, "percent": (progress.percent * 10.0).round() / 10.0,
            }),
        ),
        EventKind::NodeDone { node_id } => ("executed", json!({ "node": node_id })),
        EventKind::Cached { nodes } => ("execution_cached", json!({ "nodes": nodes })),
        EventKind::Text { node_id, text } => ("progress_text", json!({ "node": node_id, "text": text })),
        EventKind::Stalled(stalled) => ("stalled", json!({ "stalled": stalled })),
        EventKind::FallbackPolling => ("fallback_polling", json!({})),
        EventKind::Unreachable => ("unreachable", json!({})),
        EventKind::Ended(ending) => ("ended", json!({ "outcome": ending.outcome.as_str() })),
        EventKind::Preview(_) => return None,
    })
}

/// Links to the bytes of an output: the resource of this server.
pub(crate) fn output_link(output: &OutputFile) -> Block {
    Block::Link {
        uri: resources::output_uri(output.file_type, &output.subfolder, &output.filename),
        name: output.filename.clone(),
        mime_type: output.mime_type.clone(),
        size: None,
    }
}

/// The audit field that names a prompt.
pub(crate) fn prompt_field(id: &PromptId) -> JsonObject {
    JsonObject::from_iter([("prompt_id".to_owned(), Value::from(id.as_str()))])
}
