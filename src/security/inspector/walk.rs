//! Walks every value of a graph: every node at every depth, every key, every text.

use serde_json::Value;

use super::{
    classes::{Lists, Origin},
    finding::{Finding, Flag, short},
    flow::{Class, Flow},
    inspect::Knowledge,
    leaf::{self, Leaf},
    place::{Place, Step},
    wording, work,
};
use crate::error::JsonObject;

/// How many graphs may lie inside each other.
const MOST_GRAPHS: usize = 10;
/// How deep values may nest.
const MOST_DEPTH: usize = 64;
/// The most findings of one workflow; more say nothing new.
const MOST_FINDINGS: usize = 500;

/// One pass over a workflow.
pub(super) struct Walk<'a> {
    pub(super) lists: &'a Lists,
    pub(super) knowledge: Knowledge<'a>,
    pub(super) enforce: bool,
    findings: Vec<Finding>,
    found: usize,
    /// Classes about which there is nothing to say.
    pub(super) plain: std::collections::HashSet<String, foldhash::fast::RandomState>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(lists: &'a Lists, knowledge: Knowledge<'a>, enforce: bool) -> Self {
        Self {
            lists,
            knowledge,
            enforce,
            findings: Vec::new(),
            found: 0,
            plain: std::collections::HashSet::default(),
        }
    }

    /// How often something was found so far, also where the list is full.
    pub(super) fn count(&self) -> usize {
        self.found
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Looks at a whole workflow, or at what was given as one.
    pub(super) fn top(&mut self, value: &Value) {
        if self.enforce && self.knowledge.replacements.is_some_and(|answer| !answer.is_object()) {
            let why = "Node replacements of the server could not be read; what runs may differ from what was checked";
            self.findings.push(Finding::new(Flag::NodeReplacement, why));
        }
        match value {
            Value::Object(map) => self.graph(map, 1),
            other => self.stray(other, "workflow", 1),
        }
    }

    /// Looks at a map of nodes. Entries that are no nodes are searched for nodes.
    fn graph(&mut self, map: &JsonObject, graphs: usize) {
        let flow = Flow::new(map, self.knowledge.object_info);
        for (id, value) in map {
            match value {
                Value::Object(node) if node.contains_key("class_type") => self.node(id, node, &flow, graphs),
                other => self.stray(other, id, graphs),
            }
        }
    }

    /// Looks for nodes in something that is not a node.
    fn stray(&mut self, value: &Value, name: &str, graphs: usize) {
        let empty = JsonObject::new();
        let flow = Flow::new(&empty, self.knowledge.object_info);
        let said = Class { origin: Origin::EditorOnly, ..flow.class("") };
        let place = Place { id: name, class: "", origin: Origin::EditorOnly, said, graphs };
        self.value(value, Step::Root(name), place, &flow, 1);
    }

    fn node(&mut self, id: &str, node: &JsonObject, flow: &Flow<'_>, graphs: usize) {
        let class = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
        let said = flow.class(class);
        let place = Place { id, class, origin: said.origin, said, graphs };
        if graphs > MOST_GRAPHS {
            let shown = short(class);
            self.push(
                place,
                Flag::DepthExceeded,
                "",
                format!("Node {} ({shown}) lies in more than {MOST_GRAPHS} graphs", short(id)),
            );
            return;
        }
        self.class(place);
        self.label(place, "node_id", id);
        let mut inner = 0;
        for (key, value) in node {
            match (key.as_str(), value) {
                ("class_type", Value::String(_)) => {}
                ("inputs", Value::Object(inputs)) => inner += self.inputs(inputs, place, flow),
                ("_meta", value) => {
                    // The editor's notes never run, but people and assistants read them.
                    let said = Class { origin: Origin::EditorOnly, ..place.said };
                    let notes = Place { origin: Origin::EditorOnly, said, ..place };
                    inner += self.value(value, Step::Root("_meta"), notes, flow, 1);
                }
                (key, value) => inner += self.value(value, Step::Root(key), place, flow, 1),
            }
        }
        if inner == 0 && is_subgraph(class) && !self.is_known(class) {
            self.push(
                place,
                Flag::SubgraphUnresolved,
                "",
                format!("Node {} ({}) is a subgraph that could not be expanded", short(id), short(class)),
            );
        }
    }

    fn is_known(&self, class: &str) -> bool {
        self.knowledge.object_info.is_some_and(|info| info.contains(class))
    }

    fn inputs(&mut self, inputs: &JsonObject, place: Place<'_>, flow: &Flow<'_>) -> usize {
        for (name, why) in work::excesses(place.class, inputs, place.origin, flow) {
            self.suspicious(place, Flag::ResourceAbuse, &name, Some(&why));
        }
        self.joined(inputs, None, place, flow);
        let mut inner = 0;
        for (name, value) in inputs {
            self.key(place, Step::Root(name), flow);
            inner += self.value(value, Step::Root(name), place, flow, 1);
        }
        inner
    }

    /// Names and titles are shown to people and to the assistant.
    fn label(&mut self, place: Place<'_>, what: &str, text: &str) {
        if wording::steers_display(text) {
            self.suspicious(place, Flag::ControlChars, what, Some("characters that steer the display"));
        }
        if wording::speaks_to_model(text) {
            self.suspicious(place, Flag::LlmInjection, what, Some("text addressed to the assistant"));
        }
    }

    fn key(&mut self, place: Place<'_>, step: Step<'_>, flow: &Flow<'_>) {
        let name = step.name();
        if !flow.name(name).plain {
            for (flag, why) in leaf::judge_key(name, place.origin) {
                self.suspicious(place, flag, &step.path(), why);
            }
        }
    }

    /// Looks at a value and what is in it. Returns how many nodes were found inside.
    fn value(
        &mut self,
        value: &Value,
        step: Step<'_>,
        place: Place<'_>,
        flow: &Flow<'_>,
        depth: usize,
    ) -> usize {
        if depth > MOST_DEPTH {
            let (id, class) = (short(place.id), short(place.class));
            self.push(
                place,
                Flag::DepthExceeded,
                step.input(),
                format!("Node {id} ({class}) nests deeper than {MOST_DEPTH} levels"),
            );
            return 0;
        }
        match value {
            Value::String(text) => {
                self.leaf(Leaf::Text(text), step, place, flow);
                self.graph_in_text(text, place)
            }
            Value::Array(items) => self.list(value, items, step, place, flow, depth),
            Value::Object(map) => self.object(map, step, place, flow, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }

    /// A graph as JSON text in a value is a graph.
    fn graph_in_text(&mut self, text: &str, place: Place<'_>) -> usize {
        if !text.contains("class_type") || place.graphs >= MOST_GRAPHS {
            return 0;
        }
        match serde_json::from_str::<Value>(text.trim()) {
            Ok(Value::Object(map)) if map.contains_key("class_type") => {
                self.graph(
                    &JsonObject::from_iter([(place.id.to_owned(), Value::Object(map))]),
                    place.graphs + 1,
                );
                1
            }
            Ok(Value::Object(map)) => {
                self.graph(&map, place.graphs + 1);
                map.len()
            }
            _ => 0,
        }
    }

    /// Pieces of code in several inputs that a node may join.
    fn joined(&mut self, map: &JsonObject, step: Option<Step<'_>>, place: Place<'_>, flow: &Flow<'_>) {
        if place.origin != Origin::Custom {
            return;
        }
        let whole = step.is_some();
        let pieces: Vec<Value> = map
            .iter()
            .filter(|(name, value)| value.is_string() && (whole || flow.purpose(place.said, name).code))
            .map(|(_, value)| value.clone())
            .collect();
        let name = map.iter().find(|(_, value)| value.is_string()).map_or("", |(name, _)| name.as_str());
        if pieces.len() > 1 && (!whole || pieces.len() == map.len()) {
            self.leaf(Leaf::List(&pieces), step.unwrap_or(Step::Root(name)), place, flow);
        }
    }

    fn list(
        &mut self,
        value: &Value,
        items: &[Value],
        step: Step<'_>,
        place: Place<'_>,
        flow: &Flow<'_>,
        depth: usize,
    ) -> usize {
        if items.len() == 2 && matches!(step, Step::Root(_)) && takes_text(step, place, flow) {
            for text in flow.texts(value) {
                self.leaf(Leaf::Linked(&text), step, place, flow);
            }
        }
        if place.origin == Origin::Custom && items.len() > 1 {
            self.leaf(Leaf::List(items), step, place, flow);
        }
        let items = items.iter().enumerate();
        items.map(|(at, item)| self.value(item, Step::Index(&step, at), place, flow, depth + 1)).sum()
    }

    fn object(
        &mut self,
        map: &JsonObject,
        step: Step<'_>,
        place: Place<'_>,
        flow: &Flow<'_>,
        depth: usize,
    ) -> usize {
        if map.contains_key("class_type") {
            self.node(step.name(), map, flow, place.graphs + 1);
            return 1;
        }
        if map.values().any(|value| value.get("class_type").is_some()) {
            self.graph(map, place.graphs + 1);
            return map.len();
        }
        let editor_class = map.get("type").and_then(Value::as_str).filter(|_| {
            ["widgets_values", "outputs", "pos", "mode"].iter().any(|key| map.contains_key(*key))
        });
        if let Some(class) = editor_class {
            self.class(Place {
                id: step.name(),
                class,
                origin: flow.class(class).origin,
                said: flow.class(class),
                graphs: place.graphs,
            });
        }
        self.joined(map, Some(step), place, flow);
        let mut inner = 0;
        for (key, value) in map {
            let step = Step::Key(&step, key);
            self.key(place, step, flow);
            inner += self.value(value, step, place, flow, depth + 1);
        }
        inner
    }

    fn leaf(&mut self, leaf: Leaf<'_>, step: Step<'_>, place: Place<'_>, flow: &Flow<'_>) {
        for (flag, why) in leaf::judge(leaf, step, place, flow) {
            self.suspicious(place, flag, &step.path(), why.as_deref());
        }
    }

    /// A finding in the reference's words; what comes after them is ours.
    fn suspicious(&mut self, place: Place<'_>, flag: Flag, field: &str, why: Option<&str>) {
        let (id, class, field) = (short(place.id), short(place.class), short(field));
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let message = format!("Suspicious input in node {id} ({class}), field '{field}'{why}");
        self.push(place, flag, &field, message);
    }

    pub(super) fn push(&mut self, place: Place<'_>, flag: Flag, input: &str, message: String) {
        self.found += 1;
        if self.findings.len() >= MOST_FINDINGS {
            return;
        }
        let finding = Finding::new(flag, message).node(place.id, place.class);
        let finding = if input.is_empty() { finding } else { finding.input(input) };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// True where a text that comes over a link could do something.
fn takes_text(step: Step<'_>, place: Place<'_>, flow: &Flow<'_>) -> bool {
    place.origin == Origin::Custom || flow.purpose(place.said, step.name()).path
}

/// True for classes that stand for a graph: by name, or by the id that the editor gives to subgraphs.
fn is_subgraph(class: &str) -> bool {
    class.to_ascii_lowercase().contains("subgraph")
        || (class.len() == 36 && uuid::Uuid::try_parse(class).is_ok())
}
