//! Measures the size and depth of a JSON value without writing it out.

use serde_json::Value;

/// Size of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonSize {
    /// Approximate length of its compact text in bytes (escapes are not counted).
    pub(super) bytes: usize,
    /// Greatest nesting of objects and lists.
    pub(super) depth: usize,
}

/// Measures `value`. Stops looking deeper at `most_depth`, so that depth never costs stack.
pub(super) fn measure(value: &Value, most_depth: usize) -> JsonSize {
    let mut size = JsonSize { bytes: 0, depth: 0 };
    let mut pending = vec![(value, 1_usize)];
    while let Some((value, depth)) = pending.pop() {
        match value {
            Value::Null | Value::Bool(true) => size.bytes += 4,
            Value::Bool(false) => size.bytes += 5,
            Value::Number(_) => size.bytes += 8,
            Value::String(text) => size.bytes += text.len() + 2,
            Value::Array(items) => {
                size.bytes += items.len() + 2;
                size.depth = size.depth.max(depth);
                if depth <= most_depth {
                    pending.extend(items.iter().map(|item| (item, depth + 1)));
                }
            }
            Value::Object(map) => {
                size.bytes += map.iter().map(|(key, _)| key.len() + 4).sum::<usize>() + 2;
                size.depth = size.depth.max(depth);
                if depth <= most_depth {
                    pending.extend(map.values().map(|item| (item, depth + 1)));
                }
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_bytes_and_depth() {
        assert_eq!(measure(&json!({"a": [{"b": "xyz"}]}), 64).depth, 3);
        assert!(measure(&json!("x".repeat(100)), 64).bytes >= 100);
        let deep = (0..90).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(measure(&deep, 64).depth, 65);
    }
}
