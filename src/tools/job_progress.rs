//! Progress of one job.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Answer, Call, Handled, Hints, Tool,
    assets::Made,
    envelope::{JobError, STALLED},
    follow::{FollowMode, follow, output_link, unsaved},
    job_words,
};
use crate::{
    comfy::{JobState, PromptId},
    gate::Class,
};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_progress",
            Class::Read,
            "Job progress",
            "Tells how far a job is: queue position, step, node, outputs. With wait_seconds it waits that \
             long for the end.",
            get_progress,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true })
        .always_load(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProgressParams {
    /// Job id
    prompt_id: PromptId,
    /// Wait up to so many seconds for the end
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: u32,
}

/// Progress of a job.
#[derive(Debug, Serialize, JsonSchema)]
struct JobProgress {
    #[serde(serialize_with = "job_words::progress::serialize")]
    #[schemars(schema_with = "job_words::progress::schema")]
    status: Option<JobState>,
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
    outputs: Option<Vec<Made>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn get_progress(call: Call, params: ProgressParams) -> Handled<JobProgress> {
    let id = params.prompt_id;
    if !call.may_see(&id).await? {
        let mut progress = JobProgress::bare(None, &id);
        progress.next = Some(unknown_next(&id));
        return Ok(Answer::from(progress).prompt(id.as_str()));
    }
    let mut stalled = false;
    if params.wait_seconds > 0
        && call.backend().job(&id).await?.is_some_and(|job| !job.status.is_some_and(JobState::is_terminal))
    {
        let wait = Duration::from_secs(params.wait_seconds.into());
        let _slot = call.wait_slot()?;
        stalled = follow(&call, &id, wait, FollowMode::Observe).await?.is_stalled();
    }
    let (job, queue) = tokio::join!(call.backend().job(&id), call.backend().queue());
    let (job, queue) = (job?, queue?);
    let mut progress = JobProgress::bare(job.as_ref().and_then(|job| job.status), &id);
    progress.stalled = stalled;
    match progress.status {
        Some(JobState::Queued) => progress.queue_position = queue.position(&id),
        Some(JobState::Running) => {
            progress.fill_live(call.backend().progress(&id));
            progress.stalled |= call.backend().stalled_for(&id).is_some();
            progress.next = progress.stalled.then(|| STALLED.to_owned());
        }
        None => progress.next = Some(unknown_next(&id)),
        Some(_) => {}
    }
    let Some(job) = job else { return Ok(Answer::from(progress).prompt(id.as_str())) };
    progress.error = job.error.as_ref().map(JobError::of_failure);
    if progress.status == Some(JobState::Succeeded)
        && let Some(ending) = call.backend().ending(&id).await?
    {
        progress.error = JobError::of(&ending);
        progress.next = ending.unsaved.first().map(unsaved);
    }
    let links: Vec<_> = job.outputs.iter().filter(|o| !o.filename.is_empty()).map(output_link).collect();
    if progress.status == Some(JobState::Succeeded) || !job.outputs.is_empty() {
        progress.outputs = Some(Made::all(job.outputs, &id));
    }
    Ok(links.into_iter().fold(Answer::from(progress).prompt(id.as_str()), Answer::block))
}

fn unknown_next(id: &PromptId) -> String {
    format!("ComfyUI knows no job {id}: it was deleted from the queue, or ComfyUI restarted since")
}

impl JobProgress {
    fn bare(status: Option<JobState>, id: &PromptId) -> Self {
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
