//! What a tool promises to the gate: its name, its class, and the schema its arguments must meet.

mod whole;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use jsonschema::{PatternOptions, ValidationError, Validator, error::ValidationErrorKind as Rule};
use serde_json::Value;

use crate::{
    error::{Error, JsonObject, Result},
    workflow::nearest,
};

/// What a tool does to the world; rate limits and access rights go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Looks only.
    Read,
    /// Moves files: uploads, downloads, outputs.
    File,
    /// Changes the queue.
    Workflow,
    /// Costs GPU time.
    Generation,
    /// Changes which code or settings the server runs.
    Admin,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Read, Self::File, Self::Workflow, Self::Generation, Self::Admin];

    /// The spelling in messages, logs and token scopes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::File => "file",
            Self::Workflow => "workflow",
            Self::Generation => "generation",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A tool's name, class and published input schema. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Contract(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    class: Class,
    schema: Arc<JsonObject>,
    validator: OnceLock<Compiled>,
    /// The same without the rule that some arguments must be there.
    partial: OnceLock<Compiled>,
}

/// A list of accepted values up to this length is shown as it is.
const LONGEST_LIST: usize = 400;
/// The most names of a longer one.
const MOST_LISTED: usize = 20;

type Compiled = std::result::Result<Validator, String>;

impl Contract {
    /// A contract. The schema is compiled on first use, since one compile costs milliseconds.
    pub fn new(name: impl Into<Arc<str>>, class: Class, input_schema: JsonObject) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            class,
            schema: Arc::new(input_schema),
            validator: OnceLock::new(),
            partial: OnceLock::new(),
        }))
    }

    /// The tool's full name.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The tool's class.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The published input schema.
    pub fn schema(&self) -> &Arc<JsonObject> {
        &self.0.schema
    }

    /// True when the schema names this top-level argument.
    pub(crate) fn takes(&self, argument: &str) -> bool {
        self.0.schema.get("properties").and_then(|properties| properties.get(argument)).is_some()
    }

    /// Drops optional arguments that were given as `null`: to a caller that is the same as not given.
    pub(super) fn drop_nulls(&self, args: &mut JsonObject) {
        let required = self.0.schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
        args.retain(|name, value| !value.is_null() || is_required(name) || !self.takes(name));
    }

    /// Writes whole numbers as such where the schema wants them: in JSON Schema `2.0` is an integer.
    pub(super) fn settle_numbers(&self, args: &mut JsonObject) {
        whole::settle_object(&self.0.schema, &self.0.schema, args);
    }

    /// Checks arguments against the schema. The message names the place, the rule and what is accepted.
    pub fn check(&self, args: &JsonObject) -> Result<()> {
        self.check_with(self.0.validator.get_or_init(|| compile(self.0.schema.as_ref().clone())), args)
    }

    /// Checks some arguments by themselves: the others need not be there.
    pub fn check_partial(&self, args: &JsonObject) -> Result<()> {
        let partial = || {
            let mut schema = self.0.schema.as_ref().clone();
            schema.shift_remove("required");
            compile(schema)
        };
        self.check_with(self.0.partial.get_or_init(partial), args)
    }

    fn check_with(&self, compiled: &Compiled, args: &JsonObject) -> Result<()> {
        let validator = match compiled {
            Ok(validator) => validator,
            Err(error) => {
                return Err(Error::internal(format!("the schema of `{}` does not compile", self.name()))
                    .source(error.clone()));
            }
        };
        // The validator wants a Value; moving the map in and out would need a copy of large arguments.
        let instance = Value::Object(args.clone());
        match validator.validate(&instance) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    fn explain(&self, error: &ValidationError<'_>) -> Error {
        let path = error.instance_path().as_str();
        let field = if path.is_empty() { "the arguments".to_owned() } else { field_name(path) };
        let got = shorten(error.instance());
        let message = match error.kind() {
            Rule::AdditionalProperties { unexpected } | Rule::UnevaluatedProperties { unexpected } => {
                return self.unexpected(&field, path, unexpected);
            }
            Rule::Required { property } => return self.required(path, property.as_str().unwrap_or_default()),
            Rule::Enum { options } => {
                format!("{field} is {got}; {}", one_of(error.instance(), options))
            }
            Rule::Constant { expected_value } => format!("{field} is {got}; it must be {expected_value}"),
            Rule::Maximum { limit } => format!("{field} is {got}; the most is {limit}"),
            Rule::Minimum { limit } => format!("{field} is {got}; the least is {limit}"),
            Rule::ExclusiveMaximum { limit } => format!("{field} is {got}; it must be below {limit}"),
            Rule::ExclusiveMinimum { limit } => format!("{field} is {got}; it must be above {limit}"),
            Rule::MaxLength { limit } => {
                format!("{field} is too long; at most {}", count(*limit, "character"))
            }
            Rule::MinLength { limit: 1 } => format!("{field} must not be empty"),
            Rule::MinLength { limit } => {
                format!("{field} is too short; at least {}", count(*limit, "character"))
            }
            Rule::MaxItems { limit } => format!("{field} has too many entries; at most {limit}"),
            Rule::MinItems { limit: 1 } | Rule::MinProperties { limit: 1 } => {
                format!("{field} must not be empty")
            }
            Rule::MinItems { limit } => format!("{field} has too few entries; at least {limit}"),
            Rule::AnyOf { .. } | Rule::OneOfNotValid { .. }
                if let Some(forms) = whole::schema_at(&self.0.schema, path).and_then(forms) =>
            {
                format!("{field} is {}; it must be {forms}", shorten_value(error.instance(), 80))
            }
            Rule::Pattern { pattern } => format!("{field} is {got}; it must match {pattern}"),
            _ => format!("{field}: {}", shorten_text(&error.to_string(), 200)),
        };
        let error = Error::invalid_input(message);
        let place = path.trim_start_matches('/');
        if place.is_empty() { error } else { error.detail("field", place) }
    }

    /// An argument that is not there: what it is, and the first of what it takes.
    fn required(&self, path: &str, name: &str) -> Error {
        let place = format!("{path}/{name}");
        let error = Error::invalid_input(format!("{} is required", field_name(&place)))
            .detail("field", place.trim_start_matches('/'));
        let property = self.0.schema.get("properties").and_then(|properties| properties.get(name));
        let Some(property) = property.filter(|_| path.is_empty()) else { return error };
        let words = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let hint = match property.get("enum").and_then(Value::as_array) {
            Some(options) if options.len() > MOST_SHOWN => {
                let first: Vec<String> = options.iter().take(MOST_SHOWN).map(shorten).collect();
                let rest = options.len() - MOST_SHOWN;
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

    fn unexpected(&self, field: &str, path: &str, unexpected: &[String]) -> Error {
        let names: Vec<String> =
            unexpected.iter().take(5).map(|name| format!("`{}`", shorten_text(name, 60))).collect();
        let error = Error::invalid_input(format!("{field}: unknown argument {}", names.join(", ")))
            .detail("field", unexpected.first().map_or("arguments", String::as_str));
        let known: Vec<&str> = whole::schema_at(&self.0.schema, path)
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

/// How many accepted values the hint about a missing argument names.
const MOST_SHOWN: usize = 8;

/// The accepted values, with the nearest first where there are many.
fn one_of(given: &Value, options: &Value) -> String {
    let all = options.to_string();
    let texts: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let near = given.as_str().and_then(|given| nearest::did_you_mean(given, texts.iter().copied()));
    let near = near.map(|near| format!("; {near}")).unwrap_or_default();
    if all.len() <= LONGEST_LIST || texts.is_empty() {
        return format!("it must be one of {}{near}", shorten(options));
    }
    let shown = shorten_text(&nearest::list(&texts, MOST_LISTED), 2 * LONGEST_LIST);
    format!("it must be one of the listed values{near}; they are {shown}")
}

/// `1 character`, `2 characters`.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn compile(schema: JsonObject) -> Compiled {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(&Value::Object(schema))
        .map_err(|error| error.to_string())
}

/// `/inputs/0/name` as `inputs[0].name`.
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

/// The forms that a value may have, in words: `an object, or a text of 2 to 100 characters`.
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
    let text = super::redact::redact_text(text);
    let text = super::display::sanitize(&text);
    if text.chars().count() <= most {
        return text.into_owned();
    }
    text.chars().take(most).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract() -> Contract {
        let schema = json!({
            "type": "object",
            "properties": {
                "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "name": {"type": "string", "minLength": 1, "maxLength": 3},
                "map": {"type": "object", "minProperties": 1},
                "items": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string"}},
                    "additionalProperties": false}}
            },
            "required": ["kind"],
            "additionalProperties": false
        });
        Contract::new("comfyui_test", Class::Read, schema.as_object().unwrap().clone())
    }

    fn message(args: &Value) -> String {
        contract().check(args.as_object().unwrap()).unwrap_err().message().to_owned()
    }

    #[test]
    fn names_the_field_the_rule_and_the_accepted_values() {
        assert_eq!(message(&json!({"kind": "a", "limit": 500})), "`limit` is 500; the most is 100");
        assert_eq!(message(&json!({"kind": "c"})), "`kind` is \"c\"; it must be one of [\"a\",\"b\"]");
        assert_eq!(message(&json!({})), "`kind` is required");
        assert_eq!(message(&json!({"kind": "a", "name": ""})), "`name` must not be empty");
        assert_eq!(
            message(&json!({"kind": "a", "name": "long"})),
            "`name` is too long; at most 3 characters"
        );
        assert_eq!(message(&json!({"kind": "a", "map": {}})), "`map` must not be empty");
        let missing = contract().check(&JsonObject::new()).unwrap_err();
        assert_eq!(missing.details()["field"], "kind");
        assert_eq!(missing.hint_text(), Some("one of \"a\", \"b\""));
        let nested = json!({"kind": "a", "items": [{"foo": 1}]});
        let nested = contract().check(nested.as_object().unwrap()).unwrap_err();
        assert_eq!(nested.hint_text(), Some("accepted: n"), "{nested}");
        assert_eq!(message(&json!({"kind": "a", "lim": 1})), "the arguments: unknown argument `lim`");
        assert!(message(&json!({"kind": "a", "items": [{"n": 1}]})).starts_with("`items[0].n`: 1 is not"));
    }

    #[test]
    fn a_value_of_no_accepted_form_is_told_the_forms() {
        let schema = json!({"type": "object", "properties": {"w": {"anyOf": [
            {"type": "object"}, {"type": "string", "minLength": 2, "maxLength": 9}, {"type": "array", "minItems": 1},
        ]}}});
        let contract = Contract::new("x", Class::Read, schema.as_object().unwrap().clone());
        let error = contract.check(json!({"w": "x"}).as_object().unwrap()).unwrap_err();
        let expected = "`w` is \"x\"; it must be an object, or a text of 2 to 9 characters, or a list of at least 1 \
                        entries";
        assert_eq!(error.message(), expected);
        let error = contract.check(json!({"w": "x".repeat(500)}).as_object().unwrap()).unwrap_err();
        assert!(error.message().len() < 220, "{error}");
    }

    #[test]
    fn a_long_list_names_the_nearest_value_and_ends_between_two() {
        let many: Vec<String> =
            (0..60).map(|n| format!("sampler_number_{n}")).chain(["euler".into()]).collect();
        let schema = json!({"type": "object", "properties": {"s": {"type": "string", "enum": many}}});
        let contract = Contract::new("x", Class::Read, schema.as_object().unwrap().clone());
        let error = contract.check(json!({"s": "eulr"}).as_object().unwrap()).unwrap_err();
        assert!(error.message().contains("; did you mean `euler`?; they are sampler_number_0, "), "{error}");
        assert!(error.message().ends_with("sampler_number_19 and 41 more"), "{error}");
    }

    #[test]
    fn null_for_an_optional_argument_is_dropped_and_for_a_required_one_refused() {
        let mut args = json!({"kind": null, "limit": null, "stray": null}).as_object().unwrap().clone();
        contract().drop_nulls(&mut args);
        assert_eq!(Value::Object(args), json!({"kind": null, "stray": null}));
    }
}
