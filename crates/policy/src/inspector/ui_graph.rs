//! Reads the editor's own format as a graph to inspect, without a server: nodes of all subgraphs in one map.
//!
//! Only the file can say which value belongs to which input; where it does not, the class says what its values
//! are likely to be for. Nodes that are switched off are read like all others. Nodes of a subgraph are named as ComfyUI
//! names them when it runs them: `9:6` is node 6 of the subgraph that node 9 stands for.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value, json};

use super::{class_facts::LinkTypes, inputs::loads, word_list::WordList};

/// Words that the editor writes behind a seed. They belong to no input.
const AFTER_GENERATE: [&str; 4] = ["fixed", "increment", "decrement", "randomize"];

/// The widgets of some classes.
static WIDGETS: WordList = WordList::new(include_str!("lists/inputs/widgets.txt"));

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
    /// Types of links.
    pub(super) link_types: LinkTypes,
    /// Nodes some of whose numbers have a guessed name.
    pub(super) guessed: HashSet<String>,
}

/// Reads a file of the editor. Entries that are no nodes are passed over.
pub(super) fn read(saved: &Value) -> UiGraph {
    let definitions = saved.pointer("/definitions/subgraphs").and_then(Value::as_array);
    let definitions: Vec<(String, &Value)> = definitions
        .into_iter()
        .flatten()
        .map(|definition| (definition.get("id").map(plain).unwrap_or_default(), definition))
        .collect();
    let prefixes = prefixes(saved, &definitions);
    let mut reader = Reader {
        graph: Map::new(),
        ways: HashMap::new(),
        link_types: LinkTypes::new(),
        guessed: HashSet::new(),
        definitions: definitions.iter().map(|(id, definition)| (id.clone(), *definition)).collect(),
    };
    reader.add(saved, "", &[]);
    for (at, (id, definition)) in definitions.iter().enumerate() {
        // One that no node stands for is read as well, under its own id.
        let prefix = prefixes.get(id).cloned().unwrap_or_else(|| {
            let start: String = id.chars().take(MAX_PREFIX).collect();
            format!("{start}:")
        });
        reader.add(definition, &prefix, &["definitions".to_owned(), "subgraphs".to_owned(), at.to_string()]);
    }
    UiGraph {
        graph: reader.graph.into(),
        subgraphs: definitions.into_iter().map(|(id, _)| id).collect(),
        ways: reader.ways,
        link_types: reader.link_types,
        guessed: reader.guessed,
    }
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

/// A link of the file: where it comes from, and its type.
struct Link {
    source: Value,
    ty: String,
}

/// The parts of a file that were read so far.
struct Reader<'s> {
    graph: Map<String, Value>,
    ways: HashMap<String, Vec<String>>,
    link_types: LinkTypes,
    guessed: HashSet<String>,
    definitions: HashMap<String, &'s Value>,
}

impl Reader<'_> {
    fn add(&mut self, saved: &Value, prefix: &str, way: &[String]) {
        let list = |key: &str| saved.get(key).and_then(Value::as_array).into_iter().flatten();
        let links: HashMap<String, Link> = list("links").filter_map(|link| source(link, prefix)).collect();
        for (at, node) in list("nodes").enumerate() {
            let id = node.get("id").map_or_else(|| format!("#{at}"), plain);
            let class = node.get("type").cloned().unwrap_or_default();
            // Two nodes of one id are both there to be seen.
            let id = unused(&self.graph, format!("{prefix}{id}"));
            let inputs = self.inputs(&id, node, &links);
            let mut read = json!({ "inputs": inputs, "class_type": class });
            if let (Some(title), Some(read)) = (node.get("title"), read.as_object_mut()) {
                read.insert("_meta".into(), json!({ "title": title }));
            }
            self.ways.insert(id.clone(), [way, &["nodes".to_owned(), at.to_string()]].concat());
            self.graph.insert(id, read);
        }
    }

    fn inputs(&mut self, id: &str, node: &Value, links: &HashMap<String, Link>) -> Map<String, Value> {
        let mut inputs = Map::new();
        let mut names = Vec::new();
        for socket in node.get("inputs").and_then(Value::as_array).into_iter().flatten() {
            if let Some(name) = socket.pointer("/widget/name").and_then(Value::as_str) {
                names.push(name);
            }
            let name = socket.get("name").and_then(Value::as_str);
            let link = socket.get("link").and_then(|link| links.get(&plain(link)));
            if let (Some(name), Some(link)) = (name, link) {
                inputs.insert(name.to_owned(), link.source.clone());
                let types = self.link_types.entry(id.to_owned()).or_default();
                types.insert(name.to_owned(), link.ty.clone());
            }
        }
        match node.get("widgets_values") {
            Some(Value::Object(values)) => {
                for (name, value) in values {
                    put(&mut inputs, name.clone(), value);
                }
            }
            Some(Value::Array(values)) => {
                let has_guesses = self.widgets(node, values, names, &mut inputs);
                if has_guesses {
                    self.guessed.insert(id.to_owned());
                }
            }
            _ => {}
        }
        inputs
    }

    /// Adds the values of widgets that the file lists without names. True when names of numbers had to be guessed.
    fn widgets(
        &self,
        node: &Value,
        values: &[Value],
        own: Vec<&str>,
        inputs: &mut Map<String, Value>,
    ) -> bool {
        let class = node.get("type").and_then(Value::as_str).unwrap_or_default();
        let promoted = self.definitions.get(class).map(|definition| promoted(node, definition));
        let names = match promoted {
            Some(names) if names.len() == values.len() => names,
            _ if own.is_empty() => widgets_of(class),
            _ => own.into_iter().map(str::to_owned).collect(),
        };
        let (mut named, mut count) = (names.iter(), 0);
        let mut before = "";
        for (at, value) in values.iter().enumerate() {
            let after_seed = before.ends_with("seed") || before.is_empty();
            if after_seed && value.as_str().is_some_and(|text| AFTER_GENERATE.contains(&text)) {
                continue;
            }
            before = named.next().map(String::as_str).unwrap_or_default();
            let name = if before.is_empty() { likely_name(class, at) } else { before.to_owned() };
            put(inputs, name, value);
            count += usize::from(value.as_str().is_none_or(|text| !AFTER_GENERATE.contains(&text)));
        }
        count != names.len() && values.iter().any(Value::is_number)
    }
}

/// Names the widgets that a subgraph shows on its node: by the list of the node, else by the inputs of the subgraph.
fn promoted(node: &Value, definition: &Value) -> Vec<String> {
    let shown = node.pointer("/properties/proxyWidgets").and_then(Value::as_array);
    if let Some(shown) = shown.filter(|shown| !shown.is_empty()) {
        return shown.iter().map(|pair| pair.get(1).map(plain).unwrap_or_default()).collect();
    }
    let is_widget = |input: &&Value| {
        let ty = input.get("type").and_then(Value::as_str).unwrap_or_default();
        ty.split(',').all(|ty| matches!(ty, "INT" | "FLOAT" | "STRING" | "BOOLEAN" | "COMBO"))
    };
    let inputs = definition.get("inputs").and_then(Value::as_array).into_iter().flatten();
    inputs.filter(is_widget).map(|input| input.get("name").map(plain).unwrap_or_default()).collect()
}

/// Names the widgets of a class of ComfyUI whose numbers matter.
fn widgets_of(class: &str) -> Vec<String> {
    let of = |line: &'static str| line.split_once(' ').filter(|(known, _)| *known == class);
    let names = WIDGETS.entries().find_map(of).map_or("", |(_, names)| names);
    names.split_whitespace().map(str::to_owned).collect()
}

/// Returns a link's id, its source and its type. Links are spelled in two ways.
fn source(link: &Value, prefix: &str) -> Option<(String, Link)> {
    let (id, node, slot, ty) = match link {
        Value::Array(parts) => (parts.first()?, parts.get(1)?, parts.get(2)?, parts.get(5)),
        Value::Object(map) => {
            (map.get("id")?, map.get("origin_id")?, map.get("origin_slot")?, map.get("type"))
        }
        _ => return None,
    };
    let source = json!([format!("{prefix}{}", plain(node)), slot]);
    let ty = ty.and_then(Value::as_str).unwrap_or_default().to_owned();
    Some((plain(id), Link { source, ty }))
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
