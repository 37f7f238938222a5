//! The way of a workflow to ComfyUI: vet, submit, follow, report. Tools 1 to 6 all take it.

use std::time::Duration;

use serde_json::Value;

use super::{
    Call,
    envelope::Envelope,
    findings::{self, Finding},
    follow::{FollowMode, follow, prompt_field},
    job_owners::RefusedWorkflow,
    reply::{Answer, Stop},
};
use crate::comfy::{self, JobState, SubmitOptions, Submitted};
use comfywarden_error::Error;
use comfywarden_policy::strip_credentials;
use comfywarden_workflow::{
    Workflow,
    check::{ProblemKind, check},
};

/// Settings of a submit.
#[derive(Debug, Default)]
pub(crate) struct Submit {
    /// Follow the job for this long.
    pub(crate) wait: Option<Duration>,
    /// Keep the distinct events.
    pub(crate) keep_events: bool,
    /// The seed in the workflow, so that a question can carry it.
    pub(crate) seed: Option<u64>,
    /// A time to wait was given, and no wish to wait.
    pub(crate) idle_wait: bool,
}

impl Submit {
    /// Waits when the call asks for it: as long as it says, or as the operator does.
    pub(crate) fn waiting(call: &Call, wait: bool, wait_seconds: Option<u32>) -> Self {
        let idle_wait = !wait
            && wait_seconds.is_some_and(|given| {
                let defaults = call.defaults.of(&call.caller, call.trail.tool());
                !defaults.iter().any(|(name, value, _)| name == "wait_seconds" && *value == given)
            });
        Self { wait: wait.then(|| wait_time(call, wait_seconds)), idle_wait, ..Self::default() }
    }
}

/// The wait a caller asked for, or the operator's.
pub(crate) fn wait_time(call: &Call, wait_seconds: Option<u32>) -> Duration {
    Duration::from_secs(wait_seconds.map_or(call.settings.wait_seconds, u64::from))
}

/// Time that a server that is there may take to tell its queue.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Vets and submits `workflow`, and follows it when asked to.
pub(crate) async fn submit(call: &Call, workflow: Workflow, how: Submit) -> Result<Answer<Envelope>, Stop> {
    strip_credentials::refuse_stripped(&workflow)?;
    let missing = missing_models(call, &workflow).await;
    let vetted = match call.vet(workflow, how.seed).await {
        Err(Stop::Failed(error)) => return Err(Stop::Failed(remembered(call, error, Vec::new()))),
        vetted => vetted?,
    };
    let _slot = how.wait.map(|_| call.wait_slot()).transpose()?;
    let mut warnings: Vec<String> =
        vetted.findings().iter().map(comfywarden_policy::Finding::warning).collect();
    warnings.extend(missing);
    if how.idle_wait {
        warnings
            .push("`wait_seconds` has no effect without `wait: true`: nobody waited for this job".to_owned());
    }
    if call.cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    let allowed = call.allow_work(&vetted).await?;
    warnings.extend(allowed.charge.as_ref().map(ToString::to_string));
    let mark = call.mark();
    let options = SubmitOptions { mark: Some(mark.as_str().to_owned()), ..SubmitOptions::default() };
    let submitted = match call.backend().queue_prompt(&vetted, &options).await {
        Ok(submitted) => submitted,
        Err(error) => {
            call.take_back(allowed.charge.as_ref(), &error).await;
            return Err(Stop::Failed(not_submitted(call, error).await));
        }
    };
    drop(allowed);
    // Waiting takes minutes, and the graph is large.
    drop(vetted);
    let id = submitted.prompt_id.clone();
    call.job_owners.submitted(&mark, &id);
    call.trail.event("submitted", prompt_field(&id)).await?;
    warnings.extend(dropped_branches(&submitted));

    let mut envelope = Envelope::new(JobState::Queued, &id);
    let mut links = Vec::new();
    if let Some(wait) = how.wait {
        let mode = if how.keep_events { FollowMode::StreamEvents } else { FollowMode::CancelOnDisconnect };
        let followed = follow(call, &id, wait, mode).await?;
        links = followed.links();
        followed.tell(&id, &mut envelope);
        let action = if how.keep_events { "stream_completed" } else { "completed" };
        call.trail.event(action, prompt_field(&id)).await?;
    }
    if envelope.status == JobState::Running && !answers(call).await {
        warnings.push(
            "ComfyUI does not answer now, so `running` is the last that is known; ask comfyui_get_progress later".into(),
        );
    }
    warnings.append(&mut envelope.warnings);
    envelope.warnings = warnings;
    envelope.error = envelope.error.map(|error| error.with_node_errors(submitted.node_errors));
    envelope.next = envelope.next_step();
    Ok(links.into_iter().fold(Answer::from(envelope).prompt(id.as_str()), Answer::block))
}

/// Keeps for a diagnosis what ComfyUI did not take. A job of unknown fate counts as submitted.
async fn not_submitted(call: &Call, error: comfy::Error) -> Error {
    let findings = match &error {
        comfy::Error::Unconfirmed { prompt_id, .. } => {
            call.job_owners.submitted(&call.mark(), prompt_id);
            return error.into();
        }
        comfy::Error::Rejected(rejection) => {
            let object_info = call.backend().object_info().await.ok();
            findings::of_rejection(rejection, object_info.as_deref())
        }
        _ => Vec::new(),
    };
    remembered(call, error.into(), findings)
}

fn remembered(call: &Call, error: Error, findings: Vec<Finding>) -> Error {
    let refusal = RefusedWorkflow {
        kind: error.kind(),
        message: error.message().to_owned(),
        hint: error.hint_text().map(str::to_owned),
        findings,
    };
    call.job_owners.refused(&call.mark(), refusal);
    error
}

/// True when ComfyUI answers at once.
async fn answers(call: &Call) -> bool {
    matches!(tokio::time::timeout(AT_ONCE, call.backend().queue()).await, Ok(Ok(_)))
}

/// Loaders that name a file which is not installed. ComfyUI's own catalogue lists what is.
async fn missing_models(call: &Call, workflow: &Workflow) -> Vec<String> {
    let Ok(object_info) = call.backend().object_info().await else { return Vec::new() };
    let problems = check(workflow, Some(&object_info));
    let missing = problems.into_iter().filter(|problem| problem.kind == ProblemKind::MissingModel);
    missing.map(|problem| format!("Missing model: {}", problem.message)).collect()
}

/// ComfyUI runs what is valid and drops the rest in silence; the caller must know.
fn dropped_branches(submitted: &Submitted) -> Option<String> {
    if submitted.node_errors.is_empty() {
        return None;
    }
    let nodes: Vec<&str> = submitted.node_errors.keys().map(String::as_str).collect();
    Some(format!(
        "ComfyUI dropped the output branches with errors in node {} and runs the rest: {}",
        nodes.join(", "),
        Value::Object(submitted.node_errors.clone())
    ))
}
