//! Shortens results to the size that a client's context can bear.

use serde_json::Value;

/// Length of strings that are cut first when a result is too large.
const LONG_STRING: usize = 2_000;

/// Shortens long strings, then long lists, until the JSON has at most `limit` bytes, and says so in `truncated`. Returns
/// the whole JSON if something was cut.
pub(super) fn clamp(value: &mut Value, limit: usize) -> Option<String> {
    let whole = serde_json::to_string(value).unwrap_or_default();
    if whole.len() <= limit {
        return None;
    }
    cut_strings(value, LONG_STRING);
    // Each round halves the longest list or string, so the number of rounds is logarithmic in the excess.
    for _ in 0..64 {
        if length(value) <= limit || !halve_longest(value) {
            break;
        }
    }
    if let Value::Object(object) = value {
        let before = whole.chars().count();
        let note = format!("the full result has {before} characters; narrow the request or page through it");
        object.insert("truncated".into(), note.into());
    }
    Some(whole)
}

fn length(value: &Value) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

fn cut_strings(value: &mut Value, limit: usize) {
    match value {
        Value::String(text) => cut(text, limit),
        Value::Array(items) => items.iter_mut().for_each(|item| cut_strings(item, limit)),
        Value::Object(object) => object.values_mut().for_each(|item| cut_strings(item, limit)),
        _ => {}
    }
}

fn cut(text: &mut String, limit: usize) {
    let total = text.chars().count();
    if total <= limit {
        return;
    }
    let kept: String = text.chars().take(limit).collect();
    *text = format!("{kept}… ({} more characters)", total - limit);
}

/// Halves the list or string that holds most of the JSON. False when nothing is left to halve.
fn halve_longest(value: &mut Value) -> bool {
    let mut best = (0, None);
    weigh(value, &mut Vec::new(), &mut best);
    let (_, Some(path)) = best else { return false };
    let Some(target) = path.iter().try_fold(value, |at, step| match (at, step) {
        (Value::Array(items), Step::Index(index)) => items.get_mut(*index),
        (Value::Object(object), Step::Key(key)) => object.get_mut(key),
        _ => None,
    }) else {
        return false;
    };
    match target {
        Value::Array(items) => {
            let keep = items.len() / 2;
            items.truncate(keep);
            true
        }
        Value::String(text) => {
            let keep = text.chars().count() / 2;
            cut(text, keep);
            true
        }
        Value::Object(object) => {
            let drop: Vec<String> = object.keys().skip(object.len() / 2).cloned().collect();
            for key in drop {
                object.shift_remove(&key);
            }
            true
        }
        _ => false,
    }
}

#[derive(Clone)]
enum Step {
    Index(usize),
    Key(String),
}

/// Finds the deepest container whose own children make up most of its weight; returns the JSON weight.
fn weigh(value: &Value, path: &mut Vec<Step>, best: &mut (usize, Option<Vec<Step>>)) -> usize {
    let consider = |weight: usize, path: &[Step], best: &mut (usize, Option<Vec<Step>>)| {
        if weight > best.0 && !path.is_empty() {
            *best = (weight, Some(path.to_vec()));
        }
    };
    match value {
        Value::String(text) => {
            if text.len() > 200 {
                consider(text.len(), path, best);
            }
            text.len() + 2
        }
        Value::Array(items) => {
            let mut total = 2;
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                total += weigh(item, path, best) + 1;
                path.pop();
            }
            if items.len() > 1 {
                consider(total, path, best);
            }
            total
        }
        Value::Object(object) => {
            let mut total = 2;
            for (key, item) in object {
                path.push(Step::Key(key.clone()));
                total += weigh(item, path, best) + key.len() + 4;
                path.pop();
            }
            // Objects are records: only a map with very many keys may lose some.
            if object.len() > 64 {
                consider(total, path, best);
            }
            total
        }
        other => other.to_string().len(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMIT: usize = 40_000;

    #[test]
    fn a_small_result_is_left_alone() {
        let mut value = json!({"items": ["a", "b"]});
        assert_eq!(clamp(&mut value, LIMIT), None);
        assert_eq!(value, json!({"items": ["a", "b"]}));
    }

    #[test]
    fn a_large_result_fits_stays_json_and_says_so() {
        let items: Vec<Value> =
            (0..5_000).map(|i| json!({"name": format!("model_{i}.safetensors")})).collect();
        let mut value = json!({"items": items, "total": 5_000, "text": "x".repeat(100_000)});

        let before = value.to_string();

        assert_eq!(clamp(&mut value, LIMIT), Some(before));

        assert!(length(&value) <= LIMIT + 200);
        assert_eq!(value["total"], 5_000);
        assert!(value["truncated"].as_str().unwrap().contains("characters"));
        assert_eq!(value["items"][0]["name"], "model_0.safetensors");
    }
}
