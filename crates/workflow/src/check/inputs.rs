//! Checks values: conversion as ComfyUI does it, ranges and enumerations.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::dynamic::Spec;
use super::{Checker, NodeRef, Problem, ProblemKind, models, shorten};
use crate::nearest;
use crate::object_info::InputSpec;

/// The most accepted values that a problem lists.
const MAX_LISTED: usize = 20;
/// The length from which an enumeration is looked up in a set.
const SET_FROM: usize = 16;

/// Describes an input for messages, such as “an INT from 1 to 10000”.
pub(super) fn describe(spec: &InputSpec) -> String {
    let bound = |key: &str| spec.options.get(key).map(Value::to_string);
    match (&spec.choices, bound("min"), bound("max")) {
        (Some(choices), _, _) => format!("one of {} values", choices.len()),
        (None, Some(min), Some(max)) => format!("{} from {min} to {max}", spec.ty),
        _ if matches!(spec.ty.as_str(), "INT" | "FLOAT" | "STRING" | "BOOLEAN" | "COMBO") => {
            format!("a value of type {}", spec.ty)
        }
        _ => format!("a link to an output of type {}", spec.ty),
    }
}

/// Returns the values that an input accepts, as data.
pub(super) fn accepted(spec: &InputSpec) -> Value {
    if let Some(choices) = &spec.choices {
        return Value::Array(choices.iter().take(MAX_LISTED).cloned().collect());
    }
    let bounds: serde_json::Map<String, Value> = ["min", "max"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), spec.options.get(key)?.clone())))
        .collect();
    if bounds.is_empty() { spec.ty.as_str().into() } else { Value::Object(bounds) }
}

impl<'a> Checker<'a> {
    pub(super) fn value(&mut self, entry: NodeRef<'a>, spec: &Spec<'a>, given: &Value) {
        let name = spec.name();
        let value = match given {
            Value::Object(map) => map.get("__value__").unwrap_or(given),
            _ => given,
        };
        let wanted = spec.spec();
        if wanted.is_only_linked() {
            if value.is_null() && !wanted.required {
                return;
            }
            let message =
                format!("`{name}` is {}, but {} comes only through a link", describe_value(value), wanted.ty);
            let problem = Problem::of_node(ProblemKind::LinkExpected, entry, &message).input(name);
            self.problems.push(problem.received(value).accepted(json!(["node_id", 0])));
            return;
        }
        let number = match wanted.ty.as_str() {
            "INT" => Some(to_int(value)),
            "FLOAT" => Some(to_float(value)),
            _ => None,
        };
        match number {
            Some(None) => {
                let message = format!("`{name}` is {}, which is no {}", describe_value(value), wanted.ty);
                let problem = Problem::of_node(ProblemKind::InvalidInputType, entry, &message).input(name);
                self.problems.push(problem.received(value).accepted(accepted(wanted)));
            }
            Some(Some(number)) => self.range(entry, spec, number, value),
            None if wanted.choices.is_some() => self.choice(entry, spec, value),
            None => {}
        }
    }

    fn range(&mut self, entry: NodeRef<'a>, spec: &Spec<'a>, number: Number, value: &Value) {
        let bound = |key: &str| spec.spec().options.get(key).and_then(Number::read);
        let (min, max) = (bound("min"), bound("max"));
        let outside = |bound: &Option<Number>, order| bound.is_some_and(|b| number.compare(b) == Some(order));
        let (kind, text, limit) = if outside(&min, Ordering::Less) {
            (ProblemKind::ValueSmallerThanMin, "below the minimum", "min")
        } else if outside(&max, Ordering::Greater) {
            (ProblemKind::ValueBiggerThanMax, "above the maximum", "max")
        } else {
            return;
        };
        let limit = spec.spec().options.get(limit).map(Value::to_string).unwrap_or_default();
        let message = format!("`{}` is {}, {text} {limit}", spec.name(), describe_value(value));
        let problem = Problem::of_node(kind, entry, &message).input(spec.name());
        self.problems.push(problem.received(value).accepted(accepted(spec.spec())));
    }

    fn choice(&mut self, entry: NodeRef<'a>, spec: &Spec<'a>, value: &Value) {
        let wanted = spec.spec();
        if self.is_listed(spec, value) {
            return;
        }
        let name = spec.name();
        let choices = wanted.choices.as_deref().unwrap_or_default();
        let uploads = wanted.options.keys().any(|key| key.ends_with("_upload"));
        if uploads || is_left_to_server(&entry.node.class_type, name) {
            self.unlisted_file(entry, name, value);
            return;
        }
        let texts = || choices.iter().filter_map(Value::as_str);
        let near = value.as_str().map(|text| self.same_but_spelling(text, texts)).unwrap_or_default();
        let list: Vec<String> = choices.iter().take(MAX_LISTED).map(plain).collect();
        let rest = choices.len().saturating_sub(list.len());
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let (kind, text) = match models::folder(&entry.node.class_type, name) {
            Some(folder) => (
                ProblemKind::MissingModel,
                format!(
                    "`{name}`: {} is not installed in {folder}{near}; installed: {}{more}",
                    describe_value(value),
                    none_or(&list)
                ),
            ),
            None => (
                ProblemKind::ValueNotInList,
                format!(
                    "`{name}` is {}, which is not accepted{near}; accepted: {}{more}",
                    describe_value(value),
                    none_or(&list)
                ),
            ),
        };
        let problem = Problem::of_node(kind, entry, &text).input(name);
        self.problems.push(problem.received(value).accepted(accepted(wanted)));
    }

    /// Warns about a file that is not listed: it may lie in a subfolder or be newer than the catalogue.
    fn unlisted_file(&mut self, entry: NodeRef<'a>, name: &str, value: &Value) {
        let problem = if value.is_string() {
            let message = format!(
                "`{name}`: {} is not among the listed files; ComfyUI looks when it is submitted",
                describe_value(value)
            );
            Problem::of_node(ProblemKind::UnlistedFile, entry, &message).warning()
        } else {
            let message = format!("`{name}` is {}, not the name of a file", describe_value(value));
            Problem::of_node(ProblemKind::InvalidInputType, entry, &message)
        };
        self.problems.push(problem.input(name).received(value));
    }

    /// Suggests the exact spelling when only case or separators differ, otherwise near names.
    fn same_but_spelling<'n, I: Iterator<Item = &'n str>>(
        &mut self,
        text: &str,
        known: impl Fn() -> I,
    ) -> String {
        if self.suggestions == 0 {
            return String::new();
        }
        let path = |name: &str| name.replace('\\', "/").to_lowercase();
        let wanted = path(text);
        match known().find(|name| path(name) == wanted) {
            Some(name) => {
                self.suggestions -= 1;
                format!("; this server spells it `{name}`")
            }
            None => self.suggest(text, known),
        }
    }

    fn is_listed(&mut self, spec: &Spec<'a>, value: &Value) -> bool {
        let choices = spec.spec().choices.as_deref().unwrap_or_default();
        match (value, spec.catalogued()) {
            (Value::String(text), Some(catalogued)) if choices.len() >= SET_FROM => {
                let all = catalogued.choices.as_deref().unwrap_or_default();
                let build = || all.iter().filter_map(Value::as_str).collect();
                let set = self.choices.entry(std::ptr::from_ref(catalogued)).or_insert_with(build);
                set.contains(text.as_str())
            }
            _ => choices.iter().any(|choice| same(choice, value)),
        }
    }
}

/// True for enumerations that the class itself validates, so that ComfyUI skips the list.
fn is_left_to_server(class_type: &str, input: &str) -> bool {
    matches!(
        (class_type, input),
        ("LoadLatent", "latent") | ("CustomCombo", _) | ("LoadImageOutput", "image") | ("LoadVideo", "file")
    )
}

/// Compares as Python does: 1 = 1.0 = True.
fn same(choice: &Value, value: &Value) -> bool {
    match (Number::read(choice), Number::read(value)) {
        (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
        _ => choice == value,
    }
}

fn describe_value(value: &Value) -> String {
    match shorten(value) {
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn none_or(list: &[String]) -> String {
    nearest::list(list, MAX_LISTED)
}

/// A number without loss of precision: seeds need all 64 bits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Int((*flag).into())),
            Value::Number(number) => number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from))
                .map(Self::Int)
                .or_else(|| number.as_f64().map(Self::Float)),
            _ => None,
        }
    }

    /// Compares two numbers; `None` when one of them is NaN.
    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "only mixed comparisons, where Python rounds as well")]
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// Converts as Python's `int(value)` does.
fn to_int(value: &Value) -> Option<Number> {
    match value {
        Value::String(text) => digits(text)?.parse().ok().map(Number::Int),
        other => match Number::read(other)? {
            #[expect(clippy::cast_possible_truncation, reason = "int() cuts; values past i128 saturate")]
            Number::Float(number) => number.is_finite().then_some(Number::Int(number as i128)),
            int @ Number::Int(_) => Some(int),
        },
    }
}

/// Converts as Python's `float(value)` does.
fn to_float(value: &Value) -> Option<Number> {
    match value {
        Value::String(text) => digits(text)?.parse().ok().map(Number::Float),
        other => Number::read(other),
    }
}

/// Removes surrounding blanks and underscores between digits.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let misplaced = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!misplaced).then(|| text.replace('_', ""))
}
