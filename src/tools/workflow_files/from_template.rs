//! Tools of our own templates: a sidecar names one, and says what of it callers see.

use serde_json::{Value, json};

use super::run::Made;
use comfywarden_error::JsonObject;
use comfywarden_workflow::{
    Error, ObjectInfo, Result,
    parameters::{Adjustment, Sidecar},
    templates::{self, Parameter, Template, parameter::Kind},
};

/// Selects the parameters that callers see of a template: those that the sidecar names, or all.
fn offered<'a>(
    template: &'a Template,
    sidecar: &'a Sidecar,
) -> Result<Vec<(&'a Parameter, Option<&'a Adjustment>)>> {
    if sidecar.parameters.is_empty() {
        return Ok(template.parameters.iter().map(|parameter| (parameter, None)).collect());
    }
    sidecar
        .parameters
        .iter()
        .map(|(name, adjustment)| {
            let known = template.parameters.iter().find(|parameter| parameter.name == name);
            let known = known.ok_or_else(|| {
                let names: Vec<&str> = template.parameters.iter().map(|parameter| parameter.name).collect();
                Error::new(format!("the template `{}` has no parameter `{name}`", template.name))
                    .hint(format!("its parameters: {}", names.join(", ")))
            })?;
            if let Some(default) = &adjustment.default {
                known.read(default)?;
            }
            Ok((known, Some(adjustment)))
        })
        .collect()
}

/// The schema of the arguments.
pub(super) fn schema(template: &Template, sidecar: &Sidecar) -> Result<JsonObject> {
    let mut properties = JsonObject::new();
    let mut required = Vec::new();
    let by_family = template.parameters.iter().any(|parameter| matches!(parameter.kind, Kind::Model { .. }));
    for (parameter, adjustment) in offered(template, sidecar)? {
        if adjustment.is_some_and(|adjustment| adjustment.hide) {
            continue;
        }
        let mut facts = facts(&parameter.kind);
        narrow(&mut facts, adjustment);
        let own = adjustment.and_then(|adjustment| adjustment.description.as_deref());
        let mut line: String = own.unwrap_or(parameter.description).chars().take(100).collect();
        // The family of the model decides what is not given; a fixed default would say something else.
        let open = by_family && follows_family(parameter.name);
        if own.is_none() && open {
            line.push_str("; default: what the model wants");
        }
        facts.insert("description".into(), line.into());
        let default = adjustment.and_then(|adjustment| adjustment.default.clone());
        let must = matches!(parameter.kind, Kind::Input) || matches!(parameter.name, "prompt" | "tags");
        let asked = adjustment.and_then(|adjustment| adjustment.required);
        if let Some(default) = default {
            facts.insert("default".into(), default);
        } else if asked.unwrap_or(must) {
            required.push(parameter.name);
        } else if !open && is_plain(&parameter.kind) {
            facts.insert("default".into(), parameter.default.clone());
        }
        properties.insert(parameter.name.to_owned(), Value::Object(facts));
    }
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("additionalProperties".into(), false.into());
    Ok(schema)
}

/// Builds the template with the arguments, and the sidecar's defaults for the rest.
pub(super) fn make(
    template: &Template,
    sidecar: &Sidecar,
    given: &JsonObject,
    object_info: &ObjectInfo,
    draw: u64,
) -> Result<Made> {
    let mut values = JsonObject::new();
    for (parameter, adjustment) in offered(template, sidecar)? {
        let hidden = adjustment.is_some_and(|adjustment| adjustment.hide);
        let default = || adjustment.and_then(|adjustment| adjustment.default.as_ref());
        let value = given.get(parameter.name).filter(|value| !hidden && !value.is_null()).or_else(default);
        if let Some(value) = value {
            values.insert(parameter.name.to_owned(), value.clone());
        }
    }
    let built = templates::build(template.name, &values, Some(object_info), draw)?;
    let mut used = built.used;
    let seed = used.get("seed").and_then(Value::as_u64);
    // Long lists of what was left alone say nothing.
    used.retain(|_, value| !matches!(value, Value::Array(items) if items.is_empty()) && value != "");
    Ok(Made { workflow: built.workflow, used, seed, warnings: built.notes })
}

fn follows_family(name: &str) -> bool {
    matches!(name, "width" | "height" | "steps" | "cfg" | "sampler_name" | "scheduler")
}

/// True where the default stands for itself; files are chosen among the installed ones, seeds are drawn.
fn is_plain(kind: &Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Integer { .. } | Kind::Number { .. } | Kind::Choice { .. })
}

fn facts(kind: &Kind) -> JsonObject {
    let facts = match kind {
        Kind::Text => json!({"type": "string", "maxLength": 20_000}),
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Kind::Seed => json!({"type": "integer", "minimum": -1, "maximum": u64::MAX}),
        Kind::Choice { accepted } => json!({"type": "string", "enum": accepted}),
        Kind::Model { .. } | Kind::File { .. } | Kind::Input => json!({"type": "string", "maxLength": 255}),
        Kind::Loras => json!({
            "type": "array", "maxItems": 16,
            "items": {
                "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": {
                    "name": {"type": "string", "maxLength": 255},
                    "strength": {"type": "number", "minimum": -100, "maximum": 100},
                },
            },
        }),
        Kind::Texts => {
            json!({"type": "array", "maxItems": 16, "items": {"type": "string", "maxLength": 255}})
        }
        Kind::Numbers => json!({"type": "array", "maxItems": 16, "items": {"type": "number"}}),
    };
    facts.as_object().cloned().unwrap_or_default()
}

/// Narrower bounds of the sidecar.
fn narrow(facts: &mut JsonObject, adjustment: Option<&Adjustment>) {
    let Some(adjustment) = adjustment else { return };
    for (key, value) in
        [("minimum", &adjustment.min), ("maximum", &adjustment.max), ("multipleOf", &adjustment.step)]
    {
        if let Some(value) = value.as_ref().filter(|value| value.is_number()) {
            facts.insert(key.into(), value.clone());
        }
    }
    if let Some(choices) = &adjustment.choices {
        facts.insert("enum".into(), Value::Array(choices.clone()));
    }
}
