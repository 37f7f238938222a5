//! Text as Python would write it, where ComfyUI's answers hold such text.

use std::io;

use serde::Serialize;
use serde_json::{Value, ser::Formatter};

/// `json.dumps`: blanks after `,` and `:`, and nothing but ASCII.
pub(super) fn json_dumps(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Dumps);
    if value.serialize(&mut serializer).is_err() {
        return String::new();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Numbers that Python writes bare and JSON does not have. A value holds them as texts behind a NUL.
const NON_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// A list of the three numbers that JSON does not have.
pub(super) fn non_finite() -> Value {
    NON_FINITE.iter().map(|number| Value::String(format!("\0{number}"))).collect()
}

/// JSON as Python sends it, with bare non-finite numbers.
pub(super) fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains("\"\\u0000") {
        return text;
    }
    NON_FINITE.iter().fold(text, |text, number| text.replace(&format!("\"\\u0000{number}\""), number))
}

struct Dumps;

impl Formatter for Dumps {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if character.is_ascii() {
                writer.write_all(&[u8::try_from(u32::from(character)).unwrap_or(b'?')])?;
            } else {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// `repr`: how a value looks inside an f-string with `!r`, or in a list.
pub(super) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => repr_text(text),
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", repr_text(key), repr(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// `str`: like [`repr`], but a string stands as it is.
pub(super) fn str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other == quote => {
                out.push('\\');
                out.push(other);
            }
            other => out.push(other),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dumps_has_blanks_and_only_ascii() {
        assert_eq!(
            json_dumps(&json!({"a": [1, "ü\n😀"], "b": null})),
            r#"{"a": [1, "\u00fc\n\ud83d\ude00"], "b": null}"#
        );
    }

    #[test]
    fn repr_quotes_as_python() {
        assert_eq!(repr(&json!(["it's", "plain", true, 1.0])), r#"["it's", 'plain', True, 1.0]"#);
        assert_eq!(str(&json!("abc")), "abc");
    }
}
