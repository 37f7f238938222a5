//! Workflows as they are.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Call, Handled, Hints, Tool,
    envelope::Envelope,
    params::WorkflowArg,
    reading::{self, Readable},
    submit::{Submit, submit, wait_time},
};
use crate::gate::Class;

const RUN: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_run_workflow",
            Class::Generation,
            "Run a workflow",
            "Runs a workflow: API format, editor's format or script. Returns a prompt_id, or the outputs with \
             wait. For a picture from text use comfyui_generate_image.",
            run_workflow,
        )
        .hints(RUN)
        .always_load(),
        Tool::new(
            "comfyui_run_workflow_stream",
            Class::Generation,
            "Run a workflow and watch",
            "Runs a workflow, waits, and returns the distinct events beside the outputs; progress goes out \
             live.",
            run_workflow_stream,
        )
        .hints(RUN),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunWorkflow {
    /// Any readable form: object, JSON text or script
    workflow: WorkflowArg,
    /// Wait for the end
    #[serde(default)]
    wait: bool,
    /// Longest wait (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
}

async fn run_workflow(call: Call, params: RunWorkflow) -> Handled<Envelope> {
    let readable = reading::read(&call, params.workflow).await?;
    let how = Submit::waiting(&call, params.wait, params.wait_seconds);
    run(&call, readable, how).await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunWorkflowStream {
    /// Any readable form: object, JSON text or script
    workflow: WorkflowArg,
    /// Longest wait (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
}

async fn run_workflow_stream(call: Call, params: RunWorkflowStream) -> Handled<Envelope> {
    let readable = reading::read(&call, params.workflow).await?;
    let wait = Some(wait_time(&call, params.wait_seconds));
    run(&call, readable, Submit { wait, keep_events: true, ..Submit::default() }).await
}

/// Submits what was read; what a conversion lost is said first.
async fn run(call: &Call, readable: Readable, how: Submit) -> Handled<Envelope> {
    let mut warnings = readable.warnings();
    let mut answer = submit(call, readable.workflow, how).await?;
    warnings.append(&mut answer.output.warnings);
    answer.output.warnings = warnings;
    Ok(answer)
}
