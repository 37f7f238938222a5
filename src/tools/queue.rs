//! The queue: what runs and what waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Handled, Hints, Tool, ownership::Others};
use crate::{comfy::QueueItem, gate::Class};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// Maximum number of ids in each list of the short answer.
const MAX_IDS: usize = 50;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_queue",
            Class::Read,
            "Queue",
            "Lists running and waiting jobs in the order they will run. For one job use comfyui_get_progress.",
            get_queue,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_queue_status",
            Class::Read,
            "Queue status",
            "Counts running and waiting jobs and gives their ids: a short form of comfyui_get_queue.",
            get_queue_status,
        )
        .hints(LOOK),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// Running and waiting jobs.
#[derive(Debug, Serialize, JsonSchema)]
struct Listing {
    queue_running: Vec<QueueItem>,
    queue_pending: Vec<QueueItem>,
    /// Jobs of other callers
    #[serde(skip_serializing_if = "Others::is_none")]
    others: Others,
}

async fn get_queue(call: Call, _: NoParams) -> Handled<Listing> {
    let (queue, others) = call.own_queue().await?;
    Ok(Listing { queue_running: queue.running, queue_pending: queue.pending, others }.into())
}

/// The queue in numbers.
#[derive(Debug, Serialize, JsonSchema)]
struct QueueStatus {
    exec_info: ExecInfo,
    running: usize,
    pending: usize,
    running_ids: Vec<String>,
    /// In the order they will run; at most 50
    pending_ids: Vec<String>,
    /// Jobs of other callers, counted above without their ids
    #[serde(skip_serializing_if = "Others::is_none")]
    others: Others,
}

/// ComfyUI's own count.
#[derive(Debug, Serialize, JsonSchema)]
struct ExecInfo {
    /// Running and waiting
    queue_remaining: usize,
}

async fn get_queue_status(call: Call, _: NoParams) -> Handled<QueueStatus> {
    // One answer for counts and ids, so that they cannot contradict each other.
    let (queue, others) = call.own_queue().await?;
    let (running, pending) = (queue.running.len() + others.running, queue.pending.len() + others.pending);
    Ok(QueueStatus {
        exec_info: ExecInfo { queue_remaining: running + pending },
        running,
        pending,
        running_ids: ids(queue.running),
        pending_ids: ids(queue.pending),
        others,
    }
    .into())
}

fn ids(items: Vec<QueueItem>) -> Vec<String> {
    items.into_iter().take(MAX_IDS).map(|item| item.prompt_id).collect()
}
