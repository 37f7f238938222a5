//! Summarises the arguments of a call for the log.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use comfywarden_error::JsonObject;
use comfywarden_policy::{redact::REDACTED, settings::Privacy};

/// Arguments whose text describes the picture that the user wants.
const PROMPTS: [&str; 14] = [
    "prompt",
    "positive",
    "negative",
    "positive_prompt",
    "negative_prompt",
    "text",
    "text_g",
    "text_l",
    "clip_l",
    "t5xxl",
    "caption",
    "instruction",
    "lyrics",
    "tags",
];
/// Arguments that hold a graph, as an object or as text.
const GRAPHS: [&str; 5] = ["workflow", "workflow_a", "workflow_b", "graph", "ui_workflow"];
/// Argument that holds settings by id. The ids are kept, never the values: what a server's owner
/// keeps in a setting is not known here.
const SETTINGS: &str = "settings";
/// Limit for ids of settings that are kept.
const MAX_IDS: usize = 50;
/// Length beyond which any text is kept as a digest.
const MAX_TEXT: usize = 2_048;

/// Summarises arguments: uploads always, prompts and graphs by `privacy`, as length and hash.
pub fn summarise(args: &JsonObject, privacy: Privacy) -> Value {
    let mut summary = Map::with_capacity(args.len());
    for (key, value) in args {
        summary.insert(key.clone(), entry(key, value, privacy, 0));
    }
    Value::Object(summary)
}

fn entry(key: &str, value: &Value, privacy: Privacy, depth: usize) -> Value {
    let private = privacy != Privacy::Full;
    match value {
        Value::String(text) if is_payload(key, text) => digest(text.as_bytes(), "bytes", text.len()),
        Value::String(text) if private && PROMPTS.contains(&key) => hide(text, privacy),
        Value::String(text) if private && GRAPHS.contains(&key) => hide(text, privacy),
        Value::String(text) if private && text.len() > MAX_TEXT => hide(text, privacy),
        Value::Object(map) if key == SETTINGS => {
            let ids = map.keys().take(MAX_IDS).map(|id| (id.clone(), REDACTED.into()));
            Value::Object(ids.collect())
        }
        Value::Object(map) if private && GRAPHS.contains(&key) => graph(map, privacy),
        Value::Object(map) if depth < 8 => {
            let fields = map.iter().map(|(key, value)| (key.clone(), entry(key, value, privacy, depth + 1)));
            Value::Object(fields.collect())
        }
        Value::Array(items) if depth < 8 => {
            Value::Array(items.iter().map(|item| entry(key, item, privacy, depth + 1)).collect())
        }
        Value::Object(_) | Value::Array(_) => "…".into(),
        other => other.clone(),
    }
}

/// True for the bytes of a file: by the argument's name, or because long text is nothing but base64.
fn is_payload(key: &str, text: &str) -> bool {
    let named =
        key.ends_with("_data") || key.ends_with("_base64") || matches!(key, "data" | "bytes" | "content");
    (named && text.len() > 64) || (text.len() > 512 && is_base64(text))
}

fn is_base64(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n'))
}

fn hide(text: &str, privacy: Privacy) -> Value {
    match privacy {
        Privacy::Off => "[hidden]".into(),
        Privacy::Digest | Privacy::Full => digest(text.as_bytes(), "chars", text.chars().count()),
    }
}

fn graph(map: &JsonObject, privacy: Privacy) -> Value {
    if privacy == Privacy::Off {
        return "[hidden]".into();
    }
    let text = serde_json::to_vec(map).unwrap_or_default();
    let Value::Object(mut summary) = digest(&text, "bytes", text.len()) else { return Value::Null };
    summary.insert("nodes".into(), map.len().into());
    Value::Object(summary)
}

fn digest(bytes: &[u8], unit: &str, count: usize) -> Value {
    let mut map = Map::with_capacity(2);
    map.insert(unit.to_owned(), count.into());
    map.insert("sha256".into(), hex::encode(Sha256::digest(bytes)).into());
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(args: &Value, privacy: Privacy) -> Value {
        summarise(args.as_object().unwrap(), privacy)
    }

    #[test]
    fn prompts_are_kept_as_length_and_hash() {
        let shown = summary(&json!({"prompt": "a cat", "steps": 20}), Privacy::Digest);
        assert_eq!(shown["prompt"]["chars"], 5);
        assert_eq!(shown["prompt"]["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(shown["steps"], 20);
        assert_eq!(summary(&json!({"prompt": "a cat"}), Privacy::Off), json!({"prompt": "[hidden]"}));
        assert_eq!(summary(&json!({"prompt": "a cat"}), Privacy::Full), json!({"prompt": "a cat"}));
    }

    #[test]
    fn uploads_are_digests_even_with_full_privacy() {
        let shown = summary(&json!({"image_data": "A".repeat(1000), "name": "a.png"}), Privacy::Full);
        assert_eq!(shown["image_data"]["bytes"], 1000);
        assert_eq!(shown["name"], "a.png");
    }

    #[test]
    fn settings_keep_their_ids_and_lose_their_values() {
        let shown = summary(&json!({"settings": {"Comfy.Token": "s3cret", "A": 1}}), Privacy::Full);
        assert_eq!(shown, json!({"settings": {"Comfy.Token": "[redacted]", "A": "[redacted]"}}));
    }

    #[test]
    fn a_graph_is_its_size_and_hash() {
        let shown = summary(&json!({"workflow": {"1": {"class_type": "A", "inputs": {}}}}), Privacy::Digest);
        assert_eq!(shown["workflow"]["nodes"], 1);
    }
}
