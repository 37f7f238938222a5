//! Explains why arguments break their schema: the field, the rule, the accepted values.

use std::borrow::Cow;

use boon::{ErrorKind as Rule, ValidationError};
use serde_json::Value;

use super::{Contract, integers};
use comfywarden_error::{Error, JsonObject};
use comfywarden_policy::{display, redact};
use comfywarden_workflow::nearest;

/// Length up to which a list of accepted values is shown whole.
const MAX_LIST: usize = 400;
/// Limit for the names that are shown of a longer list.
const MAX_LISTED: usize = 20;

impl Contract {
    pub(super) fn explain(&self, error: &ValidationError<'_, '_>, arguments: &Value) -> Error {
        let path = error.instance_location.to_string();
        let field = if path.is_empty() { "the arguments".to_owned() } else { field_name(&path) };
        let instance = arguments.pointer(&path).unwrap_or(&Value::Null);
        let got = shorten(instance);
        let message = match &error.kind {
            Rule::AdditionalProperties { got } => return self.unexpected(&field, &path, got),
            Rule::Required { want } => {
                return self.required(&path, want.first().copied().unwrap_or_default());
            }
            Rule::Type { want, .. } => {
                let types: Vec<String> = want.iter().map(|name| format!("\"{name}\"")).collect();
                let noun = if types.len() == 1 { "type" } else { "types" };
                let got = shorten_value(instance, 160);
                format!("{field}: {got} is not of {noun} {}", types.join(", "))
            }
            Rule::Enum { want } => format!("{field} is {got}; {}", one_of(instance, want)),
            Rule::Const { want } => format!("{field} is {got}; it must be {want}"),
            Rule::Maximum { want, .. } => format!("{field} is {got}; the most is {want}"),
            Rule::Minimum { want, .. } => format!("{field} is {got}; the least is {want}"),
            Rule::ExclusiveMaximum { want, .. } => format!("{field} is {got}; it must be below {want}"),
            Rule::ExclusiveMinimum { want, .. } => format!("{field} is {got}; it must be above {want}"),
            Rule::MaxLength { want, .. } => {
                format!("{field} is too long; at most {}", count(*want, "character"))
            }
            Rule::MinLength { want: 1, .. }
            | Rule::MinItems { want: 1, .. }
            | Rule::MinProperties { want: 1, .. } => format!("{field} must not be empty"),
            Rule::MinLength { want, .. } => {
                format!("{field} is too short; at least {}", count(*want, "character"))
            }
            Rule::MaxItems { want, .. } => format!("{field} has too many entries; at most {want}"),
            Rule::MinItems { want, .. } => format!("{field} has too few entries; at least {want}"),
            Rule::AnyOf | Rule::OneOf(None)
                if let Some(forms) = integers::schema_at(&self.0.schema, &path).and_then(forms) =>
            {
                format!("{field} is {}; it must be {forms}", shorten_value(instance, 80))
            }
            Rule::Pattern { want, .. } => format!("{field} is {got}; it must match {want}"),
            other => format!("{field}: {}", shorten_text(&other.to_string(), 200)),
        };
        let error = Error::invalid_input(message);
        let place = path.trim_start_matches('/');
        if place.is_empty() { error } else { error.detail("field", place) }
    }

    /// Explains a missing argument: its description or its first accepted values.
    fn required(&self, path: &str, name: &str) -> Error {
        let place = format!("{path}/{name}");
        let error = Error::invalid_input(format!("{} is required", field_name(&place)))
            .detail("field", place.trim_start_matches('/'));
        let property = self.0.schema.get("properties").and_then(|properties| properties.get(name));
        let Some(property) = property.filter(|_| path.is_empty()) else { return error };
        let words = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let hint = match property.get("enum").and_then(Value::as_array) {
            Some(options) if options.len() > MAX_SHOWN => {
                let first: Vec<String> = options.iter().take(MAX_SHOWN).map(shorten).collect();
                let rest = options.len() - MAX_SHOWN;
                format!("one of {} or {rest} others; tools/list has all of them", first.join(", "))
            }
            Some(options) => {
                format!("one of {}", options.iter().map(shorten).collect::<Vec<_>>().join(", "))
            }
            None if words.is_empty() => return error,
            None => shorten_text(words, 200),
        };
        error.hint(hint)
    }

    fn unexpected(&self, field: &str, path: &str, unexpected: &[Cow<'_, str>]) -> Error {
        let names: Vec<String> =
            unexpected.iter().take(5).map(|name| format!("`{}`", shorten_text(name, 60))).collect();
        let error = Error::invalid_input(format!("{field}: unknown argument {}", names.join(", ")))
            .detail("field", unexpected.first().map_or("arguments", Cow::as_ref));
        let known: Vec<&str> = integers::schema_at(&self.0.schema, path)
            .and_then(|schema| schema.get("properties"))
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        if known.is_empty() {
            return error.hint(if path.is_empty() {
                "this tool takes no arguments"
            } else {
                "nothing is accepted there"
            });
        }
        error.hint(format!("accepted: {}", known.join(", ")))
    }
}

/// Limit for accepted values in the hint about a missing argument.
const MAX_SHOWN: usize = 8;

/// Lists the accepted values, with the nearest first where there are many.
fn one_of(given: &Value, options: &[Value]) -> String {
    let all = Value::from(options).to_string();
    let texts: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    let near = given.as_str().and_then(|given| nearest::did_you_mean(given, texts.iter().copied()));
    let near = near.map(|near| format!("; {near}")).unwrap_or_default();
    if all.len() <= MAX_LIST || texts.is_empty() {
        return format!("it must be one of {}{near}", shorten_text(&all, 400));
    }
    let shown = shorten_text(&nearest::list(&texts, MAX_LISTED), 2 * MAX_LIST);
    format!("it must be one of the listed values{near}; they are {shown}")
}

/// Formats a count with its noun: `1 character`, `2 characters`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Formats the pointer `/inputs/0/name` as `inputs[0].name`.
fn field_name(pointer: &str) -> String {
    let mut name = String::from("`");
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            name.extend(["[", part, "]"]);
        } else {
            if name.len() > 1 {
                name.push('.');
            }
            name.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    name.push('`');
    name
}

/// Describes the forms of a value: `an object, or a text of 2 to 100 characters`.
fn forms(schema: &JsonObject) -> Option<String> {
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let form = |branch: &Value| {
        let bound = |name: &str| branch.get(name).and_then(Value::as_u64);
        let of = |noun: &str, low: &str, high: &str| match (bound(low), bound(high)) {
            (Some(low), Some(high)) => format!(" of {low} to {high} {noun}"),
            (Some(low), None) => format!(" of at least {low} {noun}"),
            (None, Some(high)) => format!(" of at most {high} {noun}"),
            (None, None) => String::new(),
        };
        match branch.get("type").and_then(Value::as_str)? {
            "object" => Some("an object".to_owned()),
            "array" => Some(format!("a list{}", of("entries", "minItems", "maxItems"))),
            "string" => Some(format!("a text{}", of("characters", "minLength", "maxLength"))),
            "integer" => Some("a whole number".to_owned()),
            "number" => Some("a number".to_owned()),
            "boolean" => Some("true or false".to_owned()),
            _ => None,
        }
    };
    let forms: Option<Vec<String>> = branches.iter().map(form).collect();
    forms.map(|forms| forms.join(", or "))
}

fn shorten(value: &Value) -> String {
    shorten_value(value, 400)
}

fn shorten_value(value: &Value, most: usize) -> String {
    shorten_text(&value.to_string(), most)
}

fn shorten_text(text: &str, most: usize) -> String {
    let text = redact::redact_text(text);
    let text = display::sanitize(&text);
    if text.chars().count() <= most {
        return text.into_owned();
    }
    text.chars().take(most).chain(std::iter::once('…')).collect()
}
