//! JSON Schemas for the wire, made from Rust types and slimmed to what a client and a model need.

use std::sync::Arc;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use comfywarden_error::JsonObject;

mod lean;

/// The schema of a tool's arguments: an object that accepts nothing beyond its properties.
pub(crate) fn input_schema<T: JsonSchema>() -> JsonObject {
    let mut schema = generate::<T>(true);
    schema.entry("properties").or_insert_with(|| Value::Object(JsonObject::new()));
    schema.insert("additionalProperties".into(), false.into());
    schema
}

/// The schema of a tool's result. Further fields are admitted, such as the `truncated` of a clamped result.
pub(crate) fn output_schema<T: JsonSchema>() -> Arc<JsonObject> {
    let mut schema = Value::Object(generate::<T>(false));
    lean::lean(&mut schema, 0);
    match schema {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::default(),
    }
}

fn generate<T: JsonSchema>(input: bool) -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let settings = if input { settings.for_deserialize() } else { settings.for_serialize() };
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut value = schema.to_value();
    slim(&mut value, input, true);
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

/// Removes what costs bytes and says nothing: `$schema`, titles of types, number formats that validators do
/// not know, null branches and null defaults (absence means absence, in arguments and in results: an optional
/// field is left out, never null), and the words on results, which models do not get to see.
fn slim(value: &mut Value, input: bool, root: bool) {
    let Value::Object(schema) = value else {
        if let Value::Array(items) = value {
            items.iter_mut().for_each(|item| slim(item, input, false));
        }
        return;
    };
    for noise in ["$schema", "title", "format"] {
        schema.remove(noise);
    }
    if root || !input {
        schema.remove("description");
    }
    drop_null_branch(schema);
    join_constants(schema);
    if schema.get("default").is_some_and(is_zero) {
        schema.remove("default");
    }
    // Anything further is what a schema admits anyway.
    if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
        schema.remove("additionalProperties");
    }
    for (key, child) in schema.iter_mut() {
        match (key.as_str(), child) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|property| slim(property, input, false));
            }
            ("default" | "enum" | "const" | "examples" | "required", _) => {}
            ("items", child) => {
                slim(child, input, false);
                // What a list holds is said by the list's own words.
                if let Value::Object(items) = child {
                    items.remove("description");
                }
            }
            (_, child) => slim(child, input, false),
        }
    }
}

/// A default that everybody expects: none, no, nothing.
fn is_zero(default: &Value) -> bool {
    match default {
        Value::Null => true,
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// A choice of documented constants becomes a plain list of values.
fn join_constants(schema: &mut JsonObject) {
    let Some(Value::Array(branches)) = schema.get("oneOf") else { return };
    let constant = |branch: &Value| match branch.get("const") {
        Some(Value::String(text)) => Some(Value::from(text.as_str())),
        _ => None,
    };
    let Some(values) = branches.iter().map(constant).collect::<Option<Vec<Value>>>() else { return };
    schema.remove("oneOf");
    schema.insert("type".into(), "string".into());
    schema.insert("enum".into(), Value::Array(values));
}

/// `{"anyOf": [X, null]}` becomes X, and `["integer", "null"]` becomes `integer`.
fn drop_null_branch(schema: &mut JsonObject) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|ty| ty != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(branches)) = schema.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|ty| ty != "null"));
    if let [Value::Object(only)] = branches.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (key, value) in only {
            schema.entry(key).or_insert(value);
        }
    }
}
