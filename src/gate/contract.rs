//! Contract of a tool with the gate: its name, its class, and the schema of its arguments.

mod explain;
mod integers;
pub mod schema;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use schema::{Validator, compile};
use serde_json::Value;

use comfywarden_error::{Error, JsonObject, Result};

/// Effect of a tool on the world; rate limits and access rights go by it.
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

    /// Spelling in messages, logs and token scopes.
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

/// Name, class and published input schema of a tool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Contract(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    class: Class,
    schema: Arc<JsonObject>,
    validator: OnceLock<Compiled>,
    /// Validator without `required`, for some of the arguments.
    partial: OnceLock<Compiled>,
}

type Compiled = std::result::Result<Validator, String>;

impl Contract {
    /// Creates a contract. The schema is compiled on first use, since one compile costs milliseconds.
    pub fn new(name: impl Into<Arc<str>>, class: Class, input_schema: JsonObject) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            class,
            schema: Arc::new(input_schema),
            validator: OnceLock::new(),
            partial: OnceLock::new(),
        }))
    }

    /// Full name of the tool.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Class of the tool.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Published input schema.
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
        integers::settle_object(&self.0.schema, &self.0.schema, args);
    }

    /// Checks arguments against the schema, and leaves them as they are. The message names the argument, the rule and
    /// the accepted values.
    pub fn check(&self, args: &mut JsonObject) -> Result<()> {
        self.check_with(self.0.validator.get_or_init(|| compile(&self.0.schema)), args)
    }

    /// Checks some arguments by themselves: the others need not be there.
    pub fn check_partial(&self, args: &mut JsonObject) -> Result<()> {
        let partial = || {
            let mut schema = self.0.schema.as_ref().clone();
            schema.shift_remove("required");
            compile(&schema)
        };
        self.check_with(self.0.partial.get_or_init(partial), args)
    }

    fn check_with(&self, compiled: &Compiled, args: &mut JsonObject) -> Result<()> {
        let validator = match compiled {
            Ok(validator) => validator,
            Err(error) => {
                return Err(Error::internal(format!("the schema of `{}` does not compile", self.name()))
                    .source(error.clone()));
            }
        };
        // The validator wants a Value: the map is moved in and out, since arguments may be large.
        let instance = Value::Object(std::mem::take(args));
        let checked = match validator.validate(&instance) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explain(schema::first(&error), &instance)),
        };
        if let Value::Object(map) = instance {
            *args = map;
        }
        checked
    }
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

    fn object(value: Value) -> JsonObject {
        let Value::Object(map) = value else { panic!("{value} is no object") };
        map
    }

    fn message(args: &Value) -> String {
        contract().check(&mut args.as_object().unwrap().clone()).unwrap_err().message().to_owned()
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
        let missing = contract().check(&mut JsonObject::new()).unwrap_err();
        assert_eq!(missing.details()["field"], "kind");
        assert_eq!(missing.hint_text(), Some("one of \"a\", \"b\""));
        let nested = json!({"kind": "a", "items": [{"foo": 1}]});
        let nested = contract().check(&mut nested.as_object().unwrap().clone()).unwrap_err();
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
        let error = contract.check(&mut object(json!({"w": "x"}))).unwrap_err();
        let expected = "`w` is \"x\"; it must be an object, or a text of 2 to 9 characters, or a list of at least 1 \
                        entries";
        assert_eq!(error.message(), expected);
        let error = contract.check(&mut object(json!({"w": "x".repeat(500)}))).unwrap_err();
        assert!(error.message().len() < 220, "{error}");
    }

    #[test]
    fn a_long_list_names_the_nearest_value_and_ends_between_two() {
        let many: Vec<String> =
            (0..60).map(|n| format!("sampler_number_{n}")).chain(["euler".into()]).collect();
        let schema = json!({"type": "object", "properties": {"s": {"type": "string", "enum": many}}});
        let contract = Contract::new("x", Class::Read, schema.as_object().unwrap().clone());
        let error = contract.check(&mut object(json!({"s": "eulr"}))).unwrap_err();
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
