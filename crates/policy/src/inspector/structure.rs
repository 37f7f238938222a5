//! Finds values that are no workflow in API format.

use serde_json::Value;

use super::finding::{Finding, Flag, short};
use comfywarden_error::JsonObject;
use comfywarden_workflow::graph::{MAX_INPUTS, MAX_NODES, is_disguised_key};

/// Checks the outermost value as a whole.
pub(super) fn fault(value: &Value) -> Option<Finding> {
    let Value::Object(map) = value else {
        return Some(malformed(None, "the workflow is not an object of nodes"));
    };
    if map.is_empty() {
        return Some(malformed(None, "the workflow has no nodes"));
    }
    (map.len() > MAX_NODES).then(|| {
        malformed(None, &format!("the workflow has {} nodes; at most {MAX_NODES} are accepted", map.len()))
    })
}

/// Checks an entry of the outermost map for what ComfyUI refuses or reads differently.
pub(super) fn node_fault(id: &str, node: &Value, parts: Parts<'_>) -> Option<Finding> {
    if !node.is_object() {
        return Some(malformed(Some(id), "it is not an object with class_type and inputs"));
    }
    if parts.others && node.as_object().is_some_and(|node| node.keys().any(|key| is_disguised_key(key))) {
        return Some(malformed(Some(id), "it has a key that only looks like class_type or inputs"));
    }
    match parts.class {
        Some(Value::String(class)) if class.trim().is_empty() => {
            return Some(malformed(Some(id), "its class_type is empty"));
        }
        Some(Value::String(_)) => {}
        Some(_) => return Some(malformed(Some(id), "its class_type is not a string")),
        None => return Some(malformed(Some(id), "it has no class_type")),
    }
    match parts.inputs {
        Some(Value::Object(inputs)) if inputs.len() > MAX_INPUTS => Some(malformed(
            Some(id),
            &format!("it has {} inputs; at most {MAX_INPUTS} are accepted", inputs.len()),
        )),
        Some(Value::Object(_)) => None,
        Some(_) => Some(malformed(Some(id), "its inputs are not an object")),
        None => Some(malformed(Some(id), "it has no inputs")),
    }
}

/// The two values that make a node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts<'n> {
    pub(super) class: Option<&'n Value>,
    pub(super) inputs: Option<&'n Value>,
    /// Other keys stand beside them.
    others: bool,
}

impl<'n> Parts<'n> {
    /// Reads a node.
    pub(super) fn of(node: &'n Value) -> Self {
        let Value::Object(node) = node else { return Self::default() };
        if node.len() > 8 {
            return Self { class: node.get("class_type"), inputs: node.get("inputs"), others: true };
        }
        // A node has three keys, and comparing those costs less than hashing two.
        let mut parts = Self::default();
        for (key, value) in node {
            match key.as_str() {
                "class_type" => parts.class = Some(value),
                "inputs" => parts.inputs = Some(value),
                "_meta" => {}
                _ => parts.others = true,
            }
        }
        parts
    }

    /// Returns class and inputs if they have the right types.
    pub(super) fn read(self) -> Option<(&'n str, &'n JsonObject)> {
        Some((self.class?.as_str()?, self.inputs?.as_object()?))
    }
}

fn malformed(id: Option<&str>, why: &str) -> Finding {
    match id {
        Some(id) => {
            let why = format!("Malformed workflow: node {}: {why}", short(id));
            Finding::new(Flag::Malformed, why).node(id, "")
        }
        None => Finding::new(Flag::Malformed, format!("Malformed workflow: {why}")),
    }
}
