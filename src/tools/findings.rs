//! Faults of one node of a workflow, as a diagnosis tells them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::comfy::{Problem, Rejection};
use comfywarden_workflow::{
    ObjectInfo,
    check::{self, ProblemKind, Severity, models},
    nearest,
};

/// One cause.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Finding {
    /// `missing_model`, `missing_node`, `bad_value`, …
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<String>,
    pub(crate) message: String,
    /// The value that was given
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) received: Option<String>,
    /// Accepted values near the one given
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) nearest: Vec<String>,
}

/// Maximum number of causes that are told.
const MAX_ENTRIES: usize = 10;

/// Converts the faults for which ComfyUI refused a workflow.
pub(crate) fn of_rejection(rejection: &Rejection, object_info: Option<&ObjectInfo>) -> Vec<Finding> {
    if rejection.problems.is_empty() {
        return of_whole(rejection, object_info).into_iter().collect();
    }
    rejection.problems.iter().take(MAX_ENTRIES).map(of_problem).collect()
}

fn of_whole(rejection: &Rejection, object_info: Option<&ObjectInfo>) -> Option<Finding> {
    let bare = |kind, message: String| Finding {
        kind,
        node_id: None,
        node_type: None,
        input: None,
        message,
        received: None,
        nearest: Vec::new(),
    };
    match (rejection.kind.as_str(), &rejection.node) {
        ("missing_node_type", Some((node, class))) => {
            let known = object_info.map(ObjectInfo::names).unwrap_or_default();
            Some(Finding {
                node_id: Some(node.clone()),
                node_type: Some(class.clone()),
                nearest: near(class, known.iter().map(String::as_str)),
                ..bare("missing_node", format!("node {node}: this ComfyUI has no node class `{class}`"))
            })
        }
        ("prompt_no_outputs", _) => {
            Some(bare("no_outputs", "no node of the workflow saves or shows anything".into()))
        }
        ("prompt_outputs_failed_validation", _) => {
            Some(bare("cycle", "ComfyUI names no node, as it does when links form a cycle".into()))
        }
        _ => None,
    }
}

fn of_problem(problem: &Problem) -> Finding {
    let input = problem.input.as_deref();
    let is_model = input.is_some_and(|input| models::folder(&problem.class_type, input).is_some());
    let kind = match problem.kind.as_str() {
        "value_not_in_list" if is_model => "missing_model",
        "value_not_in_list" | "invalid_input_type" => "bad_value",
        "value_smaller_than_min" | "value_bigger_than_max" => "out_of_range",
        "required_input_missing" => "missing_input",
        "bad_linked_input" | "return_type_mismatch" | "exception_during_inner_validation" => "bad_link",
        "custom_validation_failed" if problem.class_type.starts_with("Load") => "missing_file",
        _ => "invalid",
    };
    let received = problem.received.as_ref().and_then(Value::as_str).unwrap_or_default();
    let choices = problem.choices.iter().flatten().map(String::as_str);
    Finding {
        kind,
        node_id: Some(problem.node_id.clone()),
        node_type: Some(problem.class_type.clone()),
        input: problem.input.clone(),
        message: problem.to_string(),
        nearest: near(received, choices),
        received: Some(received.to_owned()).filter(|text| !text.is_empty()),
    }
}

fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    nearest::nearest(name, known, 3).into_iter().map(str::to_owned).collect()
}

/// Converts the faults that our own check finds in one node of a workflow that ran, and models that are gone
/// anywhere in it.
pub(crate) fn of_check(problems: Vec<check::Problem>, node_id: &str) -> Vec<Finding> {
    let concerns = |problem: &check::Problem| {
        problem.kind == ProblemKind::MissingModel
            || (problem.severity == Severity::Error && problem.node_id.as_deref() == Some(node_id))
    };
    problems.into_iter().filter(concerns).take(MAX_ENTRIES).map(of_check_problem).collect()
}

fn of_check_problem(problem: check::Problem) -> Finding {
    let kind = match problem.kind {
        ProblemKind::MissingModel => "missing_model",
        ProblemKind::MissingNodeType => "missing_node",
        ProblemKind::ValueNotInList | ProblemKind::InvalidInputType => "bad_value",
        ProblemKind::ValueSmallerThanMin | ProblemKind::ValueBiggerThanMax => "out_of_range",
        ProblemKind::RequiredInputMissing | ProblemKind::LinkExpected => "missing_input",
        ProblemKind::BadLinkedInput | ProblemKind::ReturnTypeMismatch | ProblemKind::SlotOutOfRange => {
            "bad_link"
        }
        _ => "invalid",
    };
    let received = problem.received.as_ref().and_then(Value::as_str).map(str::to_owned);
    let accepted = problem.accepted.as_ref().and_then(Value::as_array).into_iter().flatten();
    Finding {
        kind,
        node_id: problem.node_id,
        node_type: problem.class_type,
        input: problem.input,
        message: problem.message,
        nearest: near(received.as_deref().unwrap_or_default(), accepted.filter_map(Value::as_str)),
        received,
    }
}
