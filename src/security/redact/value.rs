//! Secrets inside a JSON value.

use serde_json::Value;

use super::{
    REDACTED,
    keys::{is_secret_key, words},
    text::redact_at,
};
use crate::error::JsonObject;

/// Replaces every secret in `value`, at any depth.
pub fn redact(value: &mut Value) {
    redact_nested(value, 0);
}

pub(super) fn redact_nested(value: &mut Value, nesting: usize) {
    match value {
        Value::String(text) => redact_string(text, nesting),
        Value::Array(items) => redact_list(items, nesting),
        Value::Object(map) => redact_map(map, nesting),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn redact_string(text: &mut String, nesting: usize) {
    if let std::borrow::Cow::Owned(redacted) = redact_at(text, nesting) {
        *text = redacted;
    }
}

fn redact_map(map: &mut JsonObject, nesting: usize) {
    let names_secret = ["name", "key", "header", "field"]
        .iter()
        .any(|key| map.get(*key).and_then(Value::as_str).is_some_and(is_secret_key));
    let mut secret_in_key = false;
    for (key, value) in map.iter_mut() {
        if is_secret_key(key) || (names_secret && key == "value") {
            hide(value, key);
        } else {
            redact_nested(value, nesting);
        }
        secret_in_key |= matches!(redact_at(key, nesting), std::borrow::Cow::Owned(_));
    }
    if secret_in_key {
        let entries = std::mem::take(map);
        for (key, value) in entries {
            map.insert(redact_at(&key, nesting).into_owned(), value);
        }
    }
}

/// Takes out a value that its key calls a secret. Flags and nothing are no secrets, nor is a number of passes.
fn hide(value: &mut Value, key: &str) {
    let counts = value.is_number() && words(key).last().is_some_and(|word| word == "pass");
    if !(value.is_null() || value.is_boolean() || counts) {
        *value = REDACTED.into();
    }
}

/// Lists may be headers (`[name, value]`, flat or in pairs) or a command line (`--api-key`, value).
fn redact_list(items: &mut [Value], nesting: usize) {
    let alternating = items.len() > 1 && items.len().is_multiple_of(2);
    let mut hide_next = false;
    for (at, item) in items.iter_mut().enumerate() {
        if std::mem::take(&mut hide_next) && (item.is_string() || item.is_number()) {
            *item = REDACTED.into();
            continue;
        }
        if let Value::String(text) = item {
            let name = text.trim_start_matches('-');
            let dashed = name.len() < text.len();
            let in_name_position =
                alternating && at % 2 == 0 && (name.contains(['-', '_']) || is_header(name));
            hide_next = (dashed || in_name_position) && is_secret_key(name);
        }
        redact_nested(item, nesting);
    }
}

/// Single-word header names that are secrets; other single words may be ordinary list entries.
fn is_header(name: &str) -> bool {
    ["authorization", "cookie", "password", "token", "secret", "apikey"]
        .iter()
        .any(|h| name.eq_ignore_ascii_case(h))
}
