//! Redacts a JSON value.

use serde_json::Value;

use super::{
    REDACTED,
    keys::{is_secret_key, words},
    text::{is_denied, is_harmless, redact_at},
};
use comfywarden_error::JsonObject;

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

/// Keys under which a pair has its name, and its value.
const NAMES: [&str; 8] = ["name", "key", "header", "field", "param", "parameter", "id", "k"];
const VALUES: [&str; 6] = ["value", "val", "v", "default", "values", "current"];

fn is_one_of(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.eq_ignore_ascii_case(name))
}

fn redact_map(map: &mut JsonObject, nesting: usize) {
    let names_secret = map.iter().any(|(key, value)| {
        is_one_of(key, &NAMES) && value.as_str().is_some_and(|name| name.len() <= 64 && is_secret_key(name))
    });
    let mut secret_in_key = false;
    for (key, value) in map.iter_mut() {
        if is_secret_key(key) || (names_secret && is_one_of(key, &VALUES)) {
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
    let number =
        value.is_number() || value.as_str().is_some_and(|text| text.parse::<f32>().is_ok() && text.len() < 4);
    let counts = number && words(key).last().is_some_and(|word| word == "pass");
    let harmless = value.as_str().is_some_and(is_harmless);
    if !(value.is_null() || value.is_boolean() || counts || harmless) {
        *value = REDACTED.into();
    }
}

/// Redacts a list, which may be headers (`[name, value]`, flat or in pairs) or a command line (`--api-key`, value).
fn redact_list(items: &mut [Value], nesting: usize) {
    let alternating = items.len() > 1 && items.len().is_multiple_of(2);
    let (mut hide_next, mut user, mut in_key) = (false, false, false);
    for (at, item) in items.iter_mut().enumerate() {
        let text = item.as_str().unwrap_or_default();
        // A key block may come line by line.
        in_key |= text.contains("-----BEGIN ") && text.contains("PRIVATE KEY");
        if in_key {
            in_key = !text.contains("-----END ");
            *item = REDACTED.into();
            continue;
        }
        let login = std::mem::take(&mut user) && item.as_str().is_some_and(|text| text.contains(':'));
        if (std::mem::take(&mut hide_next) || login) && (item.is_string() || item.is_number()) {
            *item = REDACTED.into();
            continue;
        }
        if let Value::String(text) = item {
            let name = text.trim_start_matches('-');
            let dashed = name.len() < text.len() && !is_denied(name);
            // What has its value in it is no name of the next.
            let name = if name.contains([':', '=', ' ']) { "" } else { name };
            let in_name_position =
                alternating && at % 2 == 0 && (name.contains(['-', '_']) || is_header(name));
            hide_next = (dashed || in_name_position) && is_secret_key(name);
            user = matches!(text.as_str(), "-u" | "--user");
        }
        redact_nested(item, nesting);
    }
}

/// True for a header's name of one word that is a secret; other single words may be ordinary list entries.
fn is_header(name: &str) -> bool {
    ["authorization", "cookie", "password", "token", "secret", "apikey"]
        .iter()
        .any(|h| name.eq_ignore_ascii_case(h))
}
