//! Prints for people: text from elsewhere cannot move the cursor or hide text.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use comfywarden_policy::display::{is_hidden, sanitize};
use comfywarden_policy::redact::{redact, redact_text};

/// Prints one piece of text and a line break to stdout, without secrets. A reader that went away is no error.
pub(super) fn print_line(text: &str) -> io::Result<()> {
    print_unredacted(&redact_text(text))
}

/// Prints text without a search for secrets: the user's own file in another form, or a page of ours.
pub(super) fn print_unredacted(text: &str) -> io::Result<()> {
    forgive(write_line(&mut io::stdout().lock(), text))
}

/// Prints findings in other people's files as JSON, without secrets.
pub(super) fn print_redacted_json(value: &impl Serialize) -> io::Result<()> {
    let mut value = serde_json::to_value(value)?;
    redact(&mut value);
    print_json(&value)
}

/// Prints JSON that a program can read: hidden characters become JSON escapes.
pub(super) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    forgive(write_line(&mut io::stdout().lock(), &escaped(&text)))
}

/// Escapes every hidden character of JSON text as `\\uXXXX`; such characters occur in strings only.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character == '\n' || !is_hidden(character) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Prints one line to stderr, without secrets, which messages may quote. A failure to print is ignored.
pub(super) fn eprint_line(text: &str) {
    let _ = write_line(&mut io::stderr().lock(), &redact_text(text));
}

fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(sanitize(text).as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_in_json_become_escapes_that_mean_the_same() {
        let value = serde_json::json!({ "name": "a\u{202e}b\u{e0041}\u{1b}" });
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|character| character != '\n' && is_hidden(character)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        let mut out = Vec::new();
        write_line(&mut out, "name\x1b[2J\u{202e}gnp").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name\\x1b[2J\\u{202e}gnp\n");
    }
}
