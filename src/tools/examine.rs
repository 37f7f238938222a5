//! Workflows looked at: what they do, what is wrong with them, how two differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Handled, Hints, Tool, packs, params::WorkflowArg, reading};
use crate::gate::Class;
use comfywarden_workflow::{
    analyze::{self, Analysis},
    check::{self, Problem, ProblemKind},
    diff::{self, Diff},
    outline::outline,
    summary,
};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };

/// Maximum number of missing classes that are looked up in the registry.
const MAX_PACKS: usize = 20;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_summarize_workflow",
            Class::Read,
            "Summarize a workflow",
            "Tells in words, or as a Mermaid flowchart, what a workflow does. For data use \
             comfyui_analyze_workflow.",
            summarize_workflow,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_analyze_workflow",
            Class::Read,
            "Analyze a workflow",
            "Returns the structure of a workflow: nodes in order, models, sampling parameters, prompt nodes.",
            analyze_workflow,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_validate_workflow",
            Class::Read,
            "Validate a workflow",
            "Says whether ComfyUI would accept a workflow and whether the policy would: classes, links, \
             values, models, findings.",
            validate_workflow,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_diff_workflows",
            Class::Read,
            "Compare workflows",
            "Compares two workflows by what their nodes do, not by their ids: added, removed, changed, \
             rewired.",
            diff_workflows,
        )
        .hints(LOOK),
    ]
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SummaryFormat {
    #[default]
    Text,
    Mermaid,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SummarizeWorkflow {
    /// Any readable form
    workflow: WorkflowArg,
    /// Words or a flowchart; default text
    #[serde(default)]
    output_format: SummaryFormat,
}

/// A summary.
#[derive(Debug, Serialize, JsonSchema)]
struct Summary {
    result: String,
    /// Why the result is not what was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// The longest summary in words, in bytes: the size of a default answer.
const MAX_TEXT: usize = 7_500;
/// The longest flowchart, in bytes. A flowchart that is cut is none.
const MAX_CHART: usize = 30_000;

async fn summarize_workflow(call: Call, params: SummarizeWorkflow) -> Handled<Summary> {
    let workflow = reading::read_to_show(&call, params.workflow).await?.workflow;
    let object_info = call.backend().object_info().await.ok();
    let (result, longest, why) = match params.output_format {
        SummaryFormat::Text => {
            let text = summary::text(&workflow, object_info.as_deref());
            (
                text,
                MAX_TEXT,
                "the workflow is too large for the usual summary; this is an outline of what matters most",
            )
        }
        SummaryFormat::Mermaid => {
            let chart = summary::mermaid(&workflow, object_info.as_deref());
            (
                chart,
                MAX_CHART,
                "the workflow is too large for a flowchart; this is an outline of what matters most",
            )
        }
    };
    if result.len() <= longest {
        return Ok(Answer::from(Summary { result, note: None }).exact(&["result"]));
    }
    Ok(Answer::from(Summary { result: outline(&workflow, MAX_TEXT), note: Some(why) }).exact(&["result"]))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneWorkflow {
    /// Any readable form
    workflow: WorkflowArg,
}

async fn analyze_workflow(call: Call, params: OneWorkflow) -> Handled<Analysis> {
    let workflow = reading::read_to_show(&call, params.workflow).await?.workflow;
    let object_info = call.backend().object_info().await.ok();
    let analysis = analyze::analyze(&workflow, object_info.as_deref());
    Ok(Answer::from(analysis).exact(&["flow", "models", "parameters"]))
}

/// Problems that a run would come up against.
#[derive(Debug, Serialize, JsonSchema)]
struct Validation {
    valid: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
    node_count: usize,
    pipeline: String,
    /// Problems by node and input.
    problems: Vec<Problem>,
}

/// Says which pack brings a class that is missing, where the Manager knows and answers quickly.
async fn name_packs(call: &Call, problems: &mut [Problem]) {
    let missing = problems.iter_mut().filter(|problem| problem.kind == ProblemKind::MissingNodeType);
    for problem in missing.take(MAX_PACKS) {
        let Some(class) = &problem.class_type else { continue };
        let Some(pack) = packs::pack_of(call, class).await else { return };
        problem.message = format!("{}; {pack}", problem.message);
    }
}

async fn validate_workflow(call: Call, params: OneWorkflow) -> Handled<Validation> {
    let readable = reading::read(&call, params.workflow).await?;
    let mut warnings = readable.warnings();
    let is_incomplete = readable.report.is_incomplete;
    let workflow = readable.workflow;
    let object_info = match call.backend().object_info().await {
        Ok(object_info) => Some(object_info),
        Err(error) => {
            warnings.push(format!("classes, values and models were not checked: {error}"));
            None
        }
    };
    let mut report = check::examine(&workflow, object_info.as_deref());
    name_packs(&call, &mut report.problems).await;
    let mut errors: Vec<String> = report.errors().map(|problem| problem.message.clone()).collect();
    if is_incomplete {
        errors.push(
            "values of the file are lost in the conversion, as the warnings say; export the API format in ComfyUI"
                .into(),
        );
    }
    warnings.extend(report.warnings().map(|problem| problem.message.clone()));
    let class_types: Vec<String> = workflow.iter().map(|(_, node)| node.class_type.clone()).collect();
    let (node_count, pipeline) = (workflow.len(), analyze::pipeline(&class_types));
    let policy = call.look(workflow, object_info.as_deref()).await;
    warnings.extend(policy.warnings);
    errors.extend(policy.refusal.map(|why| format!("Security: {why}")));
    Ok(Validation {
        valid: errors.is_empty(),
        errors,
        warnings,
        node_count,
        pipeline,
        problems: report.problems,
    }
    .into())
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DiffFormat {
    #[default]
    Json,
    Mermaid,
    Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffWorkflows {
    /// Any readable form
    before: WorkflowArg,
    /// Any readable form
    after: WorkflowArg,
    /// mermaid, text: one string more
    #[serde(default)]
    output_format: DiffFormat,
}

/// Difference between two workflows.
#[derive(Debug, Serialize, JsonSchema)]
struct Difference {
    equal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(flatten)]
    diff: Diff,
}

async fn diff_workflows(call: Call, params: DiffWorkflows) -> Handled<Difference> {
    let before = reading::read_to_show(&call, params.before).await?.workflow;
    let after = reading::read_to_show(&call, params.after).await?.workflow;
    let found = diff::diff(&before, &after);
    let result = match params.output_format {
        DiffFormat::Json => None,
        DiffFormat::Text => Some(diff::text(&found)),
        DiffFormat::Mermaid => Some(diff::mermaid(&before, &after)),
    };
    let difference = Difference { equal: found.is_empty(), result, diff: found };
    Ok(Answer::from(difference).exact(&["result", "added", "removed", "changed", "rewired"]))
}
