//! Finds the id of a message that is too long to keep, with a few bytes of memory.

use serde_json::Value;

/// Size limit for an id that is recognised, in bytes.
const MAX_ID: usize = 256;

/// Reads a message byte by byte and keeps its outermost `id`.
#[derive(Debug, Default)]
pub(super) struct IdScan {
    depth: usize,
    quoted: bool,
    escaped: bool,
    /// Text at the outermost level since the last `{`, `:` or `,`; `None` when it is too long to matter.
    token: Option<Vec<u8>>,
    key_is_id: bool,
    id: Option<Value>,
}

impl IdScan {
    /// Reads the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.step(*byte));
    }

    /// Returns the id, or null where there is none.
    pub(super) fn id(mut self) -> Value {
        self.end_of_value();
        self.id.take().filter(|id| id.is_string() || id.is_number()).unwrap_or_default()
    }

    fn step(&mut self, byte: u8) {
        if self.quoted {
            self.keep(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.token = (self.depth == 1).then(Vec::new);
            }
            b'}' | b']' => {
                self.end_of_value();
                self.depth = self.depth.saturating_sub(1);
                self.token = None;
            }
            b':' if self.depth == 1 => {
                self.key_is_id = self.token.as_deref() == Some(br#""id""#.as_slice());
                self.token = Some(Vec::new());
            }
            b',' if self.depth == 1 => {
                self.end_of_value();
                self.token = Some(Vec::new());
            }
            b' ' | b'\t' | b'\r' => {}
            _ => {
                self.quoted = byte == b'"';
                self.keep(byte);
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth != 1 {
            return;
        }
        match &mut self.token {
            Some(token) if token.len() < MAX_ID => token.push(byte),
            other => *other = None,
        }
    }

    fn end_of_value(&mut self) {
        if self.depth == 1 && std::mem::take(&mut self.key_is_id) {
            self.id = self.token.as_deref().and_then(|token| serde_json::from_slice(token).ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id_of(text: &str) -> Value {
        let mut scan = IdScan::default();
        for piece in text.as_bytes().chunks(3) {
            scan.feed(piece);
        }
        scan.id()
    }

    #[test]
    fn the_outermost_id_is_found_wherever_it_stands() {
        let long = "x".repeat(10_000);
        for (text, id) in [
            (format!(r#"{{"jsonrpc":"2.0","id":7,"params":{{"id":8,"text":"{long}"}}}}"#), json!(7)),
            (
                format!(r#"{{"params":{{"a":["id",{{"id":1}}],"t":"{long}"}}, "id" : "a\"b,c" }}"#),
                json!("a\"b,c"),
            ),
            (format!(r#"{{"params":"\"id\":5,{long}","id":6,"method":"m"}}"#), json!(6)),
            (format!(r#"{{"method":"{long}"}}"#), Value::Null),
            (format!(r#"{{"id":"{long}"}}"#), Value::Null),
            (format!(r#"{{"id":{{"id":3}},"x":"{long}"}}"#), Value::Null),
            (format!(r#"[{{"id":3}},"{long}"]"#), Value::Null),
            (long.clone(), Value::Null),
        ] {
            assert_eq!(id_of(&text), id, "{}", text.get(..60).unwrap());
        }
    }
}
