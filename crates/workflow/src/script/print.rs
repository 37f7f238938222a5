//! Writes a workflow as a script.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use serde_json::Value;

use super::words::{is_plain_input, is_plain_name, variable_from};
use crate::{Link, Node, NodeId, Workflow, order};

/// The highest output that is unpacked; links to others are written out.
const MAX_UNPACKED: u32 = 31;

/// Writes the workflow as a script, one call per line, sources before consumers.
pub fn print(workflow: &Workflow) -> String {
    let nodes: Vec<(&NodeId, &Node)> =
        if order::is_cyclic(workflow) { workflow.iter().collect() } else { order::topological(workflow) };
    let mut printer = Printer { text: String::new(), names: HashMap::new() };
    let wanted = wanted_names(workflow, &nodes);
    for (at, (id, node)) in nodes.iter().enumerate() {
        let own = wanted.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        printer.statement(at + 1, id, node, own);
    }
    printer.text
}

/// Names the outputs of every node, in order; `_` for one without a consumer.
fn wanted_names<'a>(
    workflow: &'a Workflow,
    nodes: &[(&'a NodeId, &'a Node)],
) -> HashMap<&'a str, Vec<String>> {
    let mut named: HashMap<&str, Vec<String>> = HashMap::new();
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut used: HashSet<String> = HashSet::new();
    for (_, node) in nodes {
        for (input, link) in node.links().filter(|(_, link)| link.output <= MAX_UNPACKED) {
            let Some((source, _)) = workflow.entry(link.node_id.as_str()) else { continue };
            let names = named.entry(source.as_str()).or_default();
            let Ok(place) = usize::try_from(link.output) else { continue };
            if names.len() <= place {
                names.resize(place + 1, "_".to_owned());
            }
            if let Some(name) = names.get_mut(place).filter(|name| *name == "_") {
                *name = unique(&variable_from(input), &mut taken, &mut used);
            }
        }
    }
    named
}

/// Returns `base`, or `base_2`, `base_3`, … if it is taken.
fn unique(base: &str, taken: &mut HashMap<String, usize>, used: &mut HashSet<String>) -> String {
    let count = taken.entry(base.to_owned()).or_default();
    loop {
        *count += 1;
        let name = if *count == 1 { base.to_owned() } else { format!("{base}_{count}") };
        if used.insert(name.clone()) {
            return name;
        }
    }
}

struct Printer<'a> {
    text: String,
    /// The variables that are bound so far, by output.
    names: HashMap<(&'a str, u32), String>,
}

impl<'a> Printer<'a> {
    fn statement(&mut self, number: usize, id: &'a NodeId, node: &Node, outputs: &[String]) {
        let mut parts: Vec<String> = Vec::new();
        if !is_plain_name(&node.class_type) {
            parts.push(quoted(&node.class_type));
        }
        let mut odd: Vec<String> = Vec::new();
        for (name, value) in &node.inputs {
            if is_plain_input(name) {
                flush(&mut odd, &mut parts);
                parts.push(format!("{name}={}", self.given(value)));
            } else {
                odd.push(format!("{}: {}", quoted(name), self.given(value)));
            }
        }
        flush(&mut odd, &mut parts);
        if id.as_str() != number.to_string() {
            parts.push(format!("_id={}", quoted(id.as_str())));
        }
        if let Some(meta) = &node.meta {
            match meta.get("title") {
                Some(Value::String(title)) if meta.len() == 1 => {
                    parts.push(format!("_title={}", quoted(title)));
                }
                _ => parts.push(format!("_meta={}", literal(&Value::Object(meta.clone())))),
            }
        }
        if !outputs.is_empty() {
            let _ = write!(self.text, "{} = ", outputs.join(", "));
        }
        let class = if is_plain_name(&node.class_type) { node.class_type.as_str() } else { "node" };
        let _ = writeln!(self.text, "{class}({})", parts.join(", "));
        // Only now: a node that feeds itself must not use its own name.
        for (output, name) in (0..).zip(outputs).filter(|(_, name)| *name != "_") {
            self.names.insert((id.as_str(), output), name.clone());
        }
    }

    fn given(&self, value: &Value) -> String {
        let link = Link::read(value);
        let name = link.and_then(|link| self.names.get(&(link.node_id.as_str(), link.output)).cloned());
        name.unwrap_or_else(|| literal(value))
    }
}

fn flush(odd: &mut Vec<String>, parts: &mut Vec<String>) {
    if !odd.is_empty() {
        parts.push(format!("**{{{}}}", odd.join(", ")));
        odd.clear();
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes a value as a Python literal.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{}: {}", quoted(key), literal(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
