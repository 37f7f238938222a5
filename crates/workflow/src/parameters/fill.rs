//! Fills typed values into the parsed workflow.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind::Kind;
use super::marker::render;
use super::parameter::{Form, Parameter, Parameters, ValuePath};
use super::value::number_of;
use crate::{Error, Result, Workflow};
use comfywarden_error::JsonObject;

/// A workflow with every parameter filled in.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The workflow.
    pub workflow: Workflow,
    /// Every parameter that callers see, with the value that was used.
    pub used: JsonObject,
    /// The first seed among them.
    pub seed: Option<u64>,
}

impl Parameters {
    /// Fills `given` into `workflow`. Seeds that are absent or -1 come from `draw`.
    ///
    /// Fails, and names the parameter, when a value does not fit or a required one is missing: no mark of the file
    /// ever stands for a value.
    pub fn fill(&self, workflow: &Workflow, given: &JsonObject, draw: u64) -> Result<Filled> {
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        let (mut used, mut seed) = (JsonObject::new(), None);
        for (index, parameter) in self.list.iter().enumerate() {
            let value = parameter.value(given, draw.wrapping_add(index as u64))?;
            if matches!(parameter.kind, Kind::Seed { .. }) {
                seed = seed.or(value.as_u64());
            }
            if !parameter.hidden {
                used.insert(parameter.name.clone(), value.clone());
            }
            values.insert(&parameter.name, value);
        }
        let mut filled = workflow.clone();
        for parameter in &self.list {
            let Some(value) = values.get(parameter.name.as_str()) else { continue };
            for path in &parameter.paths {
                let slot = slot(&mut filled, path).ok_or_else(|| gone(parameter, path))?;
                match path.form {
                    Form::Value => *slot = value.clone(),
                    Form::Text => *slot = plain_text(value).into(),
                    // The file's own text, so that an inserted value is never read as a mark.
                    Form::Within => {
                        let original = peek(workflow, path).and_then(Value::as_str).unwrap_or_default();
                        *slot = render(original, |name| values.get(name).map(plain_text)).into();
                    }
                }
            }
        }
        Ok(Filled { workflow: filled, used, seed })
    }
}

impl Parameter {
    fn value(&self, given: &JsonObject, draw: u64) -> Result<Value> {
        let given = given.get(&self.name).filter(|value| !value.is_null() && !self.hidden);
        if let Kind::Seed { max } = self.kind {
            let open = given.is_none_or(|value| value.as_i64() == Some(-1));
            if open {
                let fixed = self.default.clone().filter(|default| default.as_i64() != Some(-1));
                return Ok(fixed.filter(|_| given.is_none()).unwrap_or_else(|| random_seed(draw, max)));
            }
        }
        let Some(value) = given.or(self.default.as_ref()) else {
            return Err(Error::new(format!("`{}` is required", self.name))
                .detail("field", self.name.as_str())
                .hint(self.description.clone()));
        };
        self.kind.accept(value).map_err(|reason| {
            Error::new(format!("`{}` {reason}", self.name)).detail("field", self.name.as_str())
        })
    }
}

/// Limits a random number to a seed that the node takes and every JSON client reads exactly.
fn random_seed(draw: u64, max: u64) -> Value {
    let draw = draw & ((1 << 53) - 1);
    let seed = max.checked_add(1).map_or(draw, |count| draw % count);
    number_of(i128::from(seed))
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn slot<'w>(workflow: &'w mut Workflow, path: &ValuePath) -> Option<&'w mut Value> {
    let (input, rest) = split(&path.pointer)?;
    let value = workflow.get_mut(path.node.as_str())?.inputs.get_mut(&input)?;
    value.pointer_mut(&rest)
}

/// Returns the value at a location.
pub(super) fn peek<'w>(workflow: &'w Workflow, path: &ValuePath) -> Option<&'w Value> {
    let (input, rest) = split(&path.pointer)?;
    workflow.get(path.node.as_str())?.inputs.get(&input)?.pointer(&rest)
}

/// Splits a pointer into the input and the pointer inside its value.
fn split(pointer: &str) -> Option<(String, String)> {
    let inner = pointer.strip_prefix('/')?;
    let (input, rest) = inner.split_once('/').map_or((inner, String::new()), |(a, b)| (a, format!("/{b}")));
    Some((input.replace("~1", "/").replace("~0", "~"), rest))
}

fn gone(parameter: &Parameter, path: &ValuePath) -> Error {
    Error::new(format!(
        "`{}` has no place: node {} has no input `{}`",
        parameter.name,
        path.node,
        path.input()
    ))
    .node(path.node.as_str())
}
