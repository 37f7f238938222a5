//! Writes a workflow within a byte budget: all of it if it fits, otherwise the most important nodes.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::analyze::pipeline;
use super::{Link, Node, NodeId, Workflow, order};

/// The smallest budget that is honoured.
pub const MIN_BUDGET: usize = 256;

/// The bytes reserved for the sentence about omitted nodes.
const RESERVE: usize = 96;

/// Writes one line per node, sources first, in at most `budget` bytes (but at least [`MIN_BUDGET`]).
///
/// When the lines do not fit, values are shortened; when that is not enough, loaders, samplers and outputs
/// come first and the rest is counted by class.
pub fn outline(workflow: &Workflow, budget: usize) -> String {
    let budget = budget.max(MIN_BUDGET);
    let nodes = order::topological(workflow);
    for value_length in [200, 40, 0] {
        let mut text = header(workflow);
        let fits = nodes.iter().all(|(id, node)| {
            let _ = writeln!(text, "{}", line(id, node, value_length));
            text.len() <= budget
        });
        if fits {
            text.truncate(text.trim_end().len());
            return text;
        }
    }
    selection(workflow, &nodes, budget)
}

fn header(workflow: &Workflow) -> String {
    let classes: Vec<String> = workflow.iter().map(|(_, node)| node.class_type.clone()).collect();
    format!("{} nodes, {}\n", workflow.len(), pipeline(&classes))
}

/// Writes a node as `3 KSampler(model=@4.0, steps=20)`.
fn line(id: &NodeId, node: &Node, value_length: usize) -> String {
    let inputs: Vec<String> = node
        .inputs
        .iter()
        .filter_map(|(name, value)| match Link::read(value) {
            Some(link) => Some(format!("{name}=@{}.{}", link.node_id, link.output)),
            None if value_length == 0 => None,
            None => Some(format!("{name}={}", cut(value, value_length))),
        })
        .collect();
    let title = node.title().filter(|title| *title != node.class_type && value_length > 0);
    let title = title.map(|title| format!(" “{}”", cut_text(title, 40))).unwrap_or_default();
    format!("{id} {}{title}({})", node.class_type, inputs.join(", "))
}

fn cut(value: &Value, length: usize) -> String {
    cut_text(&value.to_string(), length)
}

fn cut_text(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length).chain(std::iter::once('…')).collect()
}

/// Writes the most important nodes, then counts of the others by class, as far as there is room.
fn selection(workflow: &Workflow, nodes: &[(&NodeId, &Node)], budget: usize) -> String {
    let mut text = header(workflow);
    let mut rest: BTreeMap<&str, usize> = BTreeMap::new();
    let room = budget.saturating_sub(RESERVE);
    // Half of the budget is for single nodes, half for the counts.
    let half = text.len() + room.saturating_sub(text.len()) / 2;
    for (id, node) in nodes {
        // A line is written only where it may stand: values can be long.
        let line = (is_landmark(node) && text.len() < half).then(|| line(id, node, 24));
        match line.filter(|line| text.len() + line.len() < half) {
            Some(line) => {
                let _ = writeln!(text, "{line}");
            }
            None => *rest.entry(&node.class_type).or_default() += 1,
        }
    }
    let mut counts: Vec<(&str, usize)> = rest.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut left_out = (0, 0);
    for (class, count) in counts {
        let line = format!("{count} × {}", cut_text(class, 64));
        if left_out.0 == 0 && text.len() + line.len() < room {
            let _ = writeln!(text, "{line}");
        } else {
            left_out = (left_out.0 + 1, left_out.1 + count);
        }
    }
    if left_out.0 > 0 {
        let _ = writeln!(text, "… {} nodes of {} more classes left out", left_out.1, left_out.0);
    }
    text.truncate(text.trim_end().len());
    text
}

fn is_landmark(node: &Node) -> bool {
    let class = node.class_type.as_str();
    ["Loader", "Sampler", "TextEncode", "Load", "Empty"].iter().any(|word| class.contains(word))
        || class.starts_with("Save")
        || class.starts_with("Preview")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    use crate::templates;

    #[test]
    fn shows_a_small_graph_whole() {
        let workflow = templates::build("upscale", &Map::new(), None, 7).expect("built").workflow;
        insta::assert_snapshot!(outline(&workflow, 4000));
    }

    #[test]
    fn keeps_to_every_budget() {
        let nodes: Map<String, Value> = (0..3000)
            .map(|i: u32| {
                let class =
                    if i.is_multiple_of(50) { "KSampler".to_owned() } else { format!("Class{}", i % 97) };
                let inputs = json!({"text": "x".repeat(300), "from": [i.saturating_sub(1).to_string(), 0]});
                (i.to_string(), json!({"class_type": class, "inputs": inputs}))
            })
            .collect();
        let workflow = Workflow::from_value(&Value::Object(nodes)).expect("workflow");
        for budget in [0, 300, 1000, 5000, 60_000, 400_000, 2_000_000] {
            let text = outline(&workflow, budget);
            assert!(text.len() <= budget.max(MIN_BUDGET), "{budget}: {}", text.len());
            assert!(text.starts_with("3000 nodes"), "{text}");
        }
    }
}
