//! Clearing the queue: exactly what the flags say, and no more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Stop, Tool,
    cancel::{ids_field, sentence},
};
use crate::{
    comfy::{CancelState, PromptId, QueueItem},
    gate::Class,
};

/// Maximum number of waiting jobs that can have started, and ended, while the queue was being cleared.
const MAX_STARTS: usize = 5;
/// Maximum number of ids of removed jobs in the result.
const MAX_IDS: usize = 50;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_clear_queue",
            Class::Workflow,
            "Clear the queue",
            "Takes out every waiting job, stops the running one, or both, and says what really happened. For \
             single jobs use comfyui_cancel_jobs.",
            clear_queue,
        )
        .hints(Hints { read_only: false, destructive: true, idempotent: true, open_world: true }),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClearQueue {
    /// Stop the running job
    #[serde(default)]
    clear_running: bool,
    /// Take out the waiting jobs
    #[serde(default = "yes")]
    clear_pending: bool,
}

fn yes() -> bool {
    true
}

/// Outcome: the removed and the remaining jobs.
#[derive(Debug, Serialize, JsonSchema)]
struct Cleared {
    /// One sentence
    result: String,
    /// Waiting jobs that were taken out
    removed: usize,
    /// At most 50 of them
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed_ids: Vec<String>,
    /// The running job, where it was to be stopped
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stopped: Vec<StoppedJob>,
    still_running: usize,
    still_pending: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct StoppedJob {
    prompt_id: String,
    state: CancelState,
    verified: bool,
}

async fn clear_queue(call: Call, params: ClearQueue) -> Handled<Cleared> {
    let (before, _) = call.own_queue().await?;
    let mut said = Vec::new();
    let no_job = if call.sees_all_jobs() { "no job" } else { "no job of yours" };
    // The waiting jobs go first: otherwise the next one starts when the running one stops.
    let pending = ids(&before.pending);
    let taken = if params.clear_pending { take_out(&call, &pending).await? } else { Vec::new() };
    if params.clear_pending {
        said.push(match (pending.len(), taken.len()) {
            (0, _) => format!("{no_job} was waiting"),
            (all, gone) if all == gone => format!("{gone} waiting {} taken out", jobs(gone)),
            (all, gone) => format!("{gone} of {all} waiting jobs taken out; the others had started or ended"),
        });
    }
    let mut stopped = Vec::new();
    if params.clear_running {
        let running = ids(&before.running);
        if running.is_empty() {
            said.push(format!("{no_job} was running"));
        }
        for id in running {
            let outcome = call.cancel(&id).await?;
            said.push(sentence(&outcome, &id));
            stopped.push(StoppedJob {
                prompt_id: id.as_str().to_owned(),
                state: outcome.state,
                verified: outcome.verified,
            });
        }
    }
    if said.is_empty() {
        said.push("both flags are false, so nothing was touched".to_owned());
    }
    let (after, _) = call.own_queue().await?;
    Ok(Cleared {
        result: said.join("; "),
        removed: taken.len(),
        removed_ids: taken.iter().take(MAX_IDS).map(|id| id.as_str().to_owned()).collect(),
        stopped,
        still_running: after.running.len(),
        still_pending: after.pending.len(),
    }
    .into())
}

/// Empties the queue of what this caller may touch. Gives the jobs that are really gone and never ran.
async fn take_out(call: &Call, pending: &[PromptId]) -> Result<Vec<PromptId>, Stop> {
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    call.trail.event("cancelling", ids_field(pending)).await?;
    if call.sees_all_jobs() {
        call.backend().clear_pending().await?;
    } else {
        call.backend().take_out(pending).await?;
    }
    let after = call.backend().queue().await?;
    let mut gone = Vec::with_capacity(pending.len());
    for (at, id) in pending.iter().enumerate() {
        let is_left = after.position(id).is_some() || after.is_running(id);
        // A job that started and ended in the meantime has left history behind; a job taken out has not.
        if is_left || (at < MAX_STARTS && call.backend().history(id).await?.is_some()) {
            continue;
        }
        call.job_owners.stopped(id);
        gone.push(id.clone());
    }
    Ok(gone)
}

fn ids(items: &[QueueItem]) -> Vec<PromptId> {
    items.iter().filter_map(|item| PromptId::parse(&item.prompt_id).ok()).collect()
}

fn jobs(count: usize) -> &'static str {
    if count == 1 { "job" } else { "jobs" }
}
