//! Classes that only the editor has: their nodes are not sent, but links may pass through them.
//!
//! The names are those of the packs people use. A class that neither the server nor this list knows is taken for such
//! a class only where the file itself leaves no doubt.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::model::NodeKind;
use crate::ui::{UiGraph, UiNode};

/// Returns the kind of a class that is known to exist in the editor only.
pub(super) fn known(class_type: &str) -> Option<NodeKind<'static>> {
    Some(match class_type {
        "Reroute" | "Reroute (rgthree)" => NodeKind::Reroute,
        "PrimitiveNode" => NodeKind::Primitive,
        "SetNode" | "easy setNode" => NodeKind::Setter,
        "GetNode" | "easy getNode" => NodeKind::Getter,
        "Note"
        | "MarkdownNote"
        | "Note Plus (mtb)"
        | "easy bookmark"
        | "Label (rgthree)"
        | "Bookmark (rgthree)"
        | "Fast Groups Muter (rgthree)"
        | "Fast Groups Bypasser (rgthree)"
        | "Fast Muter (rgthree)"
        | "Fast Bypasser (rgthree)"
        | "Fast Actions Button (rgthree)"
        | "Node Collector (rgthree)"
        | "Node Combiner (rgthree)"
        | "Mute / Bypass Repeater (rgthree)"
        | "Mute / Bypass Relay (rgthree)"
        | "Random Unmuter (rgthree)"
        | "Power Conductor (rgthree)" => NodeKind::Note,
        _ => return None,
    })
}

/// True for the notes that ComfyUI itself has.
pub(super) fn is_note(class_type: &str) -> bool {
    matches!(class_type, "Note" | "MarkdownNote")
}

/// True for the broadcasting classes of the Use Everywhere pack that have no effect beyond their broadcast.
pub(super) fn is_broadcaster(class_type: &str) -> bool {
    class_type.starts_with("Anything Everywhere") || class_type == "Prompts Everywhere"
}

/// Infers the kind of a node whose class the server lacks; `None` when it may be more than a part of the editor.
pub(super) fn infer(node: &UiNode, graph: &UiGraph, pairs: &Pairs) -> Option<NodeKind<'static>> {
    let class_type = node.class_type.as_str();
    if is_broadcaster(class_type) {
        return Some(NodeKind::Note);
    }
    let (inputs, outputs) = (node.inputs.len(), node.outputs.len());
    if (inputs, outputs) == (1, 1) && class_type.to_ascii_lowercase().contains("reroute") {
        return Some(NodeKind::Reroute);
    }
    if pairs.has_counterpart(class_type) && constant_name(node).is_some() {
        match (inputs, outputs) {
            (0, 1) => return Some(NodeKind::Getter),
            (1, _) => return Some(NodeKind::Setter),
            _ => {}
        }
    }
    let has_link = |link| graph.links.contains_key(link);
    let takes = node.inputs.iter().filter_map(|input| input.link.as_ref()).any(has_link);
    let gives = node.outputs.iter().flat_map(|output| &output.links).any(has_link);
    (!takes && !gives && outputs == 0 && inputs == 0).then_some(NodeKind::Note)
}

/// Returns a text that the class of a setter shares with the class of its getters.
pub(super) fn pair_key(class_type: &str) -> String {
    class_type.to_ascii_lowercase().replace("get", "set")
}

/// Returns the name under which a setter passes its value, or a getter takes it.
pub(super) fn constant_name(node: &UiNode) -> Option<&str> {
    let name = match &node.widgets_values {
        Value::Array(values) => values.first(),
        Value::Object(named) => named.get("Constant").or_else(|| named.values().next()),
        _ => None,
    };
    name.and_then(Value::as_str).filter(|name| !name.is_empty())
}

/// The classes of a file whose names differ only in “get” and “set”.
#[derive(Debug, Default)]
pub(super) struct Pairs(HashMap<String, usize>);

impl Pairs {
    /// Indexes all classes of a file.
    pub(super) fn new<'c>(class_types: impl Iterator<Item = &'c str>) -> Self {
        let mut pairs = Self::default();
        for class_type in class_types.collect::<HashSet<&str>>() {
            *pairs.0.entry(pair_key(class_type)).or_default() += 1;
        }
        pairs
    }

    fn has_counterpart(&self, class_type: &str) -> bool {
        self.0.get(&pair_key(class_type)).is_some_and(|count| *count > 1)
    }
}
