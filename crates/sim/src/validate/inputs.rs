//! One input of one node.

use serde_json::{Value, json};

use super::{
    report::error,
    types::{convert, equals, is_less},
};
use crate::python;

/// Longer lists of choices are not written out.
const MAX_LISTED: usize = 20;

/// An input's description: its type, or its choices, and its options.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) kind: Value,
    pub(super) config: Value,
    options: Value,
}

impl Spec {
    /// All inputs of a class, the required ones first.
    pub(super) fn all(class: &Value) -> Vec<Self> {
        let mut specs = Vec::new();
        for (section, required) in [("required", true), ("optional", false)] {
            let inputs = class.pointer(&format!("/input/{section}")).and_then(Value::as_object);
            for (name, config) in inputs.into_iter().flatten() {
                let kind = config.get(0).cloned().unwrap_or_default();
                let options = config.get(1).cloned().unwrap_or_else(|| json!({}));
                // ComfyUI hands the options on even where a class gives none.
                let config = json!([kind, options]);
                specs.push(Self { name: name.clone(), required, kind, config, options });
            }
        }
        specs
    }

    fn option(&self, name: &str) -> Option<&Value> {
        self.options.get(name).filter(|value| !value.is_null())
    }

    /// The choices, in either spelling.
    fn choices(&self) -> Option<&Vec<Value>> {
        match &self.kind {
            Value::Array(choices) => Some(choices),
            Value::String(kind) if kind == "COMBO" => self.options.get("options")?.as_array(),
            _ => None,
        }
    }

    /// `required_input_missing`.
    pub(super) fn missing(&self) -> Value {
        error(
            "required_input_missing",
            "Required input is missing",
            &self.name,
            json!({"input_name": self.name}),
        )
    }

    /// `bad_linked_input`.
    pub(super) fn bad_link(&self, value: &Value) -> Value {
        error(
            "bad_linked_input",
            "Bad linked input, must be a length-2 list of [node_id, slot_index]",
            &self.name,
            json!({"input_name": self.name, "input_config": self.config, "received_value": value}),
        )
    }

    /// Converts a plain value in place and checks it against range and choices.
    pub(super) fn check(&self, value: &mut Value, with_bounds: bool) -> Option<Value> {
        if let Some(inner) = value.as_object().and_then(|map| map.get("__value__")).cloned() {
            *value = inner;
        }
        let kind = self.kind.as_str().unwrap_or_default();
        match convert(kind, value) {
            Ok(converted) => *value = converted,
            Err(exception) => return Some(self.not_convertible(kind, value, &exception)),
        }
        if !with_bounds {
            return None;
        }
        self.out_of_range(value).or_else(|| self.not_in_list(value))
    }

    fn not_convertible(&self, kind: &str, value: &Value, exception: &str) -> Value {
        error(
            "invalid_input_type",
            &format!("Failed to convert an input value to a {kind} value"),
            &format!("{}, {}, {exception}", self.name, python::str(value)),
            json!({
                "input_name": self.name, "input_config": self.config, "received_value": value,
                "exception_message": exception,
            }),
        )
    }

    fn out_of_range(&self, value: &Value) -> Option<Value> {
        let found = |kind: &str, message: String| {
            let extra =
                json!({"input_name": self.name, "input_config": self.config, "received_value": value});
            Some(error(kind, &message, &self.name, extra))
        };
        if !value.is_number() {
            return None;
        }
        let shown = python::repr(value);
        if let Some(min) = self.option("min").filter(|min| is_less(value, min)) {
            let message = format!("Value {shown} smaller than min of {}", python::repr(min));
            return found("value_smaller_than_min", message);
        }
        let max = self.option("max").filter(|max| is_less(max, value))?;
        found("value_bigger_than_max", format!("Value {shown} bigger than max of {}", python::repr(max)))
    }

    fn not_in_list(&self, value: &Value) -> Option<Value> {
        let choices = self.choices()?;
        if choices.iter().any(|choice| equals(choice, value)) {
            return None;
        }
        let (list, config) = if choices.len() > MAX_LISTED {
            (format!("(list of length {})", choices.len()), Value::Null)
        } else {
            (python::repr(&Value::Array(choices.clone())), self.config.clone())
        };
        Some(error(
            "value_not_in_list",
            "Value not in list",
            &format!("{}: '{}' not in {list}", self.name, python::str(value)),
            json!({"input_name": self.name, "input_config": config, "received_value": value}),
        ))
    }
}
