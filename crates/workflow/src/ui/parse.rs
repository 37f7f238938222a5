//! Reads a saved workflow: shape and limits. The converter interprets its parts.

use std::collections::hash_map::Entry;

use serde_json::Value;

use super::graph::{BroadcastLink, LinkId, UiGraph, UiInput, UiLink, UiNode, UiOutput, UiPort, UiSubgraph};
use crate::{
    Error, Result,
    graph::{MAX_INPUTS, MAX_NODES, kind_of},
    js_number::{integral, js_text},
};
use comfywarden_error::JsonObject;

/// A workflow as the editor saves it (schema 0.4 and 1.0).
#[derive(Debug, Clone)]
pub struct UiWorkflow {
    raw: JsonObject,
    root: UiGraph,
    subgraphs: Vec<UiSubgraph>,
}

impl UiWorkflow {
    /// Reads the editor's format; an error names the place.
    pub fn from_value(value: Value) -> Result<Self> {
        let Value::Object(raw) = value else {
            return Err(Error::new(format!("the workflow is {}, not an object", kind_of(&value))));
        };
        let root = read_graph(&raw, "the workflow")?;
        let mut total = root.nodes.len();
        let definitions = raw.get("definitions").and_then(|d| d.get("subgraphs")).and_then(Value::as_array);
        let mut subgraphs = Vec::new();
        for definition in definitions.into_iter().flatten() {
            let subgraph = read_subgraph(definition)?;
            total += subgraph.graph.nodes.len();
            if total > MAX_NODES {
                return Err(too_many(total));
            }
            subgraphs.push(subgraph);
        }
        Ok(Self { raw, root, subgraphs })
    }

    /// True when `value` has the editor's shape: `nodes` is a list.
    pub fn looks_like(value: &Value) -> bool {
        value.get("nodes").is_some_and(Value::is_array)
    }

    /// Returns the workflow as JSON, as it was read.
    pub fn as_json(&self) -> &JsonObject {
        &self.raw
    }

    /// Returns the workflow as JSON.
    pub fn into_value(self) -> Value {
        Value::Object(self.raw)
    }

    /// Iterates over the class of every node, those of subgraph definitions included.
    pub(crate) fn class_types(&self) -> impl Iterator<Item = &str> {
        let graphs = std::iter::once(&self.root).chain(self.subgraphs.iter().map(|subgraph| &subgraph.graph));
        graphs.flat_map(|graph| &graph.nodes).map(|node| node.class_type.as_str())
    }

    /// True when the file tells the version of the editor: from 1.16 on, it lists every widget as an input.
    pub(crate) fn lists_widgets_as_inputs(&self) -> bool {
        self.raw.get("extra").is_some_and(|extra| extra.get("frontendVersion").is_some())
    }

    /// Counts the nodes of the file, subgraph definitions included.
    pub fn node_count(&self) -> usize {
        self.root.nodes.len() + self.subgraphs.iter().map(|s| s.graph.nodes.len()).sum::<usize>()
    }

    pub(crate) fn root(&self) -> &UiGraph {
        &self.root
    }

    pub(crate) fn subgraphs(&self) -> &[UiSubgraph] {
        &self.subgraphs
    }
}

fn too_many(count: usize) -> Error {
    Error::new(format!("the workflow has {count} nodes; at most {MAX_NODES} are accepted"))
        .hint("split the workflow")
}

fn read_graph(object: &JsonObject, place: &str) -> Result<UiGraph> {
    let nodes = match object.get("nodes") {
        Some(Value::Array(nodes)) => nodes.as_slice(),
        None | Some(Value::Null) => &[],
        Some(other) => {
            return Err(Error::new(format!("`nodes` of {place} is {}, not a list", kind_of(other))));
        }
    };
    if nodes.len() > MAX_NODES {
        return Err(too_many(nodes.len()));
    }
    let mut graph = UiGraph::default();
    for (at, node) in nodes.iter().enumerate() {
        let node = read_node(node, at, place)?;
        match graph.by_id.entry(node.id.clone()) {
            Entry::Occupied(_) => graph.duplicate = graph.duplicate.or(Some(node.id.clone())),
            Entry::Vacant(free) => _ = free.insert(at),
        }
        graph.nodes.push(node);
    }
    let listed = object.get("version").and_then(Value::as_f64).is_some_and(|v| (v - 0.4).abs() < 1e-9);
    let links = object.get("links").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for link in links {
        let read = if listed { read_listed_link(link) } else { read_object_link(link) };
        match read {
            Some((id, link)) => _ = graph.links.insert(id, link),
            None => graph.links_unread = true,
        }
    }
    let broadcasts = object.get("extra").and_then(|extra| extra.get("ue_links")).and_then(Value::as_array);
    graph.broadcast_links = broadcasts.into_iter().flatten().filter_map(read_broadcast_link).collect();
    Ok(graph)
}

fn read_broadcast_link(link: &Value) -> Option<BroadcastLink> {
    Some(BroadcastLink {
        controller: id_text(link.get("controller")?)?,
        origin_id: id_text(link.get("upstream")?)?,
        origin_slot: link.get("upstream_slot").and_then(integer)?,
        target_id: id_text(link.get("downstream")?)?,
        target_slot: link
            .get("downstream_slot")
            .and_then(integer)
            .and_then(|slot| usize::try_from(slot).ok())?,
    })
}

fn read_node(value: &Value, at: usize, place: &str) -> Result<UiNode> {
    let Value::Object(node) = value else {
        return Err(Error::new(format!("entry {at} of `nodes` of {place} is {}", kind_of(value))));
    };
    let Some(id) = node.get("id").and_then(id_text) else {
        return Err(Error::new(format!("entry {at} of `nodes` of {place} has no id")));
    };
    let Some(class_type) = node.get("type").and_then(Value::as_str) else {
        return Err(Error::new(format!("node `{id}` of {place} has no type"))
            .node(id)
            .hint("`type` names the node class, such as \"KSampler\""));
    };
    let list = |key: &str| node.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (inputs, outputs) = (list("inputs"), list("outputs"));
    if inputs.len() > MAX_INPUTS || outputs.len() > MAX_INPUTS {
        return Err(Error::new(format!(
            "node `{id}` has {} inputs and {} outputs; at most {MAX_INPUTS} of each are accepted",
            inputs.len(),
            outputs.len()
        ))
        .node(id));
    }
    let title = node.get("title").and_then(Value::as_str).filter(|title| !title.is_empty());
    Ok(UiNode {
        class_type: class_type.to_owned(),
        mode: node.get("mode").and_then(integer).unwrap_or(0),
        title: title.map(str::to_owned),
        color: node.get("color").and_then(Value::as_str).map(str::to_owned),
        inputs: inputs.iter().map(read_input).collect(),
        outputs: outputs.iter().map(read_output).collect(),
        properties: node.get("properties").and_then(Value::as_object).cloned().unwrap_or_default(),
        widgets_values: node.get("widgets_values").cloned().unwrap_or(Value::Null),
        named_values: node.get("widgets_values_named").and_then(Value::as_object).cloned(),
        id,
    })
}

fn read_input(input: &Value) -> UiInput {
    UiInput {
        name: text(input, "name"),
        label: some_text(input, "label"),
        localized_name: some_text(input, "localized_name"),
        ty: type_text(input),
        link: input.get("link").and_then(link_id),
        widget: input.get("widget").filter(|w| w.is_object()).map(|widget| text(widget, "name")),
    }
}

fn read_output(output: &Value) -> UiOutput {
    let label = some_text(output, "label").unwrap_or_else(|| text(output, "name"));
    UiOutput { label, ty: type_text(output), links: link_ids(output, "links") }
}

fn read_subgraph(value: &Value) -> Result<UiSubgraph> {
    let Some(definition) = value.as_object() else {
        return Err(Error::new(format!("a subgraph definition is {}, not an object", kind_of(value))));
    };
    let Some(id) = definition.get("id").and_then(Value::as_str) else {
        return Err(Error::new("a subgraph definition has no id"));
    };
    let name = text(value, "name");
    let graph = read_graph(definition, &format!("subgraph `{name}`"))?;
    let ports = |key: &str| -> Vec<UiPort> {
        let ports = definition.get(key).and_then(Value::as_array);
        ports.into_iter().flatten().map(read_port).collect()
    };
    let (inputs, outputs) = (ports("inputs"), ports("outputs"));
    if inputs.len() > MAX_INPUTS || outputs.len() > MAX_INPUTS {
        return Err(Error::new(format!(
            "subgraph `{name}` has {} inputs and {} outputs; at most {MAX_INPUTS} of each are accepted",
            inputs.len(),
            outputs.len()
        )));
    }
    Ok(UiSubgraph { id: id.to_owned(), name, graph, inputs, outputs })
}

fn read_port(port: &Value) -> UiPort {
    UiPort { name: text(port, "name"), ty: type_text(port), links: link_ids(port, "linkIds") }
}

fn read_listed_link(link: &Value) -> Option<(LinkId, UiLink)> {
    let parts = link.as_array()?.as_slice();
    let [id, origin, origin_slot, target, target_slot, ..] = parts else { return None };
    let (id, mut link) = read_link(id, origin, origin_slot, target, target_slot)?;
    parts.get(5).and_then(Value::as_str).unwrap_or_default().clone_into(&mut link.ty);
    Some((id, link))
}

fn read_object_link(link: &Value) -> Option<(LinkId, UiLink)> {
    let ty = text(link, "type");
    let link = link.as_object()?;
    let field = |key: &str| link.get(key).unwrap_or(&Value::Null);
    let (id, link) = read_link(
        field("id"),
        field("origin_id"),
        field("origin_slot"),
        field("target_id"),
        field("target_slot"),
    )?;
    Some((id, UiLink { ty, ..link }))
}

fn read_link(
    id: &Value,
    origin: &Value,
    origin_slot: &Value,
    target: &Value,
    target_slot: &Value,
) -> Option<(LinkId, UiLink)> {
    let link = UiLink {
        origin_id: id_text(origin)?,
        origin_slot: integer(origin_slot),
        target_id: id_text(target).unwrap_or_default(),
        target_slot: integer(target_slot),
        ty: String::new(),
    };
    Some((link_id(id)?, link))
}

/// Reads a node's id as text; `None` when the value cannot be one.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) => Some(js_text(value)),
        _ => None,
    }
}

fn link_id(value: &Value) -> Option<LinkId> {
    match value {
        Value::Number(_) => Some(LinkId::Number(js_text(value))),
        Value::String(text) => Some(LinkId::Text(text.clone())),
        _ => None,
    }
}

fn link_ids(value: &Value, key: &str) -> Vec<LinkId> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(link_id).collect()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn some_text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn type_text(slot: &Value) -> String {
    match slot.get("type") {
        Some(Value::String(ty)) => ty.clone(),
        Some(Value::Array(_)) => "COMBO".to_owned(),
        Some(ty @ Value::Number(_)) => js_text(ty),
        _ => String::new(),
    }
}

/// Reads the leading integer of a number or text, as JavaScript's `parseInt` does.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let whole = number.as_f64()?.trunc();
            integral(whole)
        }),
        Value::String(text) => {
            let text = text.trim_start();
            let digits = text.strip_prefix('-').unwrap_or(text);
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            let end = count + (text.len() - digits.len());
            text.get(..end)?.parse().ok()
        }
        _ => None,
    }
}
