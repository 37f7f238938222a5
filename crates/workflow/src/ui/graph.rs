//! The parts of a saved workflow.

use std::collections::HashMap;

use serde_json::Value;

use comfywarden_error::JsonObject;

/// A link's id as the file has it. A number and a string are different ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum LinkId {
    /// The usual form.
    Number(String),
    /// A quoted id.
    Text(String),
}

/// The nodes and links of one level: the workflow itself or one subgraph definition.
#[derive(Debug, Clone, Default)]
pub(crate) struct UiGraph {
    /// The nodes, in the order of the file.
    pub(crate) nodes: Vec<UiNode>,
    /// The links that could be read, by id; of two with one id the later stands.
    pub(crate) links: HashMap<LinkId, UiLink>,
    /// The index of each node, by its id as text.
    pub(crate) by_id: HashMap<String, usize>,
    /// True when `links` had entries that the stated version does not read.
    pub(crate) links_unread: bool,
    /// An id that two nodes have.
    pub(crate) duplicate: Option<String>,
    /// The links that the Use Everywhere pack had made when the file was saved.
    pub(crate) broadcast_links: Vec<BroadcastLink>,
}

/// One link that the Use Everywhere pack had made, as the file lists it.
#[derive(Debug, Clone)]
pub(crate) struct BroadcastLink {
    /// The id of the broadcasting node.
    pub(crate) controller: String,
    /// The id of the node that the value comes from.
    pub(crate) origin_id: String,
    /// The output of that node.
    pub(crate) origin_slot: i64,
    /// The id of the receiving node.
    pub(crate) target_id: String,
    /// The index among the receiving node's inputs in the file.
    pub(crate) target_slot: usize,
}

impl UiGraph {
    /// Returns the node with this id and its index.
    pub(crate) fn find(&self, id: &str) -> Option<(usize, &UiNode)> {
        let at = *self.by_id.get(id)?;
        Some((at, self.nodes.get(at)?))
    }
}

/// One node as saved.
#[derive(Debug, Clone)]
pub(crate) struct UiNode {
    /// Its id as text.
    pub(crate) id: String,
    /// The class, `Reroute`, a subgraph's UUID, …
    pub(crate) class_type: String,
    /// The mode: 0 runs, 2 is muted, 4 is bypassed.
    pub(crate) mode: i64,
    /// The title, when it is not empty.
    pub(crate) title: Option<String>,
    /// The colour that the user gave the node.
    pub(crate) color: Option<String>,
    /// The input slots.
    pub(crate) inputs: Vec<UiInput>,
    /// Types of the output slots.
    pub(crate) outputs: Vec<UiOutput>,
    /// `properties`.
    pub(crate) properties: JsonObject,
    /// `widgets_values`, `Null` when absent.
    pub(crate) widgets_values: Value,
    /// `widgets_values_named`, which some editor extensions add.
    pub(crate) named_values: Option<JsonObject>,
}

impl UiNode {
    /// Makes an empty node, as the editor does for a new one.
    pub(crate) fn blank(id: &str, class_type: &str) -> Self {
        Self {
            id: id.to_owned(),
            class_type: class_type.to_owned(),
            mode: 0,
            title: None,
            color: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            properties: JsonObject::new(),
            widgets_values: Value::Null,
            named_values: None,
        }
    }
}

/// One input slot.
#[derive(Debug, Clone)]
pub(crate) struct UiInput {
    /// The input's name.
    pub(crate) name: String,
    /// The name that the user gave it.
    pub(crate) label: Option<String>,
    /// The name in the language of the user.
    pub(crate) localized_name: Option<String>,
    /// Its type.
    pub(crate) ty: String,
    /// The link that ends here.
    pub(crate) link: Option<LinkId>,
    /// The widget it stands for.
    pub(crate) widget: Option<String>,
}

/// One output slot.
#[derive(Debug, Clone)]
pub(crate) struct UiOutput {
    /// The output's name, or the one that the user gave it.
    pub(crate) label: String,
    /// Its type.
    pub(crate) ty: String,
    /// The links that start here.
    pub(crate) links: Vec<LinkId>,
}

/// One link.
#[derive(Debug, Clone)]
pub(crate) struct UiLink {
    /// The node it comes from.
    pub(crate) origin_id: String,
    /// The output; `None` when the file has no number there.
    pub(crate) origin_slot: Option<i64>,
    /// The node it goes to.
    pub(crate) target_id: String,
    /// The input, as saved.
    pub(crate) target_slot: Option<i64>,
    /// Its type, where the file has it.
    pub(crate) ty: String,
}

/// One subgraph definition.
#[derive(Debug, Clone)]
pub(crate) struct UiSubgraph {
    /// Its UUID, the type of its instances.
    pub(crate) id: String,
    /// The name the user gave it.
    pub(crate) name: String,
    /// Its inside.
    pub(crate) graph: UiGraph,
    /// The inputs of its instances.
    pub(crate) inputs: Vec<UiPort>,
    /// The outputs of its instances.
    pub(crate) outputs: Vec<UiPort>,
}

/// An input or output of a subgraph.
#[derive(Debug, Clone)]
pub(crate) struct UiPort {
    /// Its name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) ty: String,
    /// The links on the inner side.
    pub(crate) links: Vec<LinkId>,
}
