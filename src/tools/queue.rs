//! Jobs: the queue, one job, its progress, and stopping it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Tool,
    envelope::JobError,
    follow::{follow, output_link},
};
use crate::{
    comfy::{CancelOutcome, CancelState, Job, JobStatus, OutputFile, PromptId, QueueItem},
    error::Error,
    security::Class,
};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
const STOP: Hints = Hints { read_only: false, destructive: true, idempotent: true, open_world: true };

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_queue",
            Class::Read,
            "Queue",
            "Lists running and waiting jobs with number and node count, in the order they will run. \
             For one job use comfyui_get_progress.",
            get_queue,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_job",
            Class::Read,
            "Job",
            "Shows one job: status, times, outputs when it succeeded, the failing node when it failed.",
            get_job,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_progress",
            Class::Read,
            "Job progress",
            "Tells how far a job is: queue position, step, node, and outputs once completed. \
             With wait_seconds it waits that long for the end.",
            get_progress,
        )
        .hints(LOOK)
        .always_load(),
        Tool::new(
            "comfyui_cancel_job",
            Class::Workflow,
            "Cancel a job",
            "Takes a waiting job out of the queue or stops it while it runs, checks, and says what really happened.",
            cancel_job,
        )
        .hints(STOP),
        Tool::new(
            "comfyui_interrupt",
            Class::Workflow,
            "Interrupt",
            "Stops the running job, whoever submitted it; with prompt_id only if that job is the running one. \
             To cancel one job in any state use comfyui_cancel_job.",
            interrupt,
        )
        .hints(STOP),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// Running and waiting jobs.
#[derive(Debug, Serialize, JsonSchema)]
struct Queue {
    queue_running: Vec<QueueItem>,
    queue_pending: Vec<QueueItem>,
}

async fn get_queue(call: Call, _: NoParams) -> Handled<Queue> {
    let queue = call.comfy.queue().await?;
    Ok(Queue { queue_running: queue.running, queue_pending: queue.pending }.into())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneJob {
    /// Id from the submit answer
    prompt_id: PromptId,
}

async fn get_job(call: Call, params: OneJob) -> Handled<Job> {
    let job = call.comfy.job(&params.prompt_id).await?.ok_or_else(|| unknown(&params.prompt_id))?;
    Ok(super::Answer::from(job).prompt(params.prompt_id.as_str()))
}

fn unknown(id: &PromptId) -> Error {
    Error::not_found(format!("ComfyUI knows no job `{id}`"))
        .hint("it may have been deleted from the queue, or ComfyUI restarted since; comfyui_get_queue lists what is there")
        .detail("prompt_id", id.as_str())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProgressParams {
    /// Id from the submit answer
    prompt_id: PromptId,
    /// Wait up to so many seconds for the end
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: u32,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Queued,
    Running,
    Completed,
    Error,
    Interrupted,
    Unknown,
}

/// How far a job is.
#[derive(Debug, Serialize, JsonSchema)]
struct JobProgress {
    status: Standing,
    prompt_id: String,
    /// From 1
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_steps: Option<u64>,
    /// Over all nodes
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_node: Option<String>,
    /// The worker shows no sign of life
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stalled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Vec<OutputFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn get_progress(call: Call, params: ProgressParams) -> Handled<JobProgress> {
    let id = params.prompt_id;
    let mut stalled = false;
    if params.wait_seconds > 0 && call.comfy.job(&id).await?.is_some_and(|job| !job.status.is_terminal()) {
        let wait = Duration::from_secs(params.wait_seconds.into());
        let _seat = call.seat()?;
        stalled = follow(&call, &id, wait, false).await?.is_stalled();
    }
    let (job, queue) = tokio::join!(call.comfy.job(&id), call.comfy.queue());
    let (job, queue) = (job?, queue?);
    let mut progress = JobProgress::bare(standing(job.as_ref()), &id);
    progress.stalled = stalled;
    match progress.status {
        Standing::Queued => progress.queue_position = queue.position(&id),
        Standing::Running => progress.fill_live(call.comfy.progress(&id)),
        Standing::Unknown => progress.next = Some(unknown_next(&id)),
        Standing::Completed | Standing::Error | Standing::Interrupted => {}
    }
    let Some(job) = job else { return Ok(super::Answer::from(progress).prompt(id.as_str())) };
    progress.error = job.error.as_ref().map(JobError::of_failure);
    let links: Vec<_> = job.outputs.iter().filter(|o| !o.filename.is_empty()).map(output_link).collect();
    if progress.status == Standing::Completed {
        progress.outputs = Some(job.outputs);
    }
    Ok(links.into_iter().fold(super::Answer::from(progress).prompt(id.as_str()), super::Answer::block))
}

fn unknown_next(id: &PromptId) -> String {
    format!("ComfyUI knows no job {id}: it was deleted from the queue, or ComfyUI restarted since")
}

fn standing(job: Option<&Job>) -> Standing {
    match job.map(|job| job.status) {
        Some(JobStatus::Pending) => Standing::Queued,
        Some(JobStatus::InProgress) => Standing::Running,
        Some(JobStatus::Completed) => Standing::Completed,
        Some(JobStatus::Failed) => Standing::Error,
        Some(JobStatus::Cancelled) => Standing::Interrupted,
        Some(JobStatus::Unknown) | None => Standing::Unknown,
    }
}

impl JobProgress {
    fn bare(status: Standing, id: &PromptId) -> Self {
        Self {
            status,
            prompt_id: id.as_str().to_owned(),
            queue_position: None,
            step: None,
            total_steps: None,
            percent: None,
            current_node: None,
            stalled: false,
            outputs: None,
            error: None,
            next: None,
        }
    }

    fn fill_live(&mut self, progress: Option<crate::comfy::Progress>) {
        let Some(progress) = progress else { return };
        self.step = progress.step;
        self.total_steps = progress.total_steps;
        self.percent = Some((progress.percent * 10.0).round() / 10.0);
        self.current_node = progress.node_type.or(progress.node_id);
    }
}

/// What came of a request to stop.
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
    let outcome = call.comfy.cancel(&params.prompt_id).await?;
    if outcome.state == CancelState::Unknown {
        return Err(unknown(&params.prompt_id).into());
    }
    let id = params.prompt_id.as_str().to_owned();
    Ok(super::Answer::from(told(&outcome, Some(&params.prompt_id))).prompt(id))
}

fn told(outcome: &CancelOutcome, id: Option<&PromptId>) -> Stopped {
    Stopped {
        result: sentence(outcome, id),
        prompt_id: id.map(|id| id.as_str().to_owned()),
        state: outcome.state.as_str().to_owned(),
        verified: outcome.verified,
    }
}

fn sentence(outcome: &CancelOutcome, id: Option<&PromptId>) -> String {
    let job = id.map_or_else(|| "the job".to_owned(), |id| format!("job {id}"));
    match outcome.state {
        CancelState::RemovedFromQueue => format!("{job} was taken out of the queue before it ran"),
        CancelState::Interrupted => format!("{job} was interrupted"),
        CancelState::FinishedAnyway => format!("{job} could not be stopped in time and came to its own end"),
        CancelState::StillRunning => {
            format!(
                "{job} was told to stop and still runs: the node at work cannot be interrupted; look again later"
            )
        }
        CancelState::StillPending => format!("{job} still waits although it was taken out; try again"),
        CancelState::AlreadyFinished => format!("{job} was over already; nothing was stopped"),
        CancelState::Unknown => format!("ComfyUI knows no {job}"),
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
    let running = call.comfy.queue().await?.running;
    let target = match &params.prompt_id {
        Some(id) => running.iter().find(|item| item.prompt_id == id.as_str()),
        None => running.first(),
    };
    let Some(target) = target else {
        let result = match &params.prompt_id {
            Some(id) => format!("job {id} is not running; nothing was stopped"),
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
    let outcome = call.comfy.cancel(&id).await?;
    Ok(super::Answer::from(told(&outcome, Some(&id))).prompt(id.as_str()))
}
