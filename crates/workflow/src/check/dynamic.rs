//! Resolves the dynamic inputs of a node by the values it has.

use std::borrow::Cow;

use serde_json::Value;

use crate::object_info::{InputSpec, NodeClass};
use comfywarden_error::JsonObject;

/// The most inputs one growing group may have, whatever the catalogue says.
const MAX_GROUP: usize = 512;
/// The deepest nesting of dynamic inputs.
const MAX_DEPTH: usize = 8;

/// An input by its full name (`images.image0`).
#[derive(Debug)]
pub(crate) struct Spec<'a>(Cow<'a, InputSpec>);

impl<'a> Spec<'a> {
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn spec(&self) -> &InputSpec {
        &self.0
    }

    /// Returns the spec inside the catalogue, or nothing when it was made for this node.
    pub(super) fn catalogued(&self) -> Option<&'a InputSpec> {
        match &self.0 {
            Cow::Borrowed(spec) => Some(spec),
            Cow::Owned(_) => None,
        }
    }
}

/// Lists the inputs of a node of `class` that has these values.
pub(crate) fn specs<'a>(class: &'a NodeClass, inputs: &JsonObject) -> Vec<Spec<'a>> {
    let mut found = Vec::with_capacity(class.inputs.len());
    for spec in &class.inputs {
        if is_dynamic(&spec.ty) {
            expand(spec, inputs, &mut found, 0);
        } else {
            found.push(Spec(Cow::Borrowed(spec)));
        }
    }
    found
}

fn is_dynamic(ty: &str) -> bool {
    matches!(ty, "COMFY_DYNAMICCOMBO_V3" | "COMFY_AUTOGROW_V3" | "COMFY_DYNAMICSLOT_V3")
}

fn expand(spec: &InputSpec, inputs: &JsonObject, found: &mut Vec<Spec<'_>>, depth: usize) {
    match spec.ty.as_str() {
        "COMFY_AUTOGROW_V3" => grow(spec, found),
        "COMFY_DYNAMICCOMBO_V3" => choose(spec, inputs, found, depth),
        _ => {
            if inputs.contains_key(&spec.name) {
                sections(spec.options.get("inputs"), &spec.name, inputs, found, depth);
            }
            let ty = "*".to_owned();
            found.push(Spec(Cow::Owned(InputSpec { required: false, ty, ..spec.clone() })));
        }
    }
}

/// Adds a dynamic combo and the inputs that its value selects.
fn choose(spec: &InputSpec, inputs: &JsonObject, found: &mut Vec<Spec<'_>>, depth: usize) {
    let options = spec.options.get("options").and_then(Value::as_array);
    let options = options.map_or(&[][..], Vec::as_slice);
    let keys = options.iter().filter_map(|option| option.get("key")).cloned().collect();
    let combo = InputSpec {
        ty: "COMBO".into(),
        choices: Some(keys),
        options: JsonObject::new(),
        name: spec.name.clone(),
        required: spec.required,
        dynamic: None,
    };
    found.push(Spec(Cow::Owned(combo)));
    let chosen = inputs.get(&spec.name);
    let option = options.iter().find(|option| option.get("key") == chosen && chosen.is_some());
    sections(option.and_then(|option| option.get("inputs")), &spec.name, inputs, found, depth);
}

fn sections(
    sections: Option<&Value>,
    prefix: &str,
    inputs: &JsonObject,
    found: &mut Vec<Spec<'_>>,
    depth: usize,
) {
    if depth >= MAX_DEPTH {
        return;
    }
    for (section, required) in [("required", true), ("optional", false)] {
        let entries = sections.and_then(|sections| sections.get(section)).and_then(Value::as_object);
        for (name, entry) in entries.into_iter().flatten() {
            let spec = InputSpec::parse(&format!("{prefix}.{name}"), required, entry);
            if is_dynamic(&spec.ty) {
                expand(&spec, inputs, found, depth + 1);
            } else {
                found.push(Spec(Cow::Owned(spec)));
            }
        }
    }
}

/// Adds a growing group: `images.image0`, `images.image1`, …; the first `min` are required.
fn grow(spec: &InputSpec, found: &mut Vec<Spec<'_>>) {
    let Some(template) = spec.options.get("template") else { return };
    let first = |section: &str| {
        template.get("input").and_then(|input| input.get(section)).and_then(Value::as_object)?.values().next()
    };
    let (Some(entry), all_required) =
        (first("required").or_else(|| first("optional")), first("required").is_some())
    else {
        return;
    };
    let number = |key: &str| template.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let names: Vec<String> = match (template.get("names").and_then(Value::as_array), template.get("prefix")) {
        (Some(names), _) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (None, Some(Value::String(prefix))) => {
            (0..number("max").unwrap_or(0).min(MAX_GROUP)).map(|i| format!("{prefix}{i}")).collect()
        }
        _ => Vec::new(),
    };
    let min = number("min").unwrap_or(0);
    for (i, name) in names.iter().take(MAX_GROUP).enumerate() {
        let required = all_required && i < min;
        let name = format!("{}.{name}", spec.name);
        found.push(Spec(Cow::Owned(InputSpec::parse(&name, required, entry))));
    }
}
