//! Stopping jobs. Each tool looks before and after, and says what really happened.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, Call, Handled, Hints, Tool, jobs::OneJob, ownership::unknown};
use crate::{
    comfy::{CancelOutcome, CancelState, PromptId},
    gate::Class,
};
use comfywarden_error::{Error, JsonObject};

const STOP: Hints = Hints { read_only: false, destructive: true, idempotent: true, open_world: true };
/// Maximum number of jobs that one call may cancel.
const MAX_JOBS: usize = 100;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_cancel_job",
            Class::Workflow,
            "Cancel a job",
            "Takes a waiting job out of the queue or stops a running one, and says what really happened.",
            cancel_job,
        )
        .hints(STOP),
        Tool::new(
            "comfyui_cancel_jobs",
            Class::Workflow,
            "Cancel jobs",
            "Cancels several jobs at once and says of each what really happened.",
            cancel_jobs,
        )
        .hints(STOP),
        Tool::new(
            "comfyui_interrupt",
            Class::Workflow,
            "Interrupt",
            "Stops the running job; with prompt_id only if it is that one. For a job in any state use \
             comfyui_cancel_job.",
            interrupt,
        )
        .hints(STOP),
    ]
}

/// Outcome of a request to stop.
#[derive(Debug, Serialize, JsonSchema)]
struct Stopped {
    /// One sentence.
    result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<String>,
    state: String,
    /// True when ComfyUI was asked again afterwards and agrees.
    verified: bool,
}

async fn cancel_job(call: Call, params: OneJob) -> Handled<Stopped> {
    let id = params.prompt_id;
    call.must_see(&id).await?;
    let outcome = call.cancel(&id).await?;
    if outcome.state == CancelState::Unknown {
        return Err(unknown(&id).into());
    }
    Ok(Answer::from(told(&outcome, &id)).prompt(id.as_str()))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelJobs {
    /// Ids from submit answers
    #[schemars(length(min = 1, max = MAX_JOBS))]
    job_ids: Vec<PromptId>,
}

/// Outcome for each job.
#[derive(Debug, Serialize, JsonSchema)]
struct Cancelled {
    /// How many were stopped
    cancelled: usize,
    /// In the order of the request
    results: Vec<CancelledJob>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CancelledJob {
    prompt_id: String,
    state: CancelState,
    /// ComfyUI was asked again afterwards and agrees
    verified: bool,
}

async fn cancel_jobs(call: Call, params: CancelJobs) -> Handled<Cancelled> {
    let mut wanted: Vec<PromptId> = Vec::with_capacity(params.job_ids.len());
    for id in params.job_ids {
        if !wanted.contains(&id) {
            wanted.push(id);
        }
    }
    let mut visible = Vec::with_capacity(wanted.len());
    for id in &wanted {
        if call.may_see(id).await? {
            visible.push(id.clone());
        }
    }
    call.trail.event("cancelling", ids_field(&visible)).await?;
    let mut outcomes = call.cancel_many(&visible).await?;
    let results: Vec<CancelledJob> = wanted
        .into_iter()
        .map(|id| {
            // A job of somebody else gets the answer of one that does not exist.
            let outcome = outcomes.remove(&id);
            let (state, verified) =
                outcome.map_or((CancelState::Unknown, true), |outcome| (outcome.state, outcome.verified));
            CancelledJob { prompt_id: id.as_str().to_owned(), state, verified }
        })
        .collect();
    let stopped = |job: &&CancelledJob| job.state.is_stopped();
    Ok(Cancelled { cancelled: results.iter().filter(stopped).count(), results }.into())
}

/// The audit field that names several prompts.
pub(super) fn ids_field(ids: &[PromptId]) -> JsonObject {
    let ids: Vec<&str> = ids.iter().map(PromptId::as_str).collect();
    JsonObject::from_iter([("prompt_ids".to_owned(), json!(ids))])
}

fn told(outcome: &CancelOutcome, id: &PromptId) -> Stopped {
    Stopped {
        result: sentence(outcome, id),
        prompt_id: Some(id.as_str().to_owned()),
        state: outcome.state.as_str().to_owned(),
        verified: outcome.verified,
    }
}

/// Describes the outcome of one job for people.
pub(super) fn sentence(outcome: &CancelOutcome, id: &PromptId) -> String {
    match outcome.state {
        CancelState::RemovedFromQueue => format!("job {id} was taken out of the queue before it ran"),
        CancelState::Interrupted => format!("job {id} was interrupted"),
        CancelState::FinishedAnyway => {
            format!("job {id} could not be stopped in time and came to its own end")
        }
        CancelState::StillRunning => {
            format!(
                "job {id} was told to stop and still runs: the node at work cannot be interrupted; look again later"
            )
        }
        CancelState::StillPending => format!("job {id} still waits although it was taken out; try again"),
        CancelState::AlreadyFinished => format!("job {id} was over already; nothing was stopped"),
        CancelState::Unknown => format!("ComfyUI knows no job {id}"),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InterruptParams {
    /// Only this job, and only while it runs
    #[serde(default)]
    prompt_id: Option<PromptId>,
}

async fn interrupt(call: Call, params: InterruptParams) -> Handled<Stopped> {
    let (queue, others) = call.own_queue().await?;
    let target = match &params.prompt_id {
        Some(id) => queue.running.iter().find(|item| item.prompt_id == id.as_str()),
        None => queue.running.first(),
    };
    let Some(target) = target else {
        let result = match &params.prompt_id {
            Some(id) => format!("job {id} is not running; nothing was stopped"),
            None if others.running > 0 => {
                "the running job is another caller's and was left alone; nothing was stopped".to_owned()
            }
            None => "nothing is running; nothing was stopped".to_owned(),
        };
        return Ok(Stopped {
            result,
            prompt_id: params.prompt_id.map(String::from),
            state: "not_running".into(),
            verified: true,
        }
        .into());
    };
    // An interrupt by id cannot hit the job that starts in the meantime.
    let id = PromptId::parse(&target.prompt_id)?;
    let outcome = call.cancel(&id).await?;
    Ok(Answer::from(told(&outcome, &id)).prompt(id.as_str()))
}

impl Call {
    /// Cancels one job and remembers that it was done through us.
    pub(super) async fn cancel(&self, id: &PromptId) -> Result<CancelOutcome, Error> {
        let outcome = self.backend().cancel(id).await?;
        self.remember(id, &outcome);
        Ok(outcome)
    }

    /// Cancels several jobs.
    async fn cancel_many(&self, ids: &[PromptId]) -> Result<HashMap<PromptId, CancelOutcome>, Error> {
        let outcomes = self.backend().cancel_many(ids).await?;
        for (id, outcome) in &outcomes {
            self.remember(id, outcome);
        }
        Ok(outcomes.into_iter().collect())
    }

    fn remember(&self, id: &PromptId, outcome: &CancelOutcome) {
        if outcome.state.is_stopped() {
            self.job_owners.stopped(id);
        }
    }
}
