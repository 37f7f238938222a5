//! Checks a workflow as ComfyUI does before a run, and a little more, without submitting it.
//!
//! Kinds use ComfyUI's own words where it has one. Errors of nodes that no output needs are warnings,
//! because ComfyUI does not look at those nodes.

pub(crate) mod cycles;
pub(crate) mod dynamic;
mod inputs;
pub(crate) mod links;
pub mod models;
mod size;
mod structure;

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::object_info::{InputSpec, NodeClass};
use super::{Node, NodeId, ObjectInfo, Workflow, nearest};

/// The severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// ComfyUI refuses the workflow, or the branch, or the run must fail.
    Error,
    /// ComfyUI runs it, but probably not as intended.
    Warning,
}

/// The rule that a workflow breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are ComfyUI's error types and speak for themselves")]
pub enum ProblemKind {
    MissingNodeType,
    RequiredInputMissing,
    BadLinkedInput,
    ReturnTypeMismatch,
    InvalidInputType,
    ValueSmallerThanMin,
    ValueBiggerThanMax,
    ValueNotInList,
    PromptNoOutputs,
    MissingModel,
    MissingNode,
    SlotOutOfRange,
    DependencyCycle,
    LinkExpected,
    NotAWorkflow,
    UiFormat,
    NotANode,
    UnlistedFile,
    UnknownInput,
    UnusedNode,
    Oversized,
}

/// One problem of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The rule that is broken.
    pub kind: ProblemKind,
    /// The node concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_type: Option<String>,
    /// The input concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Location, rule and remedy in one sentence.
    pub message: String,
    /// The value that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Value>,
    /// The accepted values; long lists are cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Value>,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// All problems, in the order of the nodes.
    pub problems: Vec<Problem>,
    /// True when ComfyUI would run at least one output.
    pub runs: bool,
    /// Output nodes that ComfyUI would drop because of an error in their branch.
    pub dropped_outputs: Vec<String>,
}

impl Report {
    /// True without errors.
    pub fn is_valid(&self) -> bool {
        self.errors().next().is_none()
    }

    /// The problems that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }

    /// The problems that are warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Warning)
    }

    fn refused(problems: Vec<Problem>) -> Self {
        Self { problems, runs: false, dropped_outputs: Vec::new() }
    }
}

/// Lists the problems of a workflow; without `object_info`, only those that the graph itself shows.
pub fn check(workflow: &Workflow, object_info: Option<&ObjectInfo>) -> Vec<Problem> {
    examine(workflow, object_info).problems
}

/// Checks any JSON value that should be a workflow.
pub fn check_value(value: &Value, object_info: Option<&ObjectInfo>) -> Report {
    let problems = structure::problems(value);
    if !problems.is_empty() {
        return Report::refused(problems);
    }
    match Workflow::from_value(value) {
        Ok(workflow) => examine(&workflow, object_info),
        Err(error) => Report::refused(vec![Problem {
            node_id: error.node_id().map(str::to_owned),
            ..Problem::of_graph(ProblemKind::NotAWorkflow, error.to_string())
        }]),
    }
}

/// Checks a workflow and tells which outputs would run. Linear in the size of the workflow.
pub fn examine(workflow: &Workflow, object_info: Option<&ObjectInfo>) -> Report {
    let mut checker = Checker::new(workflow, object_info);
    if workflow.is_empty() {
        checker.problems.push(Problem::of_graph(
            ProblemKind::PromptNoOutputs,
            "the workflow is empty; add nodes and at least one output node such as SaveImage",
        ));
        return Report::refused(checker.problems);
    }
    for (id, node) in workflow.iter() {
        checker.node(id, node);
    }
    size::check(&mut checker);
    cycles::check(&mut checker);
    checker.finish()
}

impl Problem {
    pub(crate) fn of_graph(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind,
            node_id: None,
            class_type: None,
            input: None,
            message: message.into(),
            received: None,
            accepted: None,
        }
    }

    pub(crate) fn of_node(kind: ProblemKind, entry: NodeRef<'_>, message: &str) -> Self {
        Self {
            node_id: Some(entry.id.as_str().to_owned()),
            class_type: Some(entry.node.class_type.clone()),
            ..Self::of_graph(kind, format!("node `{}` ({}): {message}", entry.id, entry.node.class_type))
        }
    }

    fn input(mut self, name: &str) -> Self {
        self.input = Some(name.to_owned());
        self
    }

    fn received(mut self, value: &Value) -> Self {
        self.received = Some(shorten(value));
        self
    }

    fn accepted(mut self, value: impl Into<Value>) -> Self {
        self.accepted = Some(value.into());
        self
    }

    fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

/// A node and its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeRef<'a> {
    pub(crate) id: &'a NodeId,
    pub(crate) node: &'a Node,
}

/// The most problems that get a suggestion, since suggestions cost time.
const MAX_SUGGESTIONS: usize = 40;

pub(crate) struct Checker<'a> {
    workflow: &'a Workflow,
    object_info: Option<&'a ObjectInfo>,
    problems: Vec<Problem>,
    /// Edges from a node to the nodes it takes outputs of, over the inputs its class declares.
    sources: HashMap<&'a str, Vec<&'a str>>,
    choices: HashMap<*const InputSpec, HashSet<&'a str>>,
    suggestions: usize,
    unknown_class: bool,
}

impl<'a> Checker<'a> {
    fn new(workflow: &'a Workflow, object_info: Option<&'a ObjectInfo>) -> Self {
        Self {
            workflow,
            object_info,
            problems: Vec::new(),
            sources: HashMap::with_capacity(workflow.len()),
            choices: HashMap::new(),
            suggestions: MAX_SUGGESTIONS,
            unknown_class: false,
        }
    }

    fn node(&mut self, id: &'a NodeId, node: &'a Node) {
        let entry = NodeRef { id, node };
        let Some(catalogue) = self.object_info else {
            for (name, value) in &node.inputs {
                self.shape_only(entry, name, value);
            }
            return;
        };
        let Some(class) = catalogue.get(&node.class_type) else {
            self.unknown_class(entry, catalogue);
            return;
        };
        self.known_node(entry, class);
    }

    fn unknown_class(&mut self, entry: NodeRef<'a>, catalogue: &'a ObjectInfo) {
        self.unknown_class = true;
        let near = self.suggest(&entry.node.class_type, || catalogue.names().iter().map(String::as_str));
        let message = format!("this ComfyUI has no such class{near}; a node pack may be missing");
        self.problems.push(
            Problem::of_node(ProblemKind::MissingNodeType, entry, &message)
                .received(&Value::from(entry.node.class_type.as_str())),
        );
    }

    fn known_node(&mut self, entry: NodeRef<'a>, class: &'a NodeClass) {
        let specs = dynamic::specs(class, &entry.node.inputs);
        for spec in &specs {
            match entry.node.inputs.get_key_value(spec.name()) {
                None if spec.spec().required => self.required_missing(entry, spec),
                None => {}
                Some((_, Value::Array(link))) => self.link(entry, spec, link),
                Some((_, value)) => self.value(entry, spec, value),
            }
        }
        if entry.node.inputs.len() > specs.iter().filter(|s| entry.node.inputs.contains_key(s.name())).count()
        {
            self.unknown_inputs(entry, class, &specs);
        }
    }

    fn required_missing(&mut self, entry: NodeRef<'a>, spec: &dynamic::Spec<'a>) {
        let want = inputs::describe(spec.spec());
        let message = format!("required input `{}` is missing; give {want}", spec.name());
        self.problems.push(
            Problem::of_node(ProblemKind::RequiredInputMissing, entry, &message)
                .input(spec.name())
                .accepted(inputs::accepted(spec.spec())),
        );
    }

    fn unknown_inputs(&mut self, entry: NodeRef<'a>, class: &NodeClass, specs: &[dynamic::Spec<'a>]) {
        let known: HashSet<&str> = specs.iter().map(dynamic::Spec::name).collect();
        for (name, value) in entry.node.inputs.iter().filter(|(name, _)| !known.contains(name.as_str())) {
            if !class.is_core() {
                self.shape_only(entry, name, value);
            }
            let near = self.suggest(name, || known.iter().copied());
            let effect = if class.is_core() {
                "ComfyUI ignores it"
            } else {
                "only a class that takes any input gets it"
            };
            let message = format!("the class has no input `{name}`{near}; {effect}");
            let problem = Problem::of_node(ProblemKind::UnknownInput, entry, &message);
            self.problems.push(problem.input(name).warning());
        }
    }

    /// Returns “; did you mean `x`?”, or nothing once [`MAX_SUGGESTIONS`] are used up.
    fn suggest<'n, I: Iterator<Item = &'n str>>(&mut self, name: &str, known: impl Fn() -> I) -> String {
        if self.suggestions == 0 {
            return String::new();
        }
        self.suggestions -= 1;
        nearest::did_you_mean(name, known()).map(|text| format!("; {text}")).unwrap_or_default()
    }

    fn outputs(&self) -> Vec<&'a str> {
        let Some(catalogue) = self.object_info else { return Vec::new() };
        let is_output = |node: &Node| catalogue.get(&node.class_type).is_some_and(|class| class.output_node);
        self.workflow.iter().filter(|(_, node)| is_output(node)).map(|(id, _)| id.as_str()).collect()
    }

    fn finish(mut self) -> Report {
        if self.object_info.is_none() {
            let runs = self.problems.iter().all(|problem| problem.severity == Severity::Warning);
            return Report { problems: self.problems, runs, dropped_outputs: Vec::new() };
        }
        let outputs = self.outputs();
        if outputs.is_empty() {
            self.problems.push(Problem::of_graph(
                ProblemKind::PromptNoOutputs,
                "the workflow has no output node; add one such as SaveImage or PreviewImage",
            ));
            return Report::refused(self.problems);
        }
        let needed = cycles::reach(&outputs, |id| self.sources.get(id).map_or(&[][..], Vec::as_slice));
        for problem in &mut self.problems {
            let idle = problem.node_id.as_deref().is_some_and(|id| !needed.contains(id));
            if idle && problem.kind != ProblemKind::MissingNodeType {
                problem.severity = Severity::Warning;
            }
        }
        self.unused(&needed);
        let dropped = self.dropped(&outputs);
        let runs = !self.unknown_class && dropped.len() < outputs.len();
        Report { problems: self.problems, runs, dropped_outputs: dropped }
    }

    fn unused(&mut self, needed: &HashSet<&'a str>) {
        let workflow = self.workflow;
        for (id, node) in workflow.iter().filter(|(id, _)| !needed.contains(id.as_str())) {
            let message = "no output needs this node; ComfyUI will not run it";
            self.problems
                .push(Problem::of_node(ProblemKind::UnusedNode, NodeRef { id, node }, message).warning());
        }
    }

    /// Lists the outputs that have an error in their branch.
    fn dropped(&self, outputs: &[&'a str]) -> Vec<String> {
        let mut consumers: HashMap<&str, Vec<&str>> = HashMap::new();
        for (consumer, sources) in &self.sources {
            for source in sources {
                consumers.entry(source).or_default().push(consumer);
            }
        }
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let bad: Vec<&str> = errors.filter_map(|problem| problem.node_id.as_deref()).collect();
        let spoilt = cycles::reach(&bad, |id| consumers.get(id).map_or(&[][..], Vec::as_slice));
        outputs.iter().filter(|id| spoilt.contains(*id)).map(|id| (*id).to_owned()).collect()
    }
}

/// Cuts a value to the length that a message can carry.
fn shorten(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > 200 => {
            Value::String(text.chars().take(200).chain(std::iter::once('…')).collect())
        }
        Value::Array(items) if items.len() > 8 => format!("a list of {} values", items.len()).into(),
        Value::Object(map) if map.len() > 8 => format!("an object of {} keys", map.len()).into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
