//! Turns calls into nodes: assigns ids, resolves links, and checks them against the catalogue.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::lexer::Position;
use super::{ScriptError, parse};
use crate::check::{self, ProblemKind};
use crate::{Link, Node, ObjectInfo, Workflow, nearest};
use comfywarden_error::JsonObject;

type Result<T> = std::result::Result<T, ScriptError>;

/// The value that a call gives to an input.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Plain(Value),
    Output { call: usize, output: u32 },
}

/// One call of the script.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) at: Position,
    pub(super) class_type: String,
    pub(super) targets: Vec<Position>,
    inputs: Vec<(Position, String, Given)>,
    known: HashSet<String>,
    id: Option<(Position, String)>,
    meta: Option<JsonObject>,
}

impl Default for Position {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Call {
    pub(super) fn new(at: Position, class_type: String) -> Self {
        Self { at, class_type, ..Self::default() }
    }

    /// Records an input.
    pub(super) fn give(&mut self, at: Position, name: String, value: Given) -> Result<()> {
        if !self.known.insert(name.clone()) {
            return Err(ScriptError::new(at, format!("input `{name}` is given twice")));
        }
        self.inputs.push((at, name, value));
        Ok(())
    }

    /// Records `_id`, `_title` or `_meta`.
    pub(super) fn describe(
        &mut self,
        name: &str,
        at: Position,
        value_at: Position,
        value: Given,
    ) -> Result<()> {
        match (name, value) {
            ("_id", Given::Plain(Value::String(id))) => self.id = Some((at, id)),
            ("_id", Given::Plain(Value::Number(id))) => self.id = Some((at, id.to_string())),
            ("_title", Given::Plain(Value::String(title))) => {
                self.meta.get_or_insert_default().insert("title".to_owned(), title.into());
            }
            ("_meta", Given::Plain(Value::Object(meta))) => self.meta.get_or_insert_default().extend(meta),
            ("_meta", _) => return Err(ScriptError::new(value_at, "`_meta` takes a dict")),
            _ => return Err(ScriptError::new(value_at, format!("`{name}` takes a string"))),
        }
        Ok(())
    }
}

/// A workflow that was read from a script.
#[derive(Debug)]
pub struct Parsed {
    /// The workflow.
    pub workflow: Workflow,
    calls: Vec<Call>,
    index: HashMap<String, usize>,
}

impl Parsed {
    pub(super) fn new(mut calls: Vec<Call>) -> Result<Self> {
        let ids = ids(&calls)?;
        let mut workflow = Workflow::new();
        for (call, id) in calls.iter_mut().zip(&ids) {
            let inputs = call.inputs.iter().map(|(_, name, value)| {
                let value = match value {
                    Given::Plain(value) => value.clone(),
                    Given::Output { call, output } => {
                        let source = ids.get(*call).map_or("", String::as_str);
                        Link { node_id: source.into(), output: *output }.to_value()
                    }
                };
                (name.clone(), value)
            });
            let mut node = Node::new(call.class_type.as_str(), inputs.collect());
            node.meta = call.meta.take();
            workflow.insert(id.as_str(), node);
        }
        let index = ids.into_iter().enumerate().map(|(at, id)| (id, at)).collect();
        Ok(Self { workflow, calls, index })
    }

    /// Returns the position of a node, or of one of its inputs, in the script (line and column from 1).
    pub fn position(&self, node_id: &str, input: Option<&str>) -> Option<(usize, usize)> {
        let at = self.place(node_id, input)?;
        Some((at.line, at.column))
    }

    fn place(&self, node_id: &str, input: Option<&str>) -> Option<Position> {
        let call = self.calls.get(*self.index.get(node_id)?)?;
        let given = call.inputs.iter().find(|(_, name, _)| Some(name.as_str()) == input);
        Some(given.map_or(call.at, |(at, _, _)| *at))
    }

    fn hold_against(&self, catalogue: &ObjectInfo) -> Result<()> {
        for call in &self.calls {
            let Some(class) = catalogue.get(&call.class_type) else { continue };
            let given = class.outputs.len();
            if let Some(at) = call.targets.get(given) {
                let names: Vec<&str> = class.outputs.iter().map(|output| output.name.as_str()).collect();
                return Err(ScriptError::new(
                    *at,
                    format!("`{}` gives {given} outputs, not {}", class.name, call.targets.len()),
                )
                .hint(format!("its outputs: {}", nearest::list(&names, 30))));
            }
        }
        let problems = check::check(&self.workflow, Some(catalogue));
        let fatal = problems.iter().filter(|problem| {
            matches!(
                problem.kind,
                ProblemKind::MissingNodeType
                    | ProblemKind::UnknownInput
                    | ProblemKind::BadLinkedInput
                    | ProblemKind::MissingNode
                    | ProblemKind::SlotOutOfRange
                    | ProblemKind::ReturnTypeMismatch
                    | ProblemKind::InvalidInputType
                    | ProblemKind::ValueNotInList
                    | ProblemKind::ValueSmallerThanMin
                    | ProblemKind::ValueBiggerThanMax
                    | ProblemKind::LinkExpected
            )
        });
        let placed = fatal.filter_map(|problem| {
            let at = self.place(problem.node_id.as_deref()?, problem.input.as_deref())?;
            Some((at, problem))
        });
        let Some((at, problem)) = placed.min_by_key(|(at, _)| (at.line, at.column)) else { return Ok(()) };
        let error = ScriptError::new(at, problem.message.clone());
        Err(match &problem.accepted {
            Some(accepted) if problem.kind != ProblemKind::ValueNotInList => {
                error.hint(format!("accepted: {accepted}"))
            }
            _ => error,
        })
    }
}

/// Parses a script and checks every call against the catalogue: classes, inputs, values, types of links, number
/// of outputs. The first mistake is the error. Inputs that are missing, and models that are not installed, are
/// left to [`check::check`].
pub fn parse_checked(text: &str, object_info: &ObjectInfo) -> Result<Parsed> {
    let parsed = parse::parse(text, Some(object_info))?;
    parsed.hold_against(object_info)?;
    Ok(parsed)
}

/// Assigns the id of every call: its own, or its number, or the next free number.
fn ids(calls: &[Call]) -> Result<Vec<String>> {
    let mut taken: HashSet<&str> = HashSet::new();
    for call in calls {
        if let Some((at, id)) = &call.id
            && !taken.insert(id)
        {
            return Err(ScriptError::new(*at, format!("two nodes have the id `{id}`")));
        }
    }
    let mut spare = calls.len();
    let ids = calls.iter().enumerate().map(|(at, call)| {
        if let Some((_, id)) = &call.id {
            return id.clone();
        }
        let mut id = (at + 1).to_string();
        while taken.contains(id.as_str()) {
            spare += 1;
            id = spare.to_string();
        }
        id
    });
    Ok(ids.collect())
}
