//! An audit record, from its fields to the text of its line.

use std::{io, sync::Arc};

use serde::Serialize as _;
use serde_json::{Value, ser::Formatter};

use super::truncate;
use crate::gate::{contract::Class, identity::CallId};
use comfywarden_error::JsonObject;
use comfywarden_policy::{display, redact};

/// Length limit of a line, without its chain fields.
pub(super) const MAX_LINE_BYTES: usize = 64 << 10;
/// Fields that stand beside `action` and not inside `extra`.
const TOP_LEVEL: [&str; 5] = ["prompt_id", "nodes_used", "warnings", "duration_ms", "status"];

/// One event. Everything in it is redacted before it is written.
#[derive(Debug, Clone)]
pub struct Record {
    fields: JsonObject,
    extra: JsonObject,
}

impl Record {
    /// Creates an event outside of any call, such as the start of the server.
    pub fn new(tool: &str, action: &str) -> Self {
        let mut fields = JsonObject::new();
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        fields.insert("timestamp".into(), now.into());
        fields.insert("tool".into(), tool.into());
        fields.insert("action".into(), action.into());
        let mut extra = JsonObject::new();
        if let Some(trace) = crate::telemetry::trace::current() {
            extra.insert("traceparent".into(), trace.as_ref().into());
        }
        Self { fields, extra }
    }

    /// Adds the call, its caller and its class.
    #[must_use]
    pub fn call(mut self, call_id: CallId, caller: &str, class: Option<Class>) -> Self {
        self.fields.insert("call_id".into(), call_id.to_string().into());
        self.fields.insert("caller".into(), caller.into());
        if let Some(class) = class {
            self.fields.insert("class".into(), class.as_str().into());
        }
        self
    }

    /// Adds a field: known ones (`prompt_id`, `duration_ms`, …) at the top, all others under `extra`.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if value.is_null() {
            return self;
        }
        if TOP_LEVEL.contains(&key) {
            self.fields.insert(key.to_owned(), value);
        } else {
            self.extra.insert(key.to_owned(), value);
        }
        self
    }

    /// Adds several fields.
    #[must_use]
    pub fn fields(self, fields: JsonObject) -> Self {
        fields.into_iter().fold(self, |record, (key, value)| record.field(&key, value))
    }

    /// Writes the redacted record as one line of JSON without its closing brace and line end.
    pub(super) fn into_open_line(mut self) -> Arc<str> {
        if !self.extra.is_empty() {
            self.fields.insert("extra".into(), Value::Object(self.extra));
        }
        let mut value = Value::Object(self.fields);
        redact::redact(&mut value);
        let mut line = to_line(&value);
        if line.len() > MAX_LINE_BYTES {
            line = truncate::truncate(&mut value, line.len());
        }
        line.pop();
        line.into()
    }
}

/// Writes `value` as one line of JSON with every invisible or direction-changing character escaped.
pub fn to_line(value: &Value) -> String {
    let mut bytes = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, OneLine);
    // Writing a Value to memory cannot fail: its keys are strings and the buffer grows.
    if value.serialize(&mut serializer).is_err() {
        bytes.clear();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Formats compact JSON with `\u` escapes for what a terminal or a viewer would act upon.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut done = 0;
        for (at, character) in text.char_indices() {
            if character == ' ' || character.is_ascii_graphic() || !display::is_hidden(character) {
                continue;
            }
            writer.write_all(text.get(done..at).unwrap_or_default().as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            done = at + character.len_utf8();
        }
        writer.write_all(text.get(done..).unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_go_under_extra_and_null_ones_nowhere() {
        let record = Record::new("t", "a").field("duration_ms", 5).field("host", "h").field("x", Value::Null);
        assert_eq!(Value::Object(record.extra), json!({"host": "h"}));
        assert_eq!(record.fields.get("duration_ms"), Some(&json!(5)));
    }

    #[test]
    fn a_line_escapes_hidden_characters_and_reads_back_the_same() {
        let value = json!({"k\u{202e}": "a\nb\u{2028}c\u{7f}\u{9b}\u{e0041}é\u{1f3a8}"});
        let line = to_line(&value);
        assert_eq!(line, "{\"k\\u202e\":\"a\\nb\\u2028c\\u007f\\u009b\\udb40\\udc41é\u{1f3a8}\"}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }
}
