//! Compares the prompt that ran with the graph that the editor shows, without the node catalogue.
//!
//! A file holds both from one moment, but programs that change one of them leave the other as it was.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{UiWorkflow, Workflow, js_number::js_text, ui::UiNode};

/// The most differences that are named.
const MAX_NAMED: usize = 5;

/// Lists where the two differ: nodes of another class or without their like, values that the graph does not hold.
pub(super) fn differences(prompt: &Workflow, workflow: &UiWorkflow) -> Vec<String> {
    let mut found = Vec::new();
    let all = all_values(workflow);
    for (id, node) in prompt.iter() {
        let path: Vec<&str> = id.as_str().split(':').collect();
        // Nodes inside of subgraphs and groups take values from around them.
        let [top] = path.as_slice() else { continue };
        let Some((_, ui)) = workflow.root().find(top) else {
            found.push(format!("node {id} is only in the prompt"));
            continue;
        };
        if ui.class_type != node.class_type {
            found.push(format!(
                "node {id} is {} in the prompt and {} in the graph",
                node.class_type, ui.class_type
            ));
            continue;
        }
        let mut own = values_of(ui);
        if own.is_empty() {
            continue;
        }
        for (name, value) in node.inputs.iter().filter(|(_, value)| is_told(value)) {
            let linked = ui.inputs.iter().any(|input| input.name == *name && input.link.is_some());
            // Each saved value stands for one input.
            let left = own.get_mut(&key(value)).filter(|count| **count > 0);
            let known = match left {
                Some(count) => {
                    *count -= 1;
                    true
                }
                None => linked && all.contains(&key(value)),
            };
            if !known {
                found.push(format!("input `{name}` of node {id}"));
            }
        }
        if found.len() >= MAX_NAMED {
            break;
        }
    }
    found.truncate(MAX_NAMED);
    found
}

/// True for a value that the editor sends as its widget holds it.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

fn key(value: &Value) -> String {
    value.as_str().map_or_else(|| js_text(value), str::to_owned)
}

fn all_values(workflow: &UiWorkflow) -> HashSet<String> {
    let inner = workflow.subgraphs().iter().map(|subgraph| &subgraph.graph);
    let graphs = std::iter::once(workflow.root()).chain(inner);
    graphs.flat_map(|graph| &graph.nodes).flat_map(values_of).map(|(value, _)| value).collect()
}

/// Counts the values that a node holds; empty when one of them is changed on its way into the prompt.
fn values_of(node: &UiNode) -> HashMap<String, usize> {
    let mut values = HashMap::new();
    let mut open = vec![&node.widgets_values];
    let named = node.named_values.iter().flat_map(|named| named.values());
    open.extend(named);
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            Value::String(text) if is_rewritten(text) => return HashMap::new(),
            Value::String(_) | Value::Number(_) => *values.entry(key(value)).or_default() += 1,
            _ => {}
        }
    }
    values
}

/// True for a text with choices, comments or patterns, or with line ends that a browser changes.
fn is_rewritten(text: &str) -> bool {
    text.contains(['{', '%', '\r', '\\']) || text.contains("//") || text.contains("/*")
}
