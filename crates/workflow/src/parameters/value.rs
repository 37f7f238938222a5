//! Reads given values, with messages about those that do not fit.

use serde_json::{Value, json};

use super::kind::{Kind, Word, to_integer};
use crate::graph::kind_of;
use crate::nearest;

/// The tolerance of a number on its step, as a part of the step: `0.1 + 0.2` is `0.3`.
const ROUNDING: f64 = 1e-6;

impl Kind {
    /// Converts a value to the form of the workflow. The message says what it is and what is accepted.
    pub(super) fn accept(&self, value: &Value) -> Result<Value, String> {
        let wrong = |accepted: String| Err(format!("is {}; it takes {accepted}", describe_value(value)));
        match self {
            Self::Text { longest } => match value {
                Value::String(text) if text.chars().count() <= *longest => Ok(value.clone()),
                Value::String(_) => Err(format!("is too long; at most {longest} characters")),
                _ => wrong("a text".into()),
            },
            Self::Integer { min, max, step } => {
                match to_integer(value).filter(|n| (min..=max).contains(&n)) {
                    Some(number) if (number - min) % step == 0 => Ok(number_of(number)),
                    Some(_) => wrong(format!("whole numbers from {min} in steps of {step}")),
                    None => wrong(format!("a whole number from {min} to {max}")),
                }
            }
            Self::Number { min, max, step } => match value.as_f64().filter(|n| (min..=max).contains(&n)) {
                Some(number) if on_step(number - min, *step) => Ok(value.clone()),
                Some(_) => wrong(format!("numbers from {min} in steps of {}", step.unwrap_or_default())),
                None => wrong(format!("a number from {min} to {max}")),
            },
            Self::Boolean => match value {
                Value::Bool(_) => Ok(value.clone()),
                _ => wrong("true or false".into()),
            },
            Self::Seed { max } => match to_integer(value) {
                Some(number) if (0..=i128::from(*max)).contains(&number) => Ok(number_of(number)),
                _ => wrong(format!("a whole number from 0 to {max}, or -1 to draw one")),
            },
            Self::Choice { options } => choose(options, value).ok_or_else(|| refuse_choice(options, value)),
        }
    }

    /// Converts a default as other programs write it: numbers and booleans may stand in quotes.
    pub(super) fn accept_loosely(&self, value: &Value) -> Result<Value, String> {
        let Value::String(text) = value else { return self.accept(value) };
        let text = text.trim();
        let read = match self {
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "y" => Some(Value::Bool(true)),
                "0" | "false" | "no" | "n" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Integer { .. } | Self::Seed { .. } | Self::Number { .. } => {
                serde_json::from_str::<serde_json::Number>(text).ok().map(Value::Number)
            }
            _ => None,
        };
        self.accept(read.as_ref().unwrap_or(value))
    }
}

impl Word {
    /// Reads the word of a sidecar or of another program's schema.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "str" | "string" | "text" => Self::Text,
            "int" | "integer" => Self::Integer,
            "float" | "number" | "double" => Self::Number,
            "bool" | "boolean" => Self::Boolean,
            "seed" => Self::Seed,
            _ => return None,
        })
    }
}

/// Finds the option that is meant: the same, or the only one that differs in case, separators or folder.
fn choose(options: &[Value], value: &Value) -> Option<Value> {
    if options.contains(value) {
        return Some(value.clone());
    }
    let text = value.as_str()?;
    let number = |option: &&Value| option.as_number().is_some_and(|number| format!("{number}") == text);
    if let Some(option) = options.iter().find(number) {
        return Some(option.clone());
    }
    let names: Vec<String> = options.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    crate::templates::choose::find(&names, text).ok().flatten().map(Value::from)
}

fn refuse_choice(options: &[Value], value: &Value) -> String {
    let names: Vec<String> = options
        .iter()
        .map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned))
        .collect();
    let near = value.as_str().and_then(|text| nearest::did_you_mean(text, names.iter().map(String::as_str)));
    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
    format!("is {}; the server has {}{near}", describe_value(value), nearest::list(&names, 20))
}

/// Describes a value for a message: short, and never a list's content.
pub(super) fn describe_value(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::String(text) => format!("`{}`", text.chars().take(80).collect::<String>()),
        other => kind_of(other).to_owned(),
    }
}

/// Converts an integer to JSON.
pub(super) fn number_of(number: i128) -> Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        #[expect(clippy::cast_precision_loss, reason = "outside of what JSON clients read exactly anyway")]
        _ => json!(number as f64),
    }
}

fn on_step(offset: f64, step: Option<f64>) -> bool {
    let Some(step) = step.filter(|step| *step > 0.0) else { return true };
    let steps = offset / step;
    (steps - steps.round()).abs() < ROUNDING
}
