//! Compares two workflows by meaning: nodes are matched by their role, not by their id.

mod render;
mod roles;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::{Link, Node, NodeId, Workflow};

pub use render::{mermaid, text};

/// The differences of two workflows.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Diff {
    /// Nodes only in the second.
    pub added: Vec<NodeName>,
    /// Nodes only in the first.
    pub removed: Vec<NodeName>,
    /// Nodes in both whose class, title or values differ.
    pub changed: Vec<NodeChange>,
    /// Inputs with another source.
    pub rewired: Vec<Rewired>,
    /// The number of nodes that are the same in both.
    pub unchanged: usize,
}

/// A node, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct NodeName {
    /// Its id in the workflow it belongs to.
    pub node_id: String,
    /// Its class.
    pub class_type: String,
    /// Its title, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A node that is in both workflows and differs.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct NodeChange {
    /// Its id in the first.
    pub before_id: String,
    /// Its id in the second.
    pub after_id: String,
    /// Its class in the second.
    pub class_type: String,
    /// Its class in the first, when that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_before: Option<String>,
    /// Its titles, when they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<[Option<String>; 2]>,
    /// Values that differ.
    pub inputs: Vec<InputChange>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct InputChange {
    /// The input.
    pub input: String,
    /// Its value in the first; absent when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value in the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// An input with another source.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Rewired {
    /// The node's id in the second workflow.
    pub node_id: String,
    /// Its class.
    pub class_type: String,
    /// The input.
    pub input: String,
    /// Its source or value in the first workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Source>,
    /// Its source or value in the second workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Source>,
}

/// The source of an input.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An output of a node.
    Node {
        /// Its id in its own workflow.
        node_id: String,
        /// Its class; empty when there is no such node.
        class_type: String,
        /// The output, counted from 0.
        output: u32,
    },
    /// A plain value.
    Value(Value),
}

impl Diff {
    /// True when both workflows mean the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && self.rewired.is_empty()
    }
}

/// Compares two workflows. Linear in their size.
pub fn diff(before: &Workflow, after: &Workflow) -> Diff {
    let pairs = roles::pair(before, after);
    let counterpart: HashMap<&str, &str> =
        pairs.iter().map(|(old, new)| (new.as_str(), old.as_str())).collect();
    let mut result = Diff {
        added: names(after.iter().filter(|(id, _)| !counterpart.contains_key(id.as_str()))),
        removed: names(before.iter().filter(|(id, _)| !pairs.contains_key(*id))),
        changed: Vec::new(),
        rewired: Vec::new(),
        unchanged: 0,
    };
    for (new_id, new) in after.iter() {
        let Some(old_id) = counterpart.get(new_id.as_str()) else { continue };
        let Some(old) = before.get(old_id) else { continue };
        let comparison = Comparison { before, after, counterpart: &counterpart };
        let (inputs, rewired) = comparison.inputs(old, new_id, new);
        let class_before = (old.class_type != new.class_type).then(|| old.class_type.clone());
        let title = (old.title() != new.title())
            .then(|| [old.title().map(str::to_owned), new.title().map(str::to_owned)]);
        let same = inputs.is_empty() && class_before.is_none() && title.is_none();
        if same && rewired.is_empty() {
            result.unchanged += 1;
        }
        if !same {
            result.changed.push(NodeChange {
                before_id: (*old_id).to_owned(),
                after_id: new_id.to_string(),
                class_type: new.class_type.clone(),
                class_before,
                title,
                inputs,
            });
        }
        result.rewired.extend(rewired);
    }
    result
}

fn names<'a>(nodes: impl Iterator<Item = (&'a NodeId, &'a Node)>) -> Vec<NodeName> {
    nodes
        .map(|(id, node)| NodeName {
            node_id: id.to_string(),
            class_type: node.class_type.clone(),
            title: node.title().map(str::to_owned),
        })
        .collect()
}

struct Comparison<'a> {
    before: &'a Workflow,
    after: &'a Workflow,
    /// Matched ids: from an id in `after` to the one in `before`.
    counterpart: &'a HashMap<&'a str, &'a str>,
}

impl Comparison<'_> {
    fn inputs(&self, old: &Node, new_id: &NodeId, new: &Node) -> (Vec<InputChange>, Vec<Rewired>) {
        let (mut values, mut links) = (Vec::new(), Vec::new());
        let gone = old.inputs.keys().filter(|name| !new.inputs.contains_key(*name));
        for name in new.inputs.keys().chain(gone) {
            let (was, is) = (old.inputs.get(name), new.inputs.get(name));
            let (was_link, is_link) = (was.and_then(Link::read), is.and_then(Link::read));
            if was_link.is_none() && is_link.is_none() {
                let same = matches!((was, is), (Some(was), Some(is)) if same_value(was, is));
                if !same {
                    let (before, after) = (was.cloned(), is.cloned());
                    values.push(InputChange { input: name.clone(), before, after });
                }
                continue;
            }
            if let (Some(was), Some(is)) = (&was_link, &is_link)
                && self.same_source(was, is)
            {
                continue;
            }
            links.push(Rewired {
                node_id: new_id.to_string(),
                class_type: new.class_type.clone(),
                input: name.clone(),
                before: source(self.before, was_link, was),
                after: source(self.after, is_link, is),
            });
        }
        (values, links)
    }

    fn same_source(&self, was: &Link, is: &Link) -> bool {
        let matched =
            self.counterpart.get(is.node_id.as_str()).is_some_and(|old| *old == was.node_id.as_str());
        let both_missing = self.before.get(was.node_id.as_str()).is_none()
            && self.after.get(is.node_id.as_str()).is_none()
            && was.node_id == is.node_id;
        was.output == is.output && (matched || both_missing)
    }
}

fn source(workflow: &Workflow, link: Option<Link>, value: Option<&Value>) -> Option<Source> {
    match link {
        Some(link) => {
            let class_type = workflow.get(link.node_id.as_str()).map(|node| node.class_type.clone());
            Some(Source::Node {
                node_id: link.node_id.to_string(),
                class_type: class_type.unwrap_or_default(),
                output: link.output,
            })
        }
        None => value.cloned().map(Source::Value),
    }
}

/// Compares as JSON, with 8 = 8.0.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || !are_integers(x, y) && x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same_value(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same_value(x, y)))
        }
        _ => a == b,
    }
}

/// True when both are whole numbers, which compare exactly (seeds).
fn are_integers(x: &serde_json::Number, y: &serde_json::Number) -> bool {
    !x.is_f64() && !y.is_f64()
}

#[cfg(test)]
mod tests;
