//! The tool: finds the job that is meant, and its state.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    super::{
        Answer, Call, Handled, Hints, Stop, Tool,
        envelope::STALLED,
        job_owners::{Attempt, Owner, RefusedWorkflow},
        ownership::unknown,
    },
    failure, remedy,
    verdict::{Diagnosis, Verdict},
};
use crate::{
    comfy::{Job, JobQuery, JobState, PromptId},
    gate::Class,
};

/// Maximum number of a caller's attempts that are searched for the one that failed.
const MAX_LOOKS: usize = 12;

pub(in crate::tools) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_diagnose_job",
            Class::Read,
            "Diagnose a job",
            "Says what failed, where, why, and what to try, for a failed job or a refused workflow. Without \
             prompt_id: your last one.",
            diagnose_job,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true }),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiagnoseJob {
    /// Job id
    #[serde(default)]
    prompt_id: Option<PromptId>,
}

/// Subject of the diagnosis.
enum Case {
    Job(PromptId),
    RefusedWorkflow(std::sync::Arc<RefusedWorkflow>),
    Nothing,
}

async fn diagnose_job(call: Call, params: DiagnoseJob) -> Handled<Diagnosis> {
    let case = match params.prompt_id {
        Some(id) => {
            call.must_see(&id).await?;
            Case::Job(id)
        }
        None => last_failed(&call).await?,
    };
    match case {
        Case::Job(id) => {
            let diagnosis = diagnose(&call, &id).await?;
            Ok(Answer::from(diagnosis).prompt(id.as_str()))
        }
        Case::RefusedWorkflow(refusal) => Ok(remedy::of_refusal(&call, &refusal).await.into()),
        Case::Nothing => Ok(Diagnosis::new(
            Verdict::NothingFailed,
            "no failed job and no refused workflow of yours is known",
        )
        .step("give the prompt_id of a job; comfyui_list_jobs shows them")
        .into()),
    }
}

/// The newest attempt of this caller that did not end well. What the caller stopped itself comes after the rest.
async fn last_failed(call: &Call) -> Result<Case, Stop> {
    let mut stopped = None;
    for attempt in call.job_owners.attempts(&call.mark()).into_iter().take(MAX_LOOKS) {
        let id = match attempt {
            Attempt::Refused(refusal) => return Ok(Case::RefusedWorkflow(refusal)),
            Attempt::Submitted(id) => id,
        };
        let status = call.backend().job(&id).await?.map(|job| job.status);
        match status {
            Some(Some(JobState::Failed)) => return Ok(Case::Job(id)),
            None if !call.job_owners.was_stopped(&id) => return Ok(Case::Job(id)),
            Some(Some(JobState::Succeeded)) if is_blocked(call, &id).await? => return Ok(Case::Job(id)),
            None | Some(Some(JobState::Cancelled)) => stopped = stopped.or(Some(id)),
            Some(_) => {}
        }
    }
    if let Some(id) = stopped {
        return Ok(Case::Job(id));
    }
    // After a restart only the jobs themselves know whose they are.
    let limit = call.sees_all_jobs().then_some(1);
    let query = JobQuery { status: vec![JobState::Failed], limit, ..JobQuery::default() };
    let mut failed = call.backend().jobs(&query).await?.jobs;
    if !call.sees_all_jobs() {
        failed = call.only_own(failed).await?;
    }
    let newest = failed.first().and_then(|job| PromptId::parse(&job.id).ok());
    Ok(newest.map_or(Case::Nothing, Case::Job))
}

async fn is_blocked(call: &Call, id: &PromptId) -> Result<bool, Stop> {
    Ok(call.backend().history(id).await?.is_some_and(|entry| entry.blocked.is_some()))
}

async fn diagnose(call: &Call, id: &PromptId) -> Result<Diagnosis, Stop> {
    let Some(job) = call.backend().job(id).await? else { return absent(call, id) };
    let diagnosis = match job.status {
        Some(JobState::Failed) => failure::of_job(call, id, job).await?,
        Some(JobState::Succeeded) => ended_well(call, id, &job).await?,
        Some(JobState::Cancelled) if call.backend().was_removed(id) => return Ok(removed(id)),
        Some(JobState::Cancelled) => cancelled(call, &job),
        Some(JobState::Queued) => waiting(call, id).await?,
        _ => running(call, id),
    };
    Ok(diagnosis.of(id))
}

fn removed(id: &PromptId) -> Diagnosis {
    let told = "the job was taken out of the queue before it ran, by comfyui_cancel_job or the like";
    Diagnosis::new(Verdict::Removed, told).step("submit the workflow again").of(id)
}

/// ComfyUI does not know it: removed by us, lost, or never there.
fn absent(call: &Call, id: &PromptId) -> Result<Diagnosis, Stop> {
    if call.job_owners.was_stopped(id) {
        return Ok(removed(id));
    }
    if !matches!(call.job_owners.owner(id), Some(Owner::Caller(_))) {
        return Err(unknown(id).into());
    }
    let told = "ComfyUI took the job and does not know it any more: it was restarted or crashed, its history was \
                cleared, or somebody took the job out of the queue";
    Ok(Diagnosis::new(Verdict::Lost, told)
        .step("look whether ComfyUI was restarted: comfyui_get_system_info, comfyui_list_jobs")
        .step("look whether its files are there all the same: comfyui_list_outputs")
        .step("submit the workflow again; if ComfyUI crashed on it, make it smaller first")
        .of(id))
}

async fn ended_well(call: &Call, id: &PromptId, job: &Job) -> Result<Diagnosis, Stop> {
    let entry = call.backend().history(id).await?;
    if let Some(blocked) = entry.as_ref().and_then(|entry| entry.blocked.clone()) {
        let missing = entry.as_ref().map(|entry| entry.missing.as_slice()).unwrap_or_default();
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let saved = match (job.outputs.is_empty(), missing.is_empty()) {
            (true, _) => "nothing was saved".to_owned(),
            (false, true) => "a part was not made".to_owned(),
            (false, false) => format!("there is no output of {}", missing.join(", ")),
        };
        let told = format!(
            "ComfyUI calls the job a success, but {blocked} did not run and {saved}: a node before it held its \
             output back on purpose"
        );
        let mut diagnosis = Diagnosis::new(Verdict::Blocked, told)
            .step("look at the switches, gates and checks before that node: one of them said no");
        if blocked.message.is_none() {
            diagnosis = diagnosis
                .step("run it with comfyui_run_workflow_stream, which tells the blocker's own message");
        }
        (diagnosis.node_id, diagnosis.node_type) = (blocked.node_id, blocked.node_type);
        diagnosis.message = blocked.message;
        return Ok(diagnosis);
    }
    let told =
        format!("the job succeeded and left {} output(s); there is nothing to mend", job.outputs.len());
    let diagnosis = Diagnosis::new(Verdict::Succeeded, told);
    if entry.is_some_and(|entry| entry.cached) {
        return Ok(diagnosis.step(
            "everything came from ComfyUI's cache, so the files are the old ones: change the seed for new ones",
        ));
    }
    Ok(diagnosis.step("comfyui_get_image shows an output"))
}

fn cancelled(call: &Call, job: &Job) -> Diagnosis {
    let by_us = PromptId::parse(&job.id).is_ok_and(|id| call.job_owners.was_stopped(&id));
    let told = if by_us {
        "the job was interrupted while it ran, as it was asked to through comfywarden"
    } else {
        "the job was interrupted while it ran, and not through this session of comfywarden: by another session or \
         client, by the user in ComfyUI's own page, or by a session before this one"
    };
    Diagnosis::new(Verdict::Interrupted, told)
        .step("submit the workflow again; finished steps come from ComfyUI's cache where they can")
}

async fn waiting(call: &Call, id: &PromptId) -> Result<Diagnosis, Stop> {
    let queue = call.backend().queue().await?;
    let told = match queue.position(id) {
        Some(1) if queue.running.is_empty() => {
            "the job is next and nothing runs: it should start in a moment".to_owned()
        }
        Some(place) => format!("the job waits at place {place}, behind {} running", queue.running.len()),
        None => "the job is about to run".to_owned(),
    };
    Ok(Diagnosis::new(Verdict::Waiting, told)
        .step("wait for it: comfyui_get_progress with wait_seconds")
        .step("if the running job does not move, diagnose that one or interrupt it"))
}

fn running(call: &Call, id: &PromptId) -> Diagnosis {
    let at = call.backend().progress(id).and_then(|progress| progress.node_type.or(progress.node_id));
    let told = match at {
        Some(node) => format!("the job runs and is at {node}; it has not failed"),
        None => "the job runs; it has not failed".to_owned(),
    };
    if call.backend().stalled_for(id).is_some() {
        return Diagnosis::new(Verdict::Running, told).step(STALLED);
    }
    Diagnosis::new(Verdict::Running, told)
        .step("wait for it: comfyui_get_progress with wait_seconds also says when the worker shows no sign of life")
        .step("the first run with a model loads it, which can take minutes")
}
