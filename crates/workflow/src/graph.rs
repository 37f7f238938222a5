//! The API format: `{node_id: {class_type, inputs, _meta}}`, typed.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::{Error, Result};
use comfywarden_error::JsonObject;

/// The most nodes a workflow may have: several times the largest that people have made.
pub const MAX_NODES: usize = 12_000;
/// The most inputs one node may have.
pub const MAX_INPUTS: usize = 512;

/// The key of a node in its workflow, such as `3` or `57:12`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(String);

impl NodeId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for NodeId {
    fn from(id: T) -> Self {
        Self(id.into())
    }
}

impl std::borrow::Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type name of a node, such as `KSampler`.
pub type ClassType = String;

/// An input that takes another node's output: `[node_id, output_index]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The node the value comes from.
    pub node_id: NodeId,
    /// The index of its output, from 0.
    pub output: u32,
}

impl Link {
    /// Reads a link, if `value` has exactly the shape of one.
    ///
    /// ComfyUI takes any two-element list whose first element is a string and whose second is a number.
    pub fn read(value: &Value) -> Option<Self> {
        let [Value::String(node_id), Value::Number(output)] = value.as_array()?.as_slice() else {
            return None;
        };
        let output = u32::try_from(output.as_u64()?).ok()?;
        Some(Self { node_id: node_id.as_str().into(), output })
    }

    /// Returns the link as an input value.
    pub fn to_value(&self) -> Value {
        Value::Array(vec![self.node_id.as_str().into(), self.output.into()])
    }
}

/// One step of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The class that runs.
    pub class_type: ClassType,
    /// Values and links by input name, in the order of the text.
    pub inputs: JsonObject,
    /// `_meta`, where the editor keeps the title. ComfyUI does not run it.
    pub meta: Option<JsonObject>,
}

impl Node {
    /// A node with these inputs and no title.
    pub fn new(class_type: impl Into<String>, inputs: JsonObject) -> Self {
        Self { class_type: class_type.into(), inputs, meta: None }
    }

    /// Iterates over the links among the inputs, by input name.
    pub fn links(&self) -> impl Iterator<Item = (&str, Link)> {
        self.inputs.iter().filter_map(|(name, value)| Some((name.as_str(), Link::read(value)?)))
    }

    /// Returns the title that the user gave the node.
    pub fn title(&self) -> Option<&str> {
        self.meta.as_ref()?.get("title")?.as_str()
    }
}

/// Writes the entry of a workflow in API format.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_map(Some(2 + usize::from(self.meta.is_some())))?;
        entry.serialize_entry("class_type", &self.class_type)?;
        entry.serialize_entry("inputs", &self.inputs)?;
        if let Some(meta) = &self.meta {
            entry.serialize_entry("_meta", meta)?;
        }
        entry.end()
    }
}

/// A workflow in API format. Exactly its content is sent to ComfyUI.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workflow {
    nodes: Vec<(NodeId, Node)>,
    index: std::collections::HashMap<NodeId, usize>,
}

impl Workflow {
    /// An empty workflow.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the API format. Anything that is not a map of nodes is an error that names the place.
    pub fn from_value(value: &Value) -> Result<Self> {
        Self::from_owned(value.clone())
    }

    /// Reads the API format and moves its parts, so that a large graph is not held twice.
    pub fn from_owned(value: Value) -> Result<Self> {
        let Value::Object(map) = value else {
            return Err(Error::new(format!("the workflow is {}, not an object of nodes", kind_of(&value)))
                .hint("give the API format: {\"1\": {\"class_type\": …, \"inputs\": {…}}}"));
        };
        if map.len() > MAX_NODES {
            return Err(Error::new(format!(
                "the workflow has {} nodes; at most {MAX_NODES} are accepted",
                map.len()
            )));
        }
        let mut workflow = Self::new();
        for (id, value) in map {
            let node = read_node(&id, value)?;
            workflow.insert(id, node);
        }
        Ok(workflow)
    }

    /// Returns the node with this id.
    pub fn get(&self, id: &str) -> Option<&Node> {
        self.nodes.get(*self.index.get(id)?).map(|(_, node)| node)
    }

    /// Returns the node with this id, and the id as the workflow holds it.
    pub fn entry(&self, id: &str) -> Option<(&NodeId, &Node)> {
        self.nodes.get(*self.index.get(id)?).map(|(id, node)| (id, node))
    }

    /// Returns the node with this id, to change it.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Node> {
        self.nodes.get_mut(*self.index.get(id)?).map(|(_, node)| node)
    }

    /// Adds a node, or replaces the one with this id in its place.
    pub fn insert(&mut self, id: impl Into<NodeId>, node: Node) -> Option<Node> {
        let id = id.into();
        if let Some(slot) = self.index.get(&id).and_then(|at| self.nodes.get_mut(*at)) {
            return Some(std::mem::replace(&mut slot.1, node));
        }
        self.index.insert(id.clone(), self.nodes.len());
        self.nodes.push((id, node));
        None
    }

    /// Removes a node. Links to it stay as they are. Linear in the number of nodes.
    pub fn remove(&mut self, id: &str) -> Option<Node> {
        let at = self.index.remove(id)?;
        let (_, node) = self.nodes.remove(at);
        for index in self.index.values_mut().filter(|index| **index > at) {
            *index -= 1;
        }
        Some(node)
    }

    /// Iterates over the nodes, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().map(|(id, node)| (id, node))
    }

    /// Counts the nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True without nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns the API format, exactly as it is posted to ComfyUI.
    pub fn to_value(&self) -> Value {
        let mut map = Map::with_capacity(self.nodes.len());
        for (id, node) in &self.nodes {
            let mut entry = Map::with_capacity(3);
            entry.insert("class_type".into(), node.class_type.as_str().into());
            entry.insert("inputs".into(), Value::Object(node.inputs.clone()));
            if let Some(meta) = &node.meta {
                entry.insert("_meta".into(), Value::Object(meta.clone()));
            }
            map.insert(id.as_str().to_owned(), Value::Object(entry));
        }
        Value::Object(map)
    }
}

/// Writes the API format without a copy: the same text as [`Workflow::to_value`].
impl Serialize for Workflow {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(id, node)| (id.as_str(), node)))
    }
}

/// True for a key that another reader may take for `class_type` or `inputs`: in other case, or with characters
/// that are invisible or end a text.
pub fn is_disguised_key(key: &str) -> bool {
    if matches!(key, "class_type" | "inputs" | "_meta") || key.len() > 64 {
        return false;
    }
    let letters = key
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace() && (c.is_ascii() || c.is_alphanumeric()));
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    matches!(plain.as_str(), "class_type" | "inputs")
}

fn read_node(id: &str, value: Value) -> Result<Node> {
    let wrong = |what: String, hint: &str| Err(Error::new(what).node(id).hint(hint));
    let Value::Object(mut node) = value else {
        return wrong(
            format!("node `{id}` is {}, not an object with class_type and inputs", kind_of(&value)),
            "every entry of a workflow in API format is a node; save with “Export (API)” in ComfyUI",
        );
    };
    if let Some(key) = node.keys().find(|key| is_disguised_key(key)) {
        return wrong(
            format!("node `{id}` has a key that only looks like another: {key:?}"),
            "a node has the keys class_type, inputs and _meta, spelled exactly so",
        );
    }
    let class_type = match node.get_mut("class_type").map(Value::take) {
        Some(Value::String(class_type)) => class_type,
        Some(other) => {
            return wrong(
                format!("class_type of node `{id}` is {}, not a string", kind_of(&other)),
                "name one node class, such as \"KSampler\"",
            );
        }
        None => {
            return wrong(
                format!("node `{id}` has no class_type"),
                "name the node class, such as \"KSampler\"",
            );
        }
    };
    let inputs = match node.get_mut("inputs").map(Value::take) {
        Some(Value::Object(inputs)) => inputs,
        Some(other) => {
            return wrong(
                format!("inputs of node `{id}` is {}, not an object", kind_of(&other)),
                "give {} for a node without inputs",
            );
        }
        None => {
            return wrong(format!("node `{id}` has no inputs"), "give {} for a node without inputs");
        }
    };
    if inputs.len() > MAX_INPUTS {
        return wrong(
            format!("node `{id}` has {} inputs; at most {MAX_INPUTS} are accepted", inputs.len()),
            "split the node",
        );
    }
    let meta = match node.get_mut("_meta").map(Value::take) {
        Some(Value::Object(meta)) => Some(meta),
        _ => None,
    };
    Ok(Node { class_type, inputs, meta })
}

/// Names the type of a value for messages: “a string”, “null”, ….
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
