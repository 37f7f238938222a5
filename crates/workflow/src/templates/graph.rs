//! Builds graphs node by node, with ids counted from 1.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::{Node, Workflow};
use comfywarden_error::JsonObject;

/// A graph under construction.
#[derive(Debug, Default)]
pub struct Graph {
    workflow: Workflow,
}

/// An added node, which makes its outputs.
#[derive(Debug, Clone, Copy)]
pub struct Added(usize);

/// An output of an added node; serialises as a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    node: usize,
    index: u32,
}

impl Added {
    /// Returns the output at `index`.
    pub fn out(self, index: u32) -> Output {
        Output { node: self.0, index }
    }

    /// Returns the node's id.
    pub fn id(self) -> String {
        self.0.to_string()
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.node.to_string(), self.index).serialize(serializer)
    }
}

impl Graph {
    /// Adds a node; `inputs` is an object (`json!({…})`), in which null stands for an input left out.
    pub fn add(&mut self, class_type: &str, inputs: Value) -> Added {
        let mut object = match inputs {
            Value::Object(object) => object,
            _ => JsonObject::new(),
        };
        object.retain(|_, value| !value.is_null());
        let id = self.workflow.len() + 1;
        self.workflow.insert(id.to_string(), Node::new(class_type, object));
        Added(id)
    }

    /// Adds a node with a title.
    pub fn add_titled(&mut self, title: &str, class_type: &str, inputs: Value) -> Added {
        let added = self.add(class_type, inputs);
        if let (Some(node), Value::Object(meta)) =
            (self.workflow.get_mut(&added.id()), json!({ "title": title }))
        {
            node.meta = Some(meta);
        }
        added
    }

    /// Returns the finished graph.
    pub fn finish(self) -> Workflow {
        self.workflow
    }
}
