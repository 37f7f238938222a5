//! Derives the environment variables of every key from the schema, so that no key can lack one.

use serde_json::{Map, Value};

use super::schema::branches;

/// Names that the Python reference gave to keys of other sections than `comfyui`.
const REFERENCE_NAMES: [(&str, &str); 8] = [
    ("security.mode", "COMFYUI_SECURITY_MODE"),
    ("security.allowed_download_domains", "COMFYUI_ALLOWED_DOWNLOAD_DOMAINS"),
    ("logging.audit_file", "COMFYUI_AUDIT_FILE"),
    ("model_search.huggingface_token", "COMFYUI_HUGGINGFACE_TOKEN"),
    ("model_search.civitai_api_key", "COMFYUI_CIVITAI_API_KEY"),
    ("model_search.max_search_results", "COMFYUI_MAX_SEARCH_RESULTS"),
    ("tasks.enabled", "COMFYUI_TASKS_ENABLED"),
    ("tasks.backend_url", "COMFYUI_TASKS_BACKEND_URL"),
];

/// Keys with a short name: the log level is set in a hurry, and the profile is what a client's entry chooses.
const SHORT_NAMES: [(&str, &str); 2] =
    [("logging.level", "COMFYWARDEN_LOG"), ("tools.profile", "COMFYWARDEN_PROFILE")];

/// The type of value that a variable's text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueForm {
    Text,
    Bool,
    Number,
    /// A list: JSON, or parts between commas.
    List,
    /// A text or a JSON object.
    Any,
}

/// One key of the configuration and the variables that set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key, with dots.
    pub path: String,
    /// Its variables; the first one that is set counts.
    pub variables: Vec<String>,
    pub(super) shape: ValueForm,
}

/// Lists every key that holds a value, in the order of the file.
pub fn keys(schema: &Value) -> Vec<Key> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut Vec<Key>) {
    let branches = branches(schema);
    let typed = |wanted: &str| branches.iter().any(|branch| has_type(branch, wanted));
    let shape = if typed("array") {
        Some(ValueForm::List)
    } else if typed("string") && typed("object") || branches.iter().any(|branch| is_open_map(branch)) {
        Some(ValueForm::Any)
    } else if typed("string") {
        Some(ValueForm::Text)
    } else if typed("boolean") {
        Some(ValueForm::Bool)
    } else if typed("integer") || typed("number") {
        Some(ValueForm::Number)
    } else {
        None
    };
    if let Some(shape) = shape {
        found.push(Key { path: path.to_owned(), variables: variables(path), shape });
    }
    for properties in branches.iter().filter_map(|branch| branch.get("properties")?.as_object()) {
        for (name, inner) in properties {
            let inner_path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(inner, &inner_path, found);
        }
    }
}

/// Returns whether it is a map whose keys the operator chooses.
fn is_open_map(branch: &Value) -> bool {
    has_type(branch, "object")
        && branch.get("additionalProperties").is_some_and(|open| *open != Value::Bool(false))
}

pub(super) fn has_type(branch: &Value, wanted: &str) -> bool {
    match branch.get("type") {
        Some(Value::String(name)) => name == wanted,
        Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
        _ => false,
    }
}

fn variables(path: &str) -> Vec<String> {
    let spelled = path.to_uppercase().replace('.', "_");
    let mut names = Vec::new();
    for (key, name) in SHORT_NAMES.iter().chain(&REFERENCE_NAMES) {
        if *key == path {
            names.push((*name).to_owned());
        }
    }
    if spelled.starts_with("COMFYUI_") {
        names.push(spelled);
    } else {
        names.push(format!("COMFYWARDEN_{spelled}"));
    }
    names
}

impl Key {
    /// Parses `text`; text that does not fit stays text, so that the check can say so.
    pub(super) fn parse(&self, text: &str) -> Value {
        let trimmed = text.trim();
        let as_text = || Value::String(text.to_owned());
        match self.shape {
            ValueForm::Text => as_text(),
            ValueForm::Bool => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Value::Bool(true),
                "false" | "0" | "no" | "off" => Value::Bool(false),
                _ => as_text(),
            },
            ValueForm::Number => match serde_json::from_str(trimmed) {
                Ok(Value::Number(number)) => Value::Number(number),
                _ => as_text(),
            },
            ValueForm::List | ValueForm::Any if trimmed.starts_with(['[', '{']) => {
                serde_json::from_str(trimmed).unwrap_or_else(|_| as_text())
            }
            ValueForm::List => trimmed.split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
            ValueForm::Any => Value::String(trimmed.to_owned()),
        }
    }
}

/// Puts `value` at the dotted `path`; anything on the way that is no mapping is replaced.
pub(super) fn put(document: &mut Value, path: &str, value: Value) {
    let mut place = document;
    for part in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(map) = place.as_object_mut() else { return };
        place = map.entry(part).or_insert(Value::Null);
    }
    *place = value;
}
