//! Writes the parameters as a JSON Schema, which callers see and calls are checked against.

use serde_json::{Value, json};

use super::kind::Kind;
use super::parameter::{Parameter, Parameters};
use super::value::number_of;
use comfywarden_error::JsonObject;

/// The most bytes of one list of accepted values.
const MAX_LIST: usize = 900;

impl Parameters {
    /// Writes the schema of the arguments. Lists of accepted values are written out, the shortest first, while the
    /// schema stays within `budget` bytes; the others are checked when the tool runs.
    pub fn schema(&self, budget: usize) -> JsonObject {
        let seen: Vec<&Parameter> = self.list.iter().filter(|parameter| !parameter.hidden).collect();
        let mut properties: JsonObject = seen
            .iter()
            .map(|parameter| (parameter.name.clone(), Value::Object(parameter.schema())))
            .collect();
        let mut size = Value::Object(properties.clone()).to_string().len();
        let mut lists: Vec<(usize, &str, &[Value])> = seen
            .iter()
            .filter_map(|parameter| match &parameter.kind {
                Kind::Choice { options } => {
                    let bytes = options.iter().map(|option| option.to_string().len() + 1).sum::<usize>() + 10;
                    Some((bytes, parameter.name.as_str(), options.as_slice()))
                }
                _ => None,
            })
            .collect();
        lists.sort_unstable_by_key(|(bytes, name, _)| (*bytes, *name));
        for (bytes, name, options) in lists {
            let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) else { continue };
            if bytes <= MAX_LIST && size + bytes <= budget {
                property.insert("enum".into(), Value::Array(options.to_vec()));
                property.shift_remove("maxLength");
                size += bytes;
                continue;
            }
            // An example shows callers the form of a value when the list is left out.
            let own = property.get("description").and_then(Value::as_str);
            let such = such_as(own, options);
            if size + such.len() <= budget {
                size += such.len();
                property.insert("description".into(), such.into());
            }
        }
        let required: Vec<&str> = seen
            .iter()
            .filter(|parameter| parameter.required)
            .map(|parameter| parameter.name.as_str())
            .collect();
        let mut schema = JsonObject::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        schema.insert("additionalProperties".into(), false.into());
        schema
    }
}

/// Describes a choice whose list is too long to show.
fn such_as(own: Option<&str>, options: &[Value]) -> String {
    let first: Vec<String> = options
        .iter()
        .filter(|option| option.to_string().len() <= 60)
        .take(2)
        .map(Value::to_string)
        .collect();
    let such = if first.is_empty() { String::new() } else { format!(", such as {}", first.join(", ")) };
    let own = own.map(|own| format!("{own}; ")).unwrap_or_default();
    format!("{own}one of {}{such}; comfyui_get_node_info lists them", options.len())
}

impl Parameter {
    fn schema(&self) -> JsonObject {
        let mut schema = JsonObject::new();
        if !self.description.is_empty() {
            schema.insert("description".into(), self.description.as_str().into());
        }
        let facts = match &self.kind {
            Kind::Text { longest } => json!({"type": "string", "maxLength": longest}),
            Kind::Integer { min, max, step } if *step > 1 && min % step == 0 => json!({
                "type": "integer", "minimum": number_of(*min), "maximum": number_of(*max),
                "multipleOf": number_of(*step),
            }),
            Kind::Integer { min, max, .. } => {
                json!({"type": "integer", "minimum": number_of(*min), "maximum": number_of(*max)})
            }
            Kind::Number { min, max, .. } => json!({"type": "number", "minimum": min, "maximum": max}),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Seed { max } => json!({"type": "integer", "minimum": -1, "maximum": max}),
            Kind::Choice { options } if options.iter().all(Value::is_string) => {
                json!({"type": "string", "maxLength": 255})
            }
            // Options with numbers have no single type; the list or the run checks them.
            Kind::Choice { .. } => json!({}),
        };
        schema.extend(facts.as_object().cloned().unwrap_or_default());
        if let Some(default) = self.default.as_ref().filter(|default| default.to_string().len() <= 200) {
            schema.insert("default".into(), default.clone());
        }
        schema
    }
}
