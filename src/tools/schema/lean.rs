//! Schemas of results, as small as is useful: programs validate with them, and models pay for them in some clients.

use serde_json::Value;

use comfywarden_error::JsonObject;

/// A nested schema with more bytes than this is told as `object` only.
const MAX_NESTED: usize = 140;
/// Keywords that a reader of a result does not need.
const BOUNDS: [&str; 7] =
    ["minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems"];

/// Drops what says little: bounds of what we make ourselves, lists of names below the top, the inside of large parts,
/// and schemas that admit everything, which clients of 2025-11-25 refuse in their short form `true`.
pub(super) fn lean(value: &mut Value, depth: usize) {
    let Value::Object(schema) = value else { return };
    for bound in BOUNDS {
        schema.remove(bound);
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
        schema.remove("additionalProperties");
    }
    if depth > 0 {
        schema.remove("required");
    }
    if depth > 1 && schema.contains_key("type") {
        schema.remove("enum");
    }
    for (key, child) in schema.iter_mut() {
        match (key.as_str(), child) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|property| lean(property, depth + 1));
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(branches)) => {
                branches.iter_mut().for_each(|branch| lean(branch, depth));
            }
            ("items" | "additionalProperties", child) => lean(child, depth),
            _ => {}
        }
    }
    // Without their required fields the branches of a choice no longer exclude each other.
    if depth > 0
        && let Some(branches) = schema.remove("oneOf")
    {
        schema.insert("anyOf".into(), branches);
    }
    leave_out_anything(schema);
    if depth > 0 && serde_json::to_string(schema).is_ok_and(|text| text.len() > MAX_NESTED) {
        cut(schema);
    }
}

/// A field of any kind is admitted without being listed.
fn leave_out_anything(schema: &mut JsonObject) {
    let says_nothing = |child: &Value| match child {
        Value::Bool(admits) => *admits,
        Value::Object(keys) => keys.is_empty(),
        _ => false,
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|_, child| !says_nothing(child));
    }
    for key in ["items", "additionalProperties"] {
        if schema.get(key).is_some_and(says_nothing) {
            schema.remove(key);
        }
    }
}

fn cut(schema: &mut JsonObject) {
    if schema.remove("properties").is_some() {
        schema.insert("type".into(), "object".into());
        schema.retain(|key, _| key == "type");
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        schema.remove(choice);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn leaned(mut schema: Value) -> Value {
        lean(&mut schema, 0);
        schema
    }

    #[test]
    fn names_and_types_stay_and_what_says_nothing_goes() {
        let schema = json!({
            "type": "object",
            "properties": {
                "step": {"type": "integer", "minimum": 0},
                "anything": true,
                "free": {"type": "object", "additionalProperties": true},
                "list": {"type": "array", "items": true},
                "item": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
            },
            "required": ["step"]
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "step": {"type": "integer"},
                "free": {"type": "object"},
                "list": {"type": "array"},
                "item": {"type": "object", "properties": {"name": {"type": "string"}}}
            },
            "required": ["step"]
        });
        assert_eq!(leaned(schema), expected);
    }

    #[test]
    fn a_large_part_is_told_by_its_type() {
        let many: JsonObject = (0..20).map(|i| (format!("field_{i}"), json!({"type": "string"}))).collect();
        let schema = json!({"type": "object", "properties": {
            "part": {"type": "object", "properties": many.clone(), "required": ["field_1"]},
            "parts": {"type": "array", "items": {"type": "object", "properties": many}}
        }});
        let leaned = leaned(schema);
        assert_eq!(leaned["properties"]["part"], json!({"type": "object"}));
        assert_eq!(leaned["properties"]["parts"], json!({"type": "array", "items": {"type": "object"}}));
    }
}
