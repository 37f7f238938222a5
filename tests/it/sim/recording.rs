//! Recordings of a real ComfyUI, and a comparison that allows only what cannot be equal.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be read is a failed test"
)]

use std::{fs, path::Path};

use comfywarden_sim::{Sim, SimBuilder};
use serde_json::{Value, json};

use super::client::Frame;

/// Paths, counted from their end, where only the kind of value must agree.
const VOLATILE: [&str; 10] = [
    "timestamp",
    "create_time",
    "execution_start_time",
    "execution_end_time",
    "modified",
    "created",
    "size",
    // The lines of another program's source.
    "traceback/*",
    // How Python prints a picture.
    "current_inputs/image/*",
    "current_inputs/images/*",
];

/// Prose for the editor: left out of the bundled catalogue, because it is somebody's text and not interface.
const PROSE: [&str; 1] = ["output_tooltips"];

/// Lists that ComfyUI makes from sets.
const UNORDERED: [&str; 3] = ["current_outputs", "prompt/4", "executed"];

/// One recorded request and its answer, or one recorded socket.
pub(super) fn load(kind: &str, name: &str) -> Value {
    let file = format!("tests/fixtures/recordings/{kind}/{}.json", name.replace('=', "-"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).expect("fixtures are JSON")
}

/// A server with the models of the recorded one.
pub(super) fn recorded_server() -> SimBuilder {
    let names = |name: &str| -> Vec<String> {
        let body = load("http", &format!("get_models_{name}"))["body"].clone();
        serde_json::from_value(body).expect("a list of names")
    };
    let folders = ["checkpoints", "configs", "custom_nodes", "embeddings", "loras", "upscale_models", "vae"];
    folders.iter().fold(Sim::instant().no_models(), |sim, folder| sim.seed_models(folder, names(folder)))
}

/// Lists the differences, one line each.
pub(super) fn differences(recorded: &Value, actual: &Value, volatile: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    compare(recorded, actual, &mut Vec::new(), volatile, &mut found);
    found
}

fn compare(
    recorded: &Value,
    actual: &Value,
    path: &mut Vec<String>,
    volatile: &[&str],
    found: &mut Vec<String>,
) {
    if VOLATILE.iter().chain(volatile).any(|pattern| ends_with(path, pattern)) {
        if std::mem::discriminant(recorded) != std::mem::discriminant(actual) {
            found.push(format!("{}: kind of {recorded} is not that of {actual}", path.join("/")));
        }
        return;
    }
    match (recorded, actual) {
        (Value::Object(recorded), Value::Object(actual)) => {
            let missing = recorded
                .keys()
                .filter(|key| !actual.contains_key(*key) && !PROSE.contains(&key.as_str()))
                .map(|key| ("missing", key));
            let extra =
                actual.keys().filter(|key| !recorded.contains_key(*key)).map(|key| ("not recorded", key));
            for (what, key) in missing.chain(extra) {
                found.push(format!("{}/{key}: {what}", path.join("/")));
            }
            for (key, recorded) in recorded {
                if let Some(actual) = actual.get(key) {
                    path.push(key.clone());
                    compare(recorded, actual, path, volatile, found);
                    path.pop();
                }
            }
        }
        (Value::Array(recorded), Value::Array(actual)) => {
            let (recorded, actual) = (in_order(recorded, path), in_order(actual, path));
            if recorded.len() != actual.len() {
                found.push(format!(
                    "{}: {} entries, recorded {}",
                    path.join("/"),
                    actual.len(),
                    recorded.len()
                ));
            }
            for (at, (recorded, actual)) in recorded.iter().zip(&actual).enumerate() {
                path.push(at.to_string());
                compare(recorded, actual, path, volatile, found);
                path.pop();
            }
        }
        _ if same(recorded, actual, path) => {}
        _ => found.push(format!("{}: {actual}, recorded {recorded}", path.join("/"))),
    }
}

fn in_order(items: &[Value], path: &[String]) -> Vec<Value> {
    let mut items = items.to_vec();
    if UNORDERED.iter().any(|pattern| ends_with(path, pattern)) {
        items.sort_by_key(Value::to_string);
    }
    items
}

/// Equal, file counters and random letters in file names aside.
fn same(recorded: &Value, actual: &Value, path: &[String]) -> bool {
    let plain = |value: &Value| -> Option<String> {
        let name = value.as_str()?;
        let name = name.strip_prefix("ComfyUI_temp_").map_or(name, |rest| rest.get(5..).unwrap_or_default());
        Some(name.replace(|character: char| character.is_ascii_digit(), "0"))
    };
    let is_file = path.last().is_some_and(|key| key == "filename") || ends_with(path, "subfolder");
    recorded == actual || is_file && plain(recorded).is_some() && plain(recorded) == plain(actual)
}

/// Says if a path ends in a pattern, where `*` stands for any one part.
fn ends_with(path: &[String], pattern: &str) -> bool {
    let wanted: Vec<&str> = pattern.split('/').collect();
    path.len() >= wanted.len()
        && path.iter().rev().zip(wanted.iter().rev()).all(|(part, wanted)| *wanted == "*" || part == wanted)
}

/// Our frame the way the recordings describe frames.
pub(super) fn describe(frame: &Frame) -> Value {
    match frame {
        Frame::Text(event) => json!({"text": event}),
        Frame::Binary(bytes) => json!({"binary": describe_binary(bytes)}),
        Frame::Closed(_) => json!({"closed": true}),
    }
}

fn describe_binary(bytes: &[u8]) -> Value {
    let number = |at: usize| {
        bytes.get(at..at + 4).map(|four| four.iter().fold(0_u32, |n, byte| n << 8 | u32::from(*byte)))
    };
    let magic = |at: usize| format!("{:08x}", number(at).unwrap_or(0));
    let length = usize::try_from(number(4).unwrap_or(0)).expect("a length");
    let head = bytes.get(8..8 + length).unwrap_or_default();
    match number(0) {
        Some(1) => json!({"event": 1, "image_type": number(4), "image_magic": magic(8)}),
        Some(3) => json!({
            "event": 3, "node_id": String::from_utf8_lossy(head),
            "text": String::from_utf8_lossy(bytes.get(8 + length..).unwrap_or_default()),
        }),
        Some(4) => json!({
            "event": 4, "metadata": serde_json::from_slice::<Value>(head).expect("JSON metadata"),
            "image_magic": magic(8 + length),
        }),
        other => json!({"event": other}),
    }
}
