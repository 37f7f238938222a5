//! Explains why JSON is not a workflow in API format.

use serde_json::Value;

use super::{Problem, ProblemKind};
use crate::graph::{MAX_NODES, kind_of};

/// The most malformed nodes that are reported.
const MAX_REPORTED: usize = 50;

/// Lists the reasons why `value` is not a map of nodes; empty when it is one.
pub(super) fn problems(value: &Value) -> Vec<Problem> {
    let Value::Object(map) = value else {
        let message = format!(
            "the workflow is {}, not an object of nodes; give {{\"1\": {{\"class_type\": …, \"inputs\": {{…}}}}}}",
            kind_of(value)
        );
        return vec![Problem::of_graph(ProblemKind::NotAWorkflow, message)];
    };
    if map.get("nodes").is_some_and(Value::is_array) {
        let message = "this is a workflow in editor (UI) format; convert it to API format first \
                       (comfyui_convert_workflow), or use Export (API) in ComfyUI";
        return vec![Problem::of_graph(ProblemKind::UiFormat, message)];
    }
    if let (Some(Value::Object(_)), true) = (map.get("prompt"), map.len() <= 4) {
        let message = "this is the body of a request to ComfyUI; give only what stands under `prompt`";
        return vec![Problem::of_graph(ProblemKind::NotAWorkflow, message)];
    }
    if map.len() > MAX_NODES {
        let message = format!("the workflow has {} nodes; at most {MAX_NODES} are accepted", map.len());
        return vec![Problem::of_graph(ProblemKind::NotAWorkflow, message)];
    }
    map.iter().filter_map(|(id, node)| misshapen(id, node)).take(MAX_REPORTED).collect()
}

fn misshapen(id: &str, value: &Value) -> Option<Problem> {
    let Value::Object(node) = value else {
        let message = format!("node `{id}` is {}, not an object with class_type and inputs", kind_of(value));
        return Some(at(id, None, ProblemKind::NotANode, message));
    };
    let class_type = match node.get("class_type") {
        Some(Value::String(class_type)) => class_type.as_str(),
        Some(other) => {
            let message = format!("class_type of node `{id}` is {}, not a string", kind_of(other));
            return Some(at(id, None, ProblemKind::MissingNodeType, message));
        }
        None => {
            let message = format!("node `{id}` has no class_type; name a class such as KSampler");
            return Some(at(id, None, ProblemKind::MissingNodeType, message));
        }
    };
    let message = match node.get("inputs") {
        Some(Value::Object(_)) => return None,
        Some(other) => format!(
            "inputs of node `{id}` ({class_type}) is {}, not an object; give {{}} for none",
            kind_of(other)
        ),
        None => format!("node `{id}` ({class_type}) has no inputs; give {{}} for none"),
    };
    Some(at(id, Some(class_type), ProblemKind::NotANode, message))
}

fn at(id: &str, class_type: Option<&str>, kind: ProblemKind, message: String) -> Problem {
    Problem {
        node_id: Some(id.to_owned()),
        class_type: class_type.map(str::to_owned),
        ..Problem::of_graph(kind, message)
    }
}
