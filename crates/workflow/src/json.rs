//! The strict reader of JSON text: text that two readers could understand differently is an error.
//!
//! Refused: duplicate keys, lone surrogates, `NaN`, nesting deeper than [`MAX_DEPTH`], text over [`MAX_BYTES`].
//! Kept: the order of keys and every seed up to 2^64−1.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Error, Result};

mod dialect;

pub use dialect::{Dialect, parse_relaxed};

/// The most bytes of one workflow text.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// The deepest nesting of lists and objects.
pub const MAX_DEPTH: usize = 64;

/// Reads JSON text; errors carry `line` and `column`.
pub fn parse(text: &[u8]) -> Result<Value> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(format!(
            "the text has {} bytes; at most {MAX_BYTES} are read as a workflow",
            text.len()
        ))
        .hint("remove embedded files or pictures from the workflow"));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    check_depth(text)?;
    let mut reader = serde_json::Deserializer::from_slice(text);
    let Strict(value) = Strict::deserialize(&mut reader).map_err(|e| at_position(&e))?;
    reader.end().map_err(|e| at_position(&e))?;
    Ok(value)
}

fn at_position(error: &serde_json::Error) -> Error {
    Error::new(format!("the text is not valid JSON: {error}"))
        .detail("line", error.line())
        .detail("column", error.column())
        .hint("JSON allows each key once, no comments and no trailing commas")
}

/// Counts brackets outside of strings, before anything recurses.
fn check_depth(text: &[u8]) -> Result<()> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let (mut line, mut column) = (1_usize, 0_usize);
    for byte in text {
        column += 1;
        if *byte == b'\n' {
            (line, column) = (line + 1, 0);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Error::new(format!(
                "lists and objects nest deeper than {MAX_DEPTH} at line {line} column {column}"
            ))
            .detail("line", line)
            .detail("column", column));
        }
    }
    Ok(())
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                let key: String = key.chars().take(80).collect();
                return Err(de::Error::custom(format!("duplicate key `{key}`")));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_largest_seed_exactly() {
        let value = parse(br#"{"seed": 18446744073709551615}"#).unwrap();
        assert_eq!(value["seed"].as_u64(), Some(u64::MAX));
    }

    #[test]
    fn refuses_a_duplicate_key_and_says_where() {
        let error = parse(b"{\"a\": 1,\n \"a\": 2}").unwrap_err();
        assert!(error.to_string().contains("duplicate key `a`"), "{error}");
        assert_eq!(error.details()["line"], 2);
    }

    #[test]
    fn refuses_lone_surrogates_nan_and_trailing_text() {
        for text in [r#"["\ud800"]"#, r#"["\udc00x"]"#, "[NaN]", "{} {}", "[1e999]", "[1,]", ""] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_nesting_past_the_limit_before_recursing() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(deep(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse("[".repeat(5_000_000).as_bytes()).unwrap_err().to_string().contains("nest deeper"));
    }

    #[test]
    fn brackets_inside_strings_do_not_count() {
        let text = format!(r#"["{}\"{}"]"#, "[".repeat(100), "{".repeat(100));
        assert!(parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn accepts_a_byte_order_mark() {
        assert_eq!(parse(b"\xef\xbb\xbf{}").unwrap(), serde_json::json!({}));
    }
}
