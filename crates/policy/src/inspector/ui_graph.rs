//! Reads the editor's own format as a graph to inspect, without a server: nodes of all subgraphs in one map.
//!
//! Which value belongs to which input is only known where the file says so; elsewhere the class says what its values
//! are likely to be for. Nodes that are switched off are read like all others. Nodes of a subgraph are named as ComfyUI
//! names them when it runs them: `9:6` is node 6 of the subgraph that node 9 stands for.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::inputs::loads;

/// Words that the editor writes behind a seed. They belong to no input.
const AFTER_GENERATE: [&str; 4] = ["fixed", "increment", "decrement", "randomize"];

/// The most bytes of a prefix.
const MAX_PREFIX: usize = 100;

/// A file of the editor, read as a graph.
pub(super) struct UiGraph {
    /// The nodes, as in API format.
    pub(super) graph: Value,
    /// The ids of the subgraphs that are part of the file.
    pub(super) subgraphs: Vec<String>,
    /// The keys and indexes that lead to each node in the file.
    pub(super) ways: HashMap<String, Vec<String>>,
}

/// Reads a file of the editor. Entries that are no nodes are passed over.
pub(super) fn read(saved: &Value) -> UiGraph {
    let mut read = UiGraph { graph: Map::new().into(), subgraphs: Vec::new(), ways: HashMap::new() };
    let definitions = saved.pointer("/definitions/subgraphs").and_then(Value::as_array);
    let definitions: Vec<(String, &Value)> = definitions
        .into_iter()
        .flatten()
        .map(|definition| (definition.get("id").map(plain).unwrap_or_default(), definition))
        .collect();
    let prefixes = prefixes(saved, &definitions);
    let mut graph = Map::new();
    add(&mut graph, &mut read.ways, saved, "", &[]);
    for (at, (id, definition)) in definitions.into_iter().enumerate() {
        // One that no node stands for is read as well, under its own id.
        let prefix = prefixes.get(&id).cloned().unwrap_or_else(|| {
            let start: String = id.chars().take(MAX_PREFIX).collect();
            format!("{start}:")
        });
        let way = ["definitions".to_owned(), "subgraphs".to_owned(), at.to_string()];
        add(&mut graph, &mut read.ways, definition, &prefix, &way);
        read.subgraphs.push(id);
    }
    read.graph = graph.into();
    read
}

/// Returns the prefix of the ids of each subgraph's nodes: the first way to it, and the shortest.
fn prefixes(saved: &Value, definitions: &[(String, &Value)]) -> HashMap<String, String> {
    let known: HashMap<&str, &Value> =
        definitions.iter().map(|(id, definition)| (id.as_str(), *definition)).collect();
    let mut prefixes = HashMap::new();
    let mut pending = VecDeque::from([(saved, String::new())]);
    while let Some((graph, prefix)) = pending.pop_front() {
        for node in graph.get("nodes").and_then(Value::as_array).into_iter().flatten() {
            let class = node.get("type").and_then(Value::as_str).unwrap_or_default();
            let Some(definition) = known.get(class).filter(|_| !prefixes.contains_key(class)) else {
                continue;
            };
            // Ids, and chains of subgraphs, are as long as the file likes; names are not.
            let inner = match node.get("id").map(plain) {
                Some(id) if prefix.len() + id.len() < MAX_PREFIX => format!("{prefix}{id}:"),
                _ => prefix.clone(),
            };
            prefixes.insert(class.to_owned(), inner.clone());
            pending.push_back((*definition, inner));
        }
    }
    prefixes
}

fn add(
    graph: &mut Map<String, Value>,
    ways: &mut HashMap<String, Vec<String>>,
    saved: &Value,
    prefix: &str,
    way: &[String],
) {
    let list = |key: &str| saved.get(key).and_then(Value::as_array).into_iter().flatten();
    let links: HashMap<String, Value> = list("links").filter_map(|link| source(link, prefix)).collect();
    for (at, node) in list("nodes").enumerate() {
        let id = node.get("id").map_or_else(|| format!("#{at}"), plain);
        let class = node.get("type").cloned().unwrap_or_default();
        let mut read = json!({ "inputs": inputs(node, &links), "class_type": class });
        if let (Some(title), Some(read)) = (node.get("title"), read.as_object_mut()) {
            read.insert("_meta".into(), json!({ "title": title }));
        }
        // Two nodes of one id are both there to be seen.
        let id = unused(graph, format!("{prefix}{id}"));
        ways.insert(id.clone(), [way, &["nodes".to_owned(), at.to_string()]].concat());
        graph.insert(id, read);
    }
}

/// Returns a link's id and its source. Links are spelled in two ways.
fn source(link: &Value, prefix: &str) -> Option<(String, Value)> {
    let (id, node, slot) = match link {
        Value::Array(parts) => (parts.first()?, parts.get(1)?, parts.get(2)?),
        Value::Object(map) => (map.get("id")?, map.get("origin_id")?, map.get("origin_slot")?),
        _ => return None,
    };
    Some((plain(id), json!([format!("{prefix}{}", plain(node)), slot])))
}

fn inputs(node: &Value, links: &HashMap<String, Value>) -> Map<String, Value> {
    let mut inputs = Map::new();
    let mut names = Vec::new();
    for socket in node.get("inputs").and_then(Value::as_array).into_iter().flatten() {
        if let Some(name) = socket.pointer("/widget/name").and_then(Value::as_str) {
            names.push(name);
        }
        let name = socket.get("name").and_then(Value::as_str);
        let link = socket.get("link").and_then(|link| links.get(&plain(link)));
        if let (Some(name), Some(link)) = (name, link) {
            inputs.insert(name.to_owned(), link.clone());
        }
    }
    let class = node.get("type").and_then(Value::as_str).unwrap_or_default();
    match node.get("widgets_values") {
        Some(Value::Object(values)) => {
            for (name, value) in values {
                put(&mut inputs, name.clone(), value);
            }
        }
        Some(Value::Array(values)) => {
            let mut names = names.into_iter();
            let mut before = "";
            for (at, value) in values.iter().enumerate() {
                let after_seed = before.ends_with("seed") || before.is_empty();
                if after_seed && value.as_str().is_some_and(|text| AFTER_GENERATE.contains(&text)) {
                    continue;
                }
                before = names.next().unwrap_or_default();
                let name = if before.is_empty() { likely_name(class, at) } else { before.to_owned() };
                put(&mut inputs, name, value);
            }
        }
        _ => {}
    }
    inputs
}

/// Adds a value under this name. A widget that has become a socket keeps its old value, which counts as well.
fn put(inputs: &mut Map<String, Value>, name: String, value: &Value) {
    inputs.insert(unused(inputs, name), value.clone());
}

/// Returns `name`, or `name_7` where that is taken, so that nothing is overwritten.
fn unused(map: &Map<String, Value>, name: String) -> String {
    if !map.contains_key(&name) {
        return name;
    }
    // One of one more name than there are is free.
    let mut free = (map.len()..=2 * map.len()).map(|at| format!("{name}_{at}"));
    free.find(|name| !map.contains_key(name)).unwrap_or(name)
}

/// Guesses a name for a value without one.
fn likely_name(class: &str, at: usize) -> String {
    let lower = class.to_ascii_lowercase();
    if loads(class) || lower.contains("save") {
        format!("file_{at}")
    } else if lower.contains("text") || lower.contains("prompt") || lower.contains("note") {
        format!("text_{at}")
    } else {
        format!("widget_{at}")
    }
}

fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_links_and_subgraphs_are_read() {
        let saved = json!({
            "nodes": [
                {"id": 1, "type": "KSampler", "widgets_values": [7, "randomize", 20],
                 "inputs": [{"name": "model", "link": 4}, {"name": "seed", "widget": {"name": "seed"}},
                            {"name": "steps", "widget": {"name": "steps"}}]},
                {"id": 2, "type": "aaaa", "title": "T"}
            ],
            "links": [[4, 2, 0, 1, 0, "MODEL"]],
            "definitions": {"subgraphs": [{"id": "aaaa", "links": [{"id": 1, "origin_id": 5, "origin_slot": 0}],
                "nodes": [{"id": 6, "type": "LoadImage", "widgets_values": ["x.png", "image"]},
                          {"id": 7, "type": "Combine", "widgets_values": {"prefix": "a"}, "inputs": [{"name": "x", "link": 1}]}]}]}
        });
        let saved = read(&saved);
        assert_eq!(
            saved.graph,
            json!({
                "1": {"class_type": "KSampler", "inputs": {"model": ["2", 0], "seed": 7, "steps": 20}},
                "2": {"class_type": "aaaa", "inputs": {}, "_meta": {"title": "T"}},
                "2:6": {"class_type": "LoadImage", "inputs": {"file_0": "x.png", "file_1": "image"}},
                "2:7": {"class_type": "Combine", "inputs": {"x": ["2:5", 0], "prefix": "a"}}
            })
        );
        assert_eq!(saved.subgraphs, ["aaaa"]);
        assert_eq!(saved.ways["1"], ["nodes", "0"]);
        assert_eq!(saved.ways["2:7"], ["definitions", "subgraphs", "0", "nodes", "1"]);
    }

    #[test]
    fn subgraphs_in_subgraphs_are_named_by_the_first_way_to_them() {
        let node = |id: u8, class: &str| json!({"id": id, "type": class});
        let saved = json!({
            "nodes": [node(9, "outer"), node(8, "outer")],
            "definitions": {"subgraphs": [
                {"id": "inner", "nodes": [node(1, "X"), node(2, "outer")]},
                {"id": "outer", "nodes": [node(4, "inner")]},
                {"id": "unused", "nodes": [node(1, "Y")]}
            ]}
        });
        let graph = read(&saved).graph;
        let ids: Vec<&String> = graph.as_object().unwrap().keys().collect();
        assert_eq!(ids, ["9", "8", "9:4:1", "9:4:2", "9:4", "unused:1"]);
    }
}
