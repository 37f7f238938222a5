//! Reads YAML files beside the configuration, such as the sidecars of workflow files.

use serde_json::Value;

/// The largest text in bytes; nobody writes a larger one by hand.
const MAX_YAML: usize = 256 * 1024;

/// Reads YAML as JSON data. The error is a fragment that says what is wrong and where.
pub fn read_yaml(text: &str) -> Result<Value, String> {
    if text.len() > MAX_YAML {
        return Err(format!("is larger than {} KiB", MAX_YAML / 1024));
    }
    // By way of YAML's own data: there a key that comes twice is an error.
    let read: Result<serde_yaml::Value, _> = serde_yaml::from_str(text);
    let value = read.map_err(|error| format!("is not valid YAML: {error}"))?;
    serde_json::to_value(value).map_err(|error| format!("holds what JSON cannot: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_data_and_says_where_it_cannot() {
        assert_eq!(
            read_yaml("a: [1, x]\nb: {c: true}").unwrap(),
            serde_json::json!({"a": [1, "x"], "b": {"c": true}})
        );
        assert!(read_yaml("a: [1").unwrap_err().starts_with("is not valid YAML"));
        assert!(read_yaml("a: 1\na: 2").is_err(), "a key that comes twice is a mistake");
        assert!(read_yaml(&"a".repeat(MAX_YAML + 1)).unwrap_err().contains("256 KiB"));
    }

    #[test]
    fn references_that_grow_without_end_are_refused() {
        let level = |level: usize| {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("a{level}: &a{level} [{inner}]\n")
        };
        let rest: String = (1..12).map(level).collect();
        let bomb = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{rest}");
        assert!(read_yaml(&bomb).is_err());
    }
}
