//! Truncates records that are too long: the ends of their longest texts and lists, with a note.

use serde_json::Value;

use super::record::{MAX_LINE_BYTES, to_line};

/// Length limits of texts and lists, tried in this order.
const STEPS: [(usize, usize); 4] = [(4_096, 256), (512, 64), (64, 16), (16, 4)];

/// Writes the line of `value`, cut until it fits; `bytes` is its full length.
pub(super) fn truncate(value: &mut Value, bytes: usize) -> String {
    if let Value::Object(fields) = value {
        fields.insert("cut_from_bytes".into(), bytes.into());
    }
    for (characters, items) in STEPS {
        shorten(value, characters, items);
        let line = to_line(value);
        if line.len() <= MAX_LINE_BYTES {
            return line;
        }
    }
    if let Value::Object(fields) = value {
        fields.remove("extra");
    }
    to_line(value)
}

fn shorten(value: &mut Value, characters: usize, items: usize) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(characters) {
                let rest = text.len() - at;
                text.truncate(at);
                *text = format!("{text}…[{rest} bytes cut]");
            }
        }
        Value::Array(list) => {
            let rest = list.len().saturating_sub(items);
            list.truncate(items);
            for item in list.iter_mut() {
                shorten(item, characters, items);
            }
            if rest > 0 {
                list.push(format!("…[{rest} items cut]").into());
            }
        }
        Value::Object(map) => {
            let rest = map.len().saturating_sub(items.max(16));
            if rest > 0 {
                *map = std::mem::take(map).into_iter().take(items.max(16)).collect();
                map.insert("…".into(), format!("[{rest} fields cut]").into());
            }
            let keys_too_long = map.keys().any(|key| key.len() > characters.max(64) * 4);
            if keys_too_long {
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(key, value)| (key.chars().take(characters.max(64)).collect(), value))
                    .collect();
            }
            for item in map.values_mut() {
                shorten(item, characters, items);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
