//! Walks every value of a graph: every node at every depth, every key, every text.

mod inputs;
mod report;

use std::collections::HashSet;

use serde_json::Value;

use super::{
    class_facts::{ClassFacts, Facts},
    classes::Origin,
    dataflow::{DataFlow, source_of},
    excerpt,
    finding::{Finding, Flag, Severity, short},
    location::{Location, Parent, ValuePath},
    prompt_injection,
    structure::{self, Parts},
    text::Text,
    value_rules,
    workload::{Volume, Volumes},
};
use comfywarden_error::JsonObject;

/// The most graphs inside each other.
const MAX_GRAPHS: usize = 10;
/// The deepest nesting of values.
const MAX_DEPTH: usize = 64;
/// The most entries that are reported as no nodes.
const MAX_FAULTS: usize = 50;

/// One pass over a workflow.
pub(super) struct Visitor<'a> {
    pub(super) facts: &'a Facts<'a>,
    faults: Vec<Finding>,
    findings: Vec<Finding>,
    /// The number of findings of each severity.
    counts: [usize; Severity::ALL.len()],
    /// The findings about text that came over a link, by index.
    over_links: HashSet<usize>,
}

/// The graph that a node lies in: the flow of its text, and the pictures it makes.
struct Graph<'a> {
    flow: DataFlow<'a>,
    volumes: Volumes<'a>,
}

impl<'a> Graph<'a> {
    fn new(map: &'a JsonObject, facts: &'a Facts<'a>) -> Self {
        Self { flow: DataFlow::new(map, facts), volumes: Volumes::new(Volume::LEAST) }
    }
}

impl<'a> Visitor<'a> {
    pub(super) fn new(facts: &'a Facts<'a>) -> Self {
        Self {
            facts,
            faults: Vec::new(),
            findings: Vec::new(),
            counts: Default::default(),
            over_links: HashSet::new(),
        }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut all = self.faults;
        all.extend(report::without_repetition(self.findings, &self.over_links));
        all
    }

    /// Visits a whole workflow, or the value that was given as one.
    pub(super) fn top(&mut self, value: &Value) {
        self.faults.extend(structure::fault(value));
        let replacements = self.facts.knowledge.replacements;
        if self.facts.enforce && replacements.is_some_and(|answer| !answer.is_object()) {
            let why = "Node replacements of the server could not be read; what runs may differ from what was checked";
            self.findings.push(Finding::new(Flag::NodeReplacement, why));
        }
        match value {
            Value::Object(map) => self.graph(map, Parent::Workflow, 1),
            other => self.stray(other, "workflow", Parent::Workflow, 1),
        }
        if self.facts.is_spent() {
            let why = "Texts are led to too many places, or put together to too long ones, to be read";
            self.findings.push(Finding::new(Flag::DepthExceeded, why));
        }
    }

    /// Visits a map of nodes. Entries that are no nodes are searched for nodes.
    fn graph(&mut self, map: &JsonObject, parent: Parent<'_>, graphs: usize) {
        let graph = Graph::new(map, self.facts);
        for (id, value) in map {
            let parts = Parts::of(value);
            if graphs == 1 && self.faults.len() < MAX_FAULTS {
                self.faults.extend(structure::node_fault(id, value, parts));
            }
            match (value, parts.class) {
                (Value::Object(node), Some(class)) => {
                    self.node(id, node, class, (parent, graphs), &graph);
                }
                _ => self.stray(value, id, parent, graphs),
            }
        }
    }

    /// Looks for nodes in something that is not a node.
    fn stray(&mut self, value: &Value, name: &str, parent: Parent<'_>, graphs: usize) {
        let empty = JsonObject::new();
        let graph = Graph::new(&empty, self.facts);
        let class_facts = ClassFacts { origin: Origin::EditorOnly, ..self.facts.class("") };
        let origin = Origin::EditorOnly;
        let location = Location { id: name, parent, stray: true, class: "", origin, class_facts, graphs };
        self.value(value, ValuePath::Root(name, self.facts.name(name)), location, &graph, 1);
    }

    fn node(
        &mut self,
        id: &str,
        node: &JsonObject,
        class: &Value,
        (parent, graphs): (Parent<'_>, usize),
        graph: &Graph<'_>,
    ) {
        let class = class.as_str().unwrap_or_default();
        let class_facts = self.facts.class(class);
        let location =
            Location { id, parent, stray: false, class, origin: class_facts.origin, class_facts, graphs };
        if graphs > MAX_GRAPHS {
            let shown = short(class);
            self.push(
                location,
                Flag::DepthExceeded,
                "",
                format!("Node {} ({shown}) lies in more than {MAX_GRAPHS} graphs", location.name()),
            );
            return;
        }
        self.class(location);
        self.label(location, "node_id", id);
        let mut inner = 0;
        for (key, value) in node {
            match (key.as_str(), value) {
                ("class_type", Value::String(_)) => {}
                ("inputs", Value::Object(inputs)) => inner += self.inputs(inputs, location, graph),
                ("_meta", value) => {
                    // The editor's notes never run, but people and assistants read them.
                    let class_facts = ClassFacts { origin: Origin::EditorOnly, ..location.class_facts };
                    let notes = Location { origin: Origin::EditorOnly, class_facts, ..location };
                    let title = value.get("title").and_then(Value::as_str).unwrap_or_default();
                    let shown = Text::new(title);
                    if prompt_injection::forges_lines(shown) && !prompt_injection::steers_display(shown) {
                        let excerpt = excerpt::start(title);
                        self.suspicious(
                            notes,
                            Flag::ControlChars,
                            "_meta.title",
                            value_rules::STEERS,
                            Some(&excerpt),
                        );
                    }
                    inner += self.value(
                        value,
                        ValuePath::Root("_meta", self.facts.name("_meta")),
                        notes,
                        graph,
                        1,
                    );
                }
                (key, value) => {
                    inner +=
                        self.value(value, ValuePath::Root(key, self.facts.name(key)), location, graph, 1);
                }
            }
        }
        if inner == 0 && class_facts.subgraph {
            self.push(
                location,
                Flag::SubgraphUnresolved,
                "",
                format!(
                    "Node {} ({}) is a subgraph that could not be expanded",
                    location.name(),
                    short(class)
                ),
            );
        }
    }

    /// Judges a name or a title, which people and the assistant read.
    fn label(&mut self, location: Location<'_>, what: &str, text: &str) {
        let text = Text::new(text);
        if prompt_injection::steers_display(text) || prompt_injection::forges_lines(text) {
            self.suspicious(location, Flag::ControlChars, what, value_rules::STEERS, None);
        }
        if prompt_injection::speaks_to_model(text) {
            self.suspicious(location, Flag::LlmInjection, what, value_rules::SPEAKS, None);
        }
    }

    fn key(&mut self, location: Location<'_>, path: ValuePath<'_>) {
        if !path.inner().plain {
            self.found(&value_rules::judge_key(path.name(), location.origin), path, location);
        }
    }

    /// Visits a value and everything in it. Returns the number of nodes inside.
    fn value(
        &mut self,
        value: &Value,
        path: ValuePath<'_>,
        location: Location<'_>,
        graph: &Graph<'_>,
        depth: usize,
    ) -> usize {
        if depth > MAX_DEPTH {
            let (id, class) = (location.name(), short(location.class));
            self.push(
                location,
                Flag::DepthExceeded,
                path.input(),
                format!("Node {id} ({class}) nests deeper than {MAX_DEPTH} levels"),
            );
            return 0;
        }
        match value {
            Value::String(text) => {
                let usage = value_rules::usage(path, location, &graph.flow);
                self.found(&value_rules::judge(text, path.inner().secret, usage), path, location);
                self.graph_in_text(text, path, location, graph)
            }
            Value::Array(items) => self.list(value, items, path, location, graph, depth),
            Value::Object(map) => self.object(map, path, location, graph, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }

    /// Visits a graph that is JSON text in a value.
    fn graph_in_text(
        &mut self,
        text: &str,
        path: ValuePath<'_>,
        location: Location<'_>,
        graph: &Graph<'_>,
    ) -> usize {
        if !text.contains("class_type") || location.graphs >= MAX_GRAPHS {
            return 0;
        }
        match serde_json::from_str::<Value>(text.trim()) {
            Ok(Value::Object(map)) => self.graph_in_map(&map, path, location, graph).unwrap_or_else(|| {
                self.graph(&map, Parent::Graph(&location, &path), location.graphs + 1);
                map.len()
            }),
            _ => 0,
        }
    }

    /// Visits a node or a graph in a value of another node. Returns the number of nodes; `None` when it is neither.
    fn graph_in_map(
        &mut self,
        map: &JsonObject,
        path: ValuePath<'_>,
        location: Location<'_>,
        graph: &Graph<'_>,
    ) -> Option<usize> {
        if let Some(class) = map.get("class_type") {
            let parent = Parent::Value(&location, &path);
            self.node(path.name(), map, class, (parent, location.graphs + 1), graph);
            return Some(1);
        }
        if map.values().any(|value| value.get("class_type").is_some()) {
            self.graph(map, Parent::Graph(&location, &path), location.graphs + 1);
            return Some(map.len());
        }
        None
    }

    /// Judges pieces of code that a node may join.
    fn joined(&mut self, text: &str, path: ValuePath<'_>, location: Location<'_>, graph: &Graph<'_>) {
        self.found(
            &value_rules::judge_joined(text, value_rules::usage(path, location, &graph.flow)),
            path,
            location,
        );
    }

    fn list(
        &mut self,
        value: &Value,
        items: &[Value],
        path: ValuePath<'_>,
        location: Location<'_>,
        graph: &Graph<'_>,
        depth: usize,
    ) -> usize {
        let custom = location.origin == Origin::Custom;
        if source_of(value).is_some() {
            if matches!(path, ValuePath::Root(..) | ValuePath::Index(ValuePath::Root(..), _))
                && self.takes_text(path, location)
                && (path.inner().purpose(location.class_facts.loads, location.origin).path
                    || graph.flow.carries_text(location.id, path.input(), value))
                && let Some((id, text)) = graph.flow.text(value)
            {
                let usage = value_rules::usage(path, location, &graph.flow);
                let found =
                    graph.flow.judged((id, &text), usage, |text| value_rules::judge_linked(text, usage));
                self.found_over_link(&found, path, location);
            }
            if source_of(value).is_some_and(is_plain_id) {
                return 0;
            }
        } else if custom
            && items.len() > 1
            && let Some(joined) = value_rules::joined(items)
        {
            self.joined(&joined, path, location, graph);
        }
        let items = items.iter().enumerate();
        items
            .map(|(at, item)| self.value(item, ValuePath::Index(&path, at), location, graph, depth + 1))
            .sum()
    }

    fn object(
        &mut self,
        map: &JsonObject,
        path: ValuePath<'_>,
        location: Location<'_>,
        graph: &Graph<'_>,
        depth: usize,
    ) -> usize {
        if let Some(nodes) = self.graph_in_map(map, path, location, graph) {
            return nodes;
        }
        let editor_class = map.get("type").and_then(Value::as_str).filter(|_| {
            ["widgets_values", "outputs", "pos", "mode"].iter().any(|key| map.contains_key(*key))
        });
        if let Some(class) = editor_class {
            let class_facts = self.facts.class(class);
            let parent = Parent::Value(&location, &path);
            let origin = class_facts.origin;
            self.class(Location {
                id: path.name(),
                parent,
                stray: false,
                class,
                origin,
                class_facts,
                ..location
            });
        }
        if location.origin == Origin::Custom && map.len() > 1 && map.values().all(Value::is_string) {
            let joined: String = map.values().filter_map(Value::as_str).collect();
            self.joined(&joined, path, location, graph);
        }
        let mut inner = 0;
        for (key, value) in map {
            let path = ValuePath::Key(&path, key, self.facts.name(key));
            self.key(location, path);
            inner += self.value(value, path, location, graph, depth + 1);
        }
        inner
    }

    /// True where a text over a link could do something: not where a model or a picture belongs.
    fn takes_text(&self, path: ValuePath<'_>, location: Location<'_>) -> bool {
        if path.inner().purpose(location.class_facts.loads, location.class_facts.origin).path {
            return true;
        }
        location.origin == Origin::Custom
            && !path.inner().carries_objects
            && !self.facts.takes_objects(location.class, path.name())
    }
}

/// True for the ids that editors give: nothing can hide in them.
fn is_plain_id(id: &str) -> bool {
    id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}
