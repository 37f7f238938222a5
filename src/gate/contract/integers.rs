//! Normalizes whole numbers that were written with a point.
//!
//! JSON Schema calls `2.0` an integer, and some clients send every number so; our own types read `2` only. What the
//! schema leaves open, such as a workflow, is not touched: there the spelling is part of the content.

use serde_json::Value;

use comfywarden_error::JsonObject;
use comfywarden_workflow::integers;

/// Limit for references that are followed.
const MAX_REFERENCES: usize = 8;

/// Normalizes the properties that an object schema names.
pub(super) fn settle_object(root: &JsonObject, schema: &JsonObject, object: &mut JsonObject) {
    let Some(Value::Object(properties)) = schema.get("properties") else { return };
    for (name, value) in object.iter_mut() {
        if let Some(schema) = properties.get(name).and_then(|schema| resolved(root, schema)) {
            settle(root, schema, value);
        }
    }
}

fn settle(root: &JsonObject, schema: &JsonObject, value: &mut Value) {
    match value {
        Value::Number(_) if wants_integer(schema) => integers::normalize(value),
        Value::Object(object) => settle_object(root, schema, object),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items").and_then(|items| resolved(root, items)) {
                items.iter_mut().for_each(|item| settle(root, schema, item));
            }
        }
        _ => {}
    }
}

fn wants_integer(schema: &JsonObject) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "integer",
        Some(Value::Array(names)) => {
            names.iter().any(|name| name == "integer") && !names.iter().any(|name| name == "number")
        }
        _ => false,
    }
}

/// Finds the schema for a JSON pointer into the arguments.
pub(super) fn schema_at<'s>(root: &'s JsonObject, pointer: &str) -> Option<&'s JsonObject> {
    let mut schema = root;
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let property = schema.get("properties").and_then(|properties| properties.get(&name));
        schema = resolved(root, property.or_else(|| schema.get("items"))?)?;
    }
    Some(schema)
}

/// Resolves a reference to the definition that it names.
fn resolved<'s>(root: &'s JsonObject, schema: &'s Value) -> Option<&'s JsonObject> {
    let mut schema = schema.as_object()?;
    for _ in 0..MAX_REFERENCES {
        let Some(Value::String(reference)) = schema.get("$ref") else { return Some(schema) };
        let name = reference.strip_prefix("#/$defs/")?;
        schema = root.get("$defs")?.get(name)?.as_object()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_lose_their_point_where_an_integer_is_wanted() {
        let schema = json!({
            "properties": {
                "steps": {"type": "integer"}, "cfg": {"type": "number"}, "workflow": {"type": "object"},
                "list": {"type": "array", "items": {"$ref": "#/$defs/One"}}, "maybe": {"type": ["integer", "null"]},
            },
            "$defs": {"One": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        });
        let given = json!({"steps": 2.0, "cfg": 7.0, "workflow": {"steps": 2.0}, "list": [{"n": 1e3}], "maybe": -1.0});
        let (schema, mut args) = (schema.as_object().unwrap(), given.as_object().unwrap().clone());
        settle_object(schema, schema, &mut args);
        let expected =
            json!({"steps": 2, "cfg": 7.0, "workflow": {"steps": 2.0}, "list": [{"n": 1000}], "maybe": -1});
        assert_eq!(Value::Object(args).to_string(), expected.to_string());
        let mut odd = json!({"steps": 2.5, "maybe": 1e30}).as_object().unwrap().clone();
        settle_object(schema, schema, &mut odd);
        assert_eq!(Value::Object(odd), json!({"steps": 2.5, "maybe": 1e30}));
    }

    #[test]
    fn the_schema_of_a_place_is_found() {
        let schema = json!({"properties": {"a": {"type": "array", "items": {"properties": {"b/c": {"type": "null"}}}}}});
        let found = schema_at(schema.as_object().unwrap(), "/a/3/b~1c").unwrap();
        assert_eq!(found["type"], "null");
    }
}
