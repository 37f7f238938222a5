//! Renders a difference for people: as text, or as a Mermaid flowchart of the nodes concerned.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Diff, NodeName, Source, diff};
use crate::summary::escape;
use crate::{Node, Workflow};

/// The most characters of a value in a line.
const MAX_VALUE_CHARS: usize = 60;

/// Writes one line per difference.
pub fn text(diff: &Diff) -> String {
    if diff.is_empty() {
        return format!("no difference ({} nodes)", diff.unchanged);
    }
    let mut lines = vec![format!(
        "{} added, {} removed, {} changed, {} rewired, {} the same",
        diff.added.len(),
        diff.removed.len(),
        diff.changed.len(),
        diff.rewired.len(),
        diff.unchanged
    )];
    lines.extend(diff.added.iter().map(|node| format!("+ {}", name(node))));
    lines.extend(diff.removed.iter().map(|node| format!("- {}", name(node))));
    for change in &diff.changed {
        let ids = if change.before_id == change.after_id {
            change.after_id.clone()
        } else {
            format!("{} (was {})", change.after_id, change.before_id)
        };
        let class = match &change.class_before {
            Some(before) => format!("{before} -> {}", change.class_type),
            None => change.class_type.clone(),
        };
        let mut parts: Vec<String> = Vec::new();
        if let Some([before, after]) = &change.title {
            let shown = |title: &Option<String>| title.clone().unwrap_or_else(|| "none".to_owned());
            parts.push(format!("title {} -> {}", shown(before), shown(after)));
        }
        parts.extend(change.inputs.iter().map(|input| {
            format!("{} {} -> {}", input.input, value(input.before.as_ref()), value(input.after.as_ref()))
        }));
        lines.push(format!("~ {ids} {class}: {}", parts.join(", ")).trim_end_matches(": ").to_owned());
    }
    lines.extend(diff.rewired.iter().map(|link| {
        let (before, after) = (source(link.before.as_ref()), source(link.after.as_ref()));
        format!("> {} {}.{}: {before} -> {after}", link.node_id, link.class_type, link.input)
    }));
    lines.join("\n")
}

fn name(node: &NodeName) -> String {
    let title = node.title.as_ref().map(|title| format!(" “{title}”")).unwrap_or_default();
    format!("{} {}{title}", node.node_id, node.class_type)
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(absent)".to_owned() };
    let text = value.to_string();
    if text.chars().count() <= MAX_VALUE_CHARS {
        text
    } else {
        text.chars().take(MAX_VALUE_CHARS).chain(['…']).collect()
    }
}

fn source(source: Option<&Source>) -> String {
    match source {
        None => "(absent)".to_owned(),
        Some(Source::Value(held)) => value(Some(held)),
        Some(Source::Node { node_id, class_type, output }) => {
            format!("{node_id} {class_type}[{output}]").replace("  ", " ")
        }
    }
}

/// Draws the nodes that differ and their neighbours: green is new, red is removed, yellow is changed; dotted links
/// are removed.
pub fn mermaid(before: &Workflow, after: &Workflow) -> String {
    let diff = diff(before, after);
    let mut drawing = Drawing { lines: vec!["flowchart LR".to_owned()], names: HashMap::new() };
    let added: HashSet<&str> = diff.added.iter().map(|node| node.node_id.as_str()).collect();
    let removed: HashSet<&str> = diff.removed.iter().map(|node| node.node_id.as_str()).collect();
    let changes: HashMap<&str, _> = diff.changed.iter().map(|c| (c.after_id.as_str(), c)).collect();
    let rewired: HashSet<&str> = diff.rewired.iter().map(|link| link.node_id.as_str()).collect();
    for (id, node) in after.iter() {
        let id = id.as_str();
        let change = changes.get(id);
        let notes = change.map(|change| {
            let shown = change.inputs.iter().take(6).map(|input| {
                format!(
                    "{}: {} -> {}",
                    input.input,
                    value(input.before.as_ref()),
                    value(input.after.as_ref())
                )
            });
            let class = change.class_before.iter().map(|was| format!("{was} -> {}", change.class_type));
            class.chain(shown).collect::<Vec<_>>()
        });
        let style = if added.contains(id) {
            "added"
        } else if change.is_some() || rewired.contains(id) {
            "changed"
        } else if touches(node, &added) {
            "same"
        } else {
            continue;
        };
        drawing.node("a", id, node, &notes.unwrap_or_default(), style);
    }
    for (id, node) in before.iter().filter(|(id, _)| removed.contains(id.as_str())) {
        drawing.node("b", id.as_str(), node, &[], "removed");
    }
    drawing.links(after, "a", &added, &rewired);
    drawing.links(before, "b", &removed, &HashSet::new());
    for style in [
        "added fill:#dcfce7,stroke:#16a34a",
        "removed fill:#fecaca,stroke:#dc2626",
        "changed fill:#fde68a,stroke:#d97706",
        "same fill:#f3f4f6,stroke:#6b7280",
    ] {
        drawing.lines.push(format!("    classDef {style},color:#111"));
    }
    drawing.lines.join("\n")
}

fn touches(node: &Node, added: &HashSet<&str>) -> bool {
    node.links().any(|(_, link)| added.contains(link.node_id.as_str()))
}

struct Drawing {
    lines: Vec<String>,
    names: HashMap<(&'static str, String), String>,
}

impl Drawing {
    fn node(&mut self, side: &'static str, id: &str, node: &Node, notes: &[String], style: &str) {
        let name = format!("{side}{}", self.names.len());
        let label: Vec<String> =
            std::iter::once(format!("{id} {}", node.title().unwrap_or(&node.class_type)))
                .chain(notes.iter().cloned())
                .map(|line| escape(&line))
                .collect();
        self.lines.push(format!("    {name}[\"{}\"]:::{style}", label.join("<br/>")));
        self.names.insert((side, id.to_owned()), name);
    }

    /// Draws the links that touch a node of `ends` or feed one of `fed`; sources not yet drawn become plain nodes.
    fn links(&mut self, workflow: &Workflow, side: &'static str, ends: &HashSet<&str>, fed: &HashSet<&str>) {
        let arrow = if side == "b" { "-.->" } else { "-->" };
        for (id, node) in workflow.iter() {
            for (input, link) in node.links() {
                let from = link.node_id.as_str();
                let concerned =
                    ends.contains(from) || ends.contains(id.as_str()) || fed.contains(id.as_str());
                let Some(source) = workflow.get(from).filter(|_| concerned) else { continue };
                for (id, node) in [(from, source), (id.as_str(), node)] {
                    if !self.names.contains_key(&(side, id.to_owned())) {
                        self.node(side, id, node, &[], "same");
                    }
                }
                let key = |id: &str| (side, id.to_owned());
                if let (Some(a), Some(b)) = (self.names.get(&key(from)), self.names.get(&key(id.as_str()))) {
                    self.lines.push(format!("    {a} {arrow}|{}| {b}", escape(input)));
                }
            }
        }
    }
}
