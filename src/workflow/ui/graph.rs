//! The parts of a saved workflow.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::JsonObject;

/// A link's id as the file has it. A number and a string are different ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::workflow) enum LinkId {
    /// The usual form.
    Number(String),
    /// A quoted id.
    Text(String),
}

/// The nodes and links of one level: the workflow itself or one subgraph definition.
#[derive(Debug, Clone, Default)]
pub(in crate::workflow) struct UiGraph {
    /// The nodes, in the order of the file.
    pub(in crate::workflow) nodes: Vec<UiNode>,
    /// The links that could be read, by id; of two with one id the later stands.
    pub(in crate::workflow) links: HashMap<LinkId, UiLink>,
    /// Where a node is, by its id as text.
    pub(in crate::workflow) by_id: HashMap<String, usize>,
    /// True when `links` had entries that the stated version does not read.
    pub(in crate::workflow) links_unread: bool,
    /// An id that two nodes have.
    pub(in crate::workflow) duplicate: Option<String>,
}

impl UiGraph {
    /// The node with this id, and where it is.
    pub(in crate::workflow) fn find(&self, id: &str) -> Option<(usize, &UiNode)> {
        let at = *self.by_id.get(id)?;
        Some((at, self.nodes.get(at)?))
    }
}

/// One node as saved.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct UiNode {
    /// Its id as text.
    pub(in crate::workflow) id: String,
    /// The class, `Reroute`, a subgraph's UUID, …
    pub(in crate::workflow) class_type: String,
    /// 0 runs, 2 is muted, 4 is bypassed.
    pub(in crate::workflow) mode: i64,
    /// The title, when it is not empty.
    pub(in crate::workflow) title: Option<String>,
    /// The input slots.
    pub(in crate::workflow) inputs: Vec<UiInput>,
    /// Types of the output slots.
    pub(in crate::workflow) outputs: Vec<UiOutput>,
    /// `properties`.
    pub(in crate::workflow) properties: JsonObject,
    /// `widgets_values`, `Null` when absent.
    pub(in crate::workflow) widgets_values: Value,
}

impl UiNode {
    /// A node as the editor makes it anew.
    pub(in crate::workflow) fn blank(id: &str, class_type: &str) -> Self {
        Self {
            id: id.to_owned(),
            class_type: class_type.to_owned(),
            mode: 0,
            title: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            properties: JsonObject::new(),
            widgets_values: Value::Null,
        }
    }
}

/// One input slot.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct UiInput {
    /// The input's name.
    pub(in crate::workflow) name: String,
    /// Its type.
    pub(in crate::workflow) ty: String,
    /// The link that ends here.
    pub(in crate::workflow) link: Option<LinkId>,
    /// The widget it stands for.
    pub(in crate::workflow) widget: Option<String>,
}

/// One output slot.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct UiOutput {
    /// Its type.
    pub(in crate::workflow) ty: String,
    /// The links that start here.
    pub(in crate::workflow) links: Vec<LinkId>,
}

/// One link.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct UiLink {
    /// The node it comes from.
    pub(in crate::workflow) origin_id: String,
    /// Which output; `None` when the file has no number there.
    pub(in crate::workflow) origin_slot: Option<i64>,
    /// The node it goes to.
    pub(in crate::workflow) target_id: String,
    /// Which input, as saved.
    pub(in crate::workflow) target_slot: Option<i64>,
}

/// One subgraph definition.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct UiSubgraph {
    /// Its UUID, the type of its instances.
    pub(in crate::workflow) id: String,
    /// The name the user gave it.
    pub(in crate::workflow) name: String,
    /// Its inside.
    pub(in crate::workflow) graph: UiGraph,
    /// What instances take.
    pub(in crate::workflow) inputs: Vec<UiPort>,
    /// What instances give.
    pub(in crate::workflow) outputs: Vec<UiPort>,
}

/// An input or output of a subgraph.
#[derive(Debug, Clone)]
pub(in crate::workflow) struct UiPort {
    /// Its name.
    pub(in crate::workflow) name: String,
    /// Its type.
    pub(in crate::workflow) ty: String,
    /// The links on the inner side.
    pub(in crate::workflow) links: Vec<LinkId>,
}
