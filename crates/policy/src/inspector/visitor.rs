//! Walks every value of a graph: every node at every depth, every key, every text.

use serde_json::Value;

use super::{
    class_facts::{Class, Said},
    classes::Origin,
    dataflow::{Flow, source_of},
    excerpt,
    finding::{Finding, Flag, Severity, short},
    location::{Around, Place, Step},
    prompt_injection,
    structure::{self, Parts},
    text::Text,
    value_rules::{self, Found},
    workload::Work,
};
use comfywarden_error::JsonObject;

/// How many graphs may lie inside each other.
const MAX_GRAPHS: usize = 10;
/// How deep values may nest.
const MAX_DEPTH: usize = 64;
/// The most findings of one severity; more say nothing new, and many small ones must not hide a large one.
const MAX_FINDINGS: usize = 500;
/// The most nodes that are told to be no nodes.
const MAX_FAULTS: usize = 50;

/// One pass over a workflow.
pub(super) struct Walk<'a> {
    pub(super) said: &'a Said<'a>,
    faults: Vec<Finding>,
    findings: Vec<Finding>,
    /// How many there are of each severity.
    counts: [usize; Severity::ALL.len()],
}

impl<'a> Walk<'a> {
    pub(super) fn new(said: &'a Said<'a>) -> Self {
        Self { said, faults: Vec::new(), findings: Vec::new(), counts: Default::default() }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut all = self.faults;
        all.extend(self.findings);
        all
    }

    /// Looks at a whole workflow, or at what was given as one.
    pub(super) fn top(&mut self, value: &Value) {
        self.faults.extend(structure::fault(value));
        let replacements = self.said.knowledge.replacements;
        if self.said.enforce && replacements.is_some_and(|answer| !answer.is_object()) {
            let why = "Node replacements of the server could not be read; what runs may differ from what was checked";
            self.findings.push(Finding::new(Flag::NodeReplacement, why));
        }
        match value {
            Value::Object(map) => self.graph(map, Around::Workflow, 1),
            other => self.stray(other, "workflow", Around::Workflow, 1),
        }
        if self.said.is_spent() {
            let why = "Texts are led to too many places, or put together to too long ones, to be read";
            self.findings.push(Finding::new(Flag::DepthExceeded, why));
        }
    }

    /// Looks at a map of nodes. Entries that are no nodes are searched for nodes.
    fn graph(&mut self, map: &JsonObject, around: Around<'_>, graphs: usize) {
        let flow = Flow::new(map, self.said);
        for (id, value) in map {
            let parts = Parts::of(value);
            if graphs == 1 && self.faults.len() < MAX_FAULTS {
                self.faults.extend(structure::node_fault(id, value, parts));
            }
            match (value, parts.class) {
                (Value::Object(node), Some(class)) => {
                    self.node(id, node, class, (around, graphs), &flow);
                }
                _ => self.stray(value, id, around, graphs),
            }
        }
    }

    /// Looks for nodes in something that is not a node.
    fn stray(&mut self, value: &Value, name: &str, around: Around<'_>, graphs: usize) {
        let empty = JsonObject::new();
        let flow = Flow::new(&empty, self.said);
        let said = Class { origin: Origin::EditorOnly, ..self.said.class("") };
        let origin = Origin::EditorOnly;
        let place = Place { id: name, around, stray: true, class: "", origin, said, graphs };
        self.value(value, Step::Root(name, self.said.name(name)), place, &flow, 1);
    }

    fn node(
        &mut self,
        id: &str,
        node: &JsonObject,
        class: &Value,
        (around, graphs): (Around<'_>, usize),
        flow: &Flow<'_>,
    ) {
        let class = class.as_str().unwrap_or_default();
        let said = self.said.class(class);
        let place = Place { id, around, stray: false, class, origin: said.origin, said, graphs };
        if graphs > MAX_GRAPHS {
            let shown = short(class);
            self.push(
                place,
                Flag::DepthExceeded,
                "",
                format!("Node {} ({shown}) lies in more than {MAX_GRAPHS} graphs", place.name()),
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
                    inner += self.value(value, Step::Root("_meta", self.said.name("_meta")), notes, flow, 1);
                }
                (key, value) => {
                    inner += self.value(value, Step::Root(key, self.said.name(key)), place, flow, 1);
                }
            }
        }
        if inner == 0 && said.subgraph {
            self.push(
                place,
                Flag::SubgraphUnresolved,
                "",
                format!("Node {} ({}) is a subgraph that could not be expanded", place.name(), short(class)),
            );
        }
    }

    fn inputs(&mut self, inputs: &JsonObject, place: Place<'_>, flow: &Flow<'_>) -> usize {
        let mut work = Work::new(place.said.repeats, place.origin);
        let mut pieces: Vec<(Step<'_>, &str)> = Vec::new();
        let mut inner = 0;
        for (name, value) in inputs {
            let step = Step::Root(name, self.said.input(place.class, place.said, name));
            if let Some(why) = work.add(&step.inner().amount, || flow.number(value)) {
                self.suspicious(place, Flag::ResourceAbuse, name, &why, None);
            }
            self.key(place, step);
            if place.origin == Origin::Custom
                && let Value::String(text) = value
                && step.inner().purpose(place.said.loads, place.origin).code
            {
                pieces.push((step, text));
            }
            inner += self.value(value, step, place, flow, 1);
        }
        if let Some(factor) = flow.enlargement(inputs) {
            work.enlarge(factor);
        }
        let grown =
            || (work.enlarges() && place.is_in_graph()).then(|| flow.volume(place.id)?.excess()).flatten();
        if let Some(why) = work.together().or_else(grown) {
            self.suspicious(place, Flag::ResourceAbuse, "width", &why, None);
        }
        if let [(step, _), _, ..] = pieces.as_slice() {
            let joined: String = pieces.iter().map(|(_, text)| *text).collect();
            self.joined(&joined, *step, place, flow);
        }
        inner
    }

    /// Names and titles are shown to people and to the assistant.
    fn label(&mut self, place: Place<'_>, what: &str, text: &str) {
        let text = Text::new(text);
        if prompt_injection::steers_display(text) || prompt_injection::forges_lines(text) {
            self.suspicious(place, Flag::ControlChars, what, value_rules::STEERS, None);
        }
        if prompt_injection::speaks_to_model(text) {
            self.suspicious(place, Flag::LlmInjection, what, value_rules::SPEAKS, None);
        }
    }

    fn key(&mut self, place: Place<'_>, step: Step<'_>) {
        if !step.inner().plain {
            self.found(&value_rules::judge_key(step.name(), place.origin), step, place);
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
        if depth > MAX_DEPTH {
            let (id, class) = (place.name(), short(place.class));
            self.push(
                place,
                Flag::DepthExceeded,
                step.input(),
                format!("Node {id} ({class}) nests deeper than {MAX_DEPTH} levels"),
            );
            return 0;
        }
        match value {
            Value::String(text) => {
                let usage = value_rules::usage(step, place, flow);
                self.found(&value_rules::judge(text, step.inner().secret, usage), step, place);
                self.graph_in_text(text, step, place, flow)
            }
            Value::Array(items) => self.list(value, items, step, place, flow, depth),
            Value::Object(map) => self.object(map, step, place, flow, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }

    /// A graph as JSON text in a value is a graph.
    fn graph_in_text(&mut self, text: &str, step: Step<'_>, place: Place<'_>, flow: &Flow<'_>) -> usize {
        if !text.contains("class_type") || place.graphs >= MAX_GRAPHS {
            return 0;
        }
        match serde_json::from_str::<Value>(text.trim()) {
            Ok(Value::Object(map)) => self.graph_in_map(&map, step, place, flow).unwrap_or_else(|| {
                self.graph(&map, Around::Graph(&place, &step), place.graphs + 1);
                map.len()
            }),
            _ => 0,
        }
    }

    /// A node or a graph in a value of another node. Returns how many nodes that are; `None` when it is neither.
    fn graph_in_map(
        &mut self,
        map: &JsonObject,
        step: Step<'_>,
        place: Place<'_>,
        flow: &Flow<'_>,
    ) -> Option<usize> {
        if let Some(class) = map.get("class_type") {
            let around = Around::Value(&place, &step);
            self.node(step.name(), map, class, (around, place.graphs + 1), flow);
            return Some(1);
        }
        if map.values().any(|value| value.get("class_type").is_some()) {
            self.graph(map, Around::Graph(&place, &step), place.graphs + 1);
            return Some(map.len());
        }
        None
    }

    /// Pieces of code that a node may join.
    fn joined(&mut self, text: &str, step: Step<'_>, place: Place<'_>, flow: &Flow<'_>) {
        self.found(&value_rules::judge_joined(text, value_rules::usage(step, place, flow)), step, place);
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
        let custom = place.origin == Origin::Custom;
        if source_of(value).is_some() {
            if matches!(step, Step::Root(..) | Step::Index(Step::Root(..), _))
                && self.takes_text(step, place)
                && let Some((id, text)) = flow.text(value)
            {
                let usage = value_rules::usage(step, place, flow);
                let found = flow.judged((id, &text), usage, |text| value_rules::judge_linked(text, usage));
                self.found(&found, step, place);
            }
            if source_of(value).is_some_and(is_plain_id) {
                return 0;
            }
        } else if custom
            && items.len() > 1
            && let Some(joined) = value_rules::joined(items)
        {
            self.joined(&joined, step, place, flow);
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
        if let Some(nodes) = self.graph_in_map(map, step, place, flow) {
            return nodes;
        }
        let editor_class = map.get("type").and_then(Value::as_str).filter(|_| {
            ["widgets_values", "outputs", "pos", "mode"].iter().any(|key| map.contains_key(*key))
        });
        if let Some(class) = editor_class {
            let said = self.said.class(class);
            let around = Around::Value(&place, &step);
            let origin = said.origin;
            self.class(Place { id: step.name(), around, stray: false, class, origin, said, ..place });
        }
        if place.origin == Origin::Custom && map.len() > 1 && map.values().all(Value::is_string) {
            let joined: String = map.values().filter_map(Value::as_str).collect();
            self.joined(&joined, step, place, flow);
        }
        let mut inner = 0;
        for (key, value) in map {
            let step = Step::Key(&step, key, self.said.name(key));
            self.key(place, step);
            inner += self.value(value, step, place, flow, depth + 1);
        }
        inner
    }

    fn found(&mut self, found: &Found, step: Step<'_>, place: Place<'_>) {
        for fault in found {
            self.suspicious(place, fault.flag, &step.path(), &fault.why, fault.excerpt.as_deref());
        }
    }

    /// A finding in the reference's words; what comes after them is ours.
    fn suspicious(&mut self, place: Place<'_>, flag: Flag, field: &str, why: &str, excerpt: Option<&str>) {
        if self.is_full(flag.severity()) {
            return;
        }
        let (id, class, field) = (place.name(), short(place.class), short(field));
        let message = format!("Suspicious input in node {id} ({class}), field '{field}': {why}");
        let finding = Finding::new(flag, message).quoting(excerpt.map(str::to_owned));
        self.add(finding, place, &field);
    }

    pub(super) fn push(&mut self, place: Place<'_>, flag: Flag, input: &str, message: String) {
        if !self.is_full(flag.severity()) {
            self.add(Finding::new(flag, message), place, input);
        }
    }

    fn add(&mut self, finding: Finding, place: Place<'_>, input: &str) {
        let finding = finding.node(&place.name(), place.class).at(place.way());
        let finding = if input.is_empty() { finding } else { finding.input(input) };
        if !self.findings.contains(&finding) {
            if let Some(count) = self.counts.get_mut(finding.severity as usize) {
                *count += 1;
            }
            self.findings.push(finding);
        }
    }

    /// True where a text that comes over a link could do something: not in the place of a model or a picture.
    fn takes_text(&self, step: Step<'_>, place: Place<'_>) -> bool {
        if step.inner().purpose(place.said.loads, place.said.origin).path {
            return true;
        }
        place.origin == Origin::Custom
            && !step.inner().carries_objects
            && !self.said.takes_objects(place.class, step.name())
    }

    fn is_full(&self, severity: Severity) -> bool {
        self.counts.get(severity as usize).is_none_or(|count| *count >= MAX_FINDINGS)
    }
}

/// True for the ids that editors give: nothing can hide in them.
fn is_plain_id(id: &str) -> bool {
    id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}
