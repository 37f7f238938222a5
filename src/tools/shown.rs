//! Text of the server on its way to a model: hidden characters made visible, length capped.

use serde_json::Value;

use comfywarden_error::JsonObject;
use comfywarden_policy::display;

/// `text` with at most `limit` characters and nothing invisible.
pub(super) fn shown(text: &str, limit: usize) -> String {
    let mut cut = text;
    if let Some((end, _)) = text.char_indices().nth(limit) {
        cut = text.get(..end).unwrap_or_default();
    }
    let safe = display::sanitize(cut);
    if cut.len() < text.len() { format!("{safe}…") } else { safe.into_owned() }
}

/// The same for every string in `value`, keys included.
pub(super) fn show_all(value: &mut Value, limit: usize) {
    match value {
        Value::String(text) if needs_work(text, limit) => *text = shown(text, limit),
        Value::Array(items) => items.iter_mut().for_each(|item| show_all(item, limit)),
        Value::Object(map) => show_map(map, limit),
        _ => {}
    }
}

/// The same for an object.
pub(super) fn show_map(map: &mut JsonObject, limit: usize) {
    map.values_mut().for_each(|item| show_all(item, limit));
    if map.keys().any(|key| needs_work(key, limit)) {
        *map = std::mem::take(map).into_iter().map(|(key, item)| (shown(&key, limit), item)).collect();
    }
}

fn needs_work(text: &str, limit: usize) -> bool {
    text.len() > limit || text.chars().any(display::is_hidden)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_hides_is_shown_and_what_is_long_is_cut() {
        let mut value = json!({"a\u{202e}b": ["x\u{1b}[2J", "y".repeat(30)], "é": "ééé"});
        show_all(&mut value, 10);
        assert_eq!(value, json!({"a\\u{202e}b": ["x\\x1b[2J", "yyyyyyyyyy…"], "é": "ééé"}));
    }
}
