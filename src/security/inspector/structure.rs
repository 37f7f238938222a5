//! What is not a workflow in API format.

use serde_json::Value;

use super::finding::{Finding, Flag};
use crate::workflow::graph::{MAX_INPUTS, MAX_NODES};

/// Everything about the outermost map that ComfyUI would not take, or would take differently.
pub(super) fn faults(value: &Value) -> Vec<Finding> {
    let Value::Object(map) = value else {
        return vec![malformed(None, "the workflow is not an object of nodes")];
    };
    if map.is_empty() {
        return vec![malformed(None, "the workflow has no nodes")];
    }
    if map.len() > MAX_NODES {
        return vec![malformed(
            None,
            &format!("the workflow has {} nodes; at most {MAX_NODES} are accepted", map.len()),
        )];
    }
    map.iter().filter_map(|(id, node)| fault(id, node)).take(50).collect()
}

fn fault(id: &str, node: &Value) -> Option<Finding> {
    let Value::Object(node) = node else {
        return Some(malformed(Some(id), "it is not an object with class_type and inputs"));
    };
    match node.get("class_type") {
        Some(Value::String(class)) if class.trim().is_empty() => {
            return Some(malformed(Some(id), "its class_type is empty"));
        }
        Some(Value::String(_)) => {}
        Some(_) => return Some(malformed(Some(id), "its class_type is not a string")),
        None => return Some(malformed(Some(id), "it has no class_type")),
    }
    match node.get("inputs") {
        Some(Value::Object(inputs)) if inputs.len() > MAX_INPUTS => Some(malformed(
            Some(id),
            &format!("it has {} inputs; at most {MAX_INPUTS} are accepted", inputs.len()),
        )),
        Some(Value::Object(_)) => None,
        Some(_) => Some(malformed(Some(id), "its inputs are not an object")),
        None => Some(malformed(Some(id), "it has no inputs")),
    }
}

fn malformed(id: Option<&str>, why: &str) -> Finding {
    match id {
        Some(id) => {
            let shown: String = id.chars().take(80).collect();
            Finding::new(Flag::Malformed, format!("Malformed workflow: node {shown}: {why}")).node(id, "")
        }
        None => Finding::new(Flag::Malformed, format!("Malformed workflow: {why}")),
    }
}
