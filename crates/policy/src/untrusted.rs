//! Makes text from ComfyUI, models, pictures and the web look like the data that it is, on its way to the assistant.
//!
//! Hidden characters become visible; markdown that would load a picture or hide an address behind words, and HTML
//! that would do the same, is taken apart by one blank; what is too long is cut. Every result, error and question
//! passes through here: results and questions where a tool ends, errors where a call does.

use std::borrow::Cow;

use serde_json::Value;

use super::{display, redact};
use comfywarden_error::Error;

/// The most characters of one text in a result.
const MAX_CHARACTERS: usize = 32_000;
/// The most characters of one text in an error.
const MAX_IN_ERROR: usize = 4_000;
/// HTML elements that load something or lead somewhere.
const ELEMENTS: [&str; 12] =
    ["img", "a", "iframe", "script", "svg", "video", "audio", "object", "embed", "link", "form", "style"];

/// Makes one text safe to show.
pub fn defuse(text: &str) -> Cow<'_, str> {
    match display::sanitize(text) {
        Cow::Borrowed(text) => taken_apart(text),
        Cow::Owned(text) => match taken_apart(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(changed) => Cow::Owned(changed),
        },
    }
}

/// Makes every text and every key of a value safe to show. The depth of a result is that of our own types, and of JSON
/// that was parsed with a limit.
pub fn defuse_value(value: &mut Value) {
    bounded(value, MAX_CHARACTERS);
}

/// Takes secrets out of an error's message, hint and details, and makes them safe to show.
pub fn defuse_error(error: Error) -> Error {
    error.map_texts(|text| {
        let redacted = redact::redact_text(text);
        shortened(&defuse(&redacted), MAX_IN_ERROR).into_owned()
    })
}

fn bounded(value: &mut Value, most: usize) {
    match value {
        Value::String(text) => {
            let safe = match defuse(text) {
                Cow::Borrowed(_) if text.len() <= most => return,
                safe => shortened(&safe, most).into_owned(),
            };
            *text = safe;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| bounded(item, most)),
        Value::Object(map) => {
            map.values_mut().for_each(|item| bounded(item, most));
            if map.keys().any(|key| matches!(defuse(key), Cow::Owned(_))) {
                let safe =
                    std::mem::take(map).into_iter().map(|(key, item)| (defuse(&key).into_owned(), item));
                *map = safe.collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(most) else { return Cow::Borrowed(text) };
    let (kept, rest) = text.split_at(end);
    Cow::Owned(format!("{kept}… ({} more characters)", rest.chars().count()))
}

/// Puts a blank into `](`, `][`, `]:`, `<http:` and `<img`.
fn taken_apart(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', ']']) {
        return Cow::Borrowed(text);
    }
    let mut result = String::new();
    let mut done = 0;
    for (at, character) in text.char_indices() {
        let after = text.get(at + 1..).unwrap_or_default();
        let acts = match character {
            ']' => links(after),
            '<' => leads(after),
            _ => false,
        };
        if acts {
            result.push_str(text.get(done..=at).unwrap_or_default());
            result.push(' ');
            done = at + 1;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    result.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(result)
}

/// True when what follows `]` makes it a link: an address in brackets, or one that is defined elsewhere.
fn links(after: &str) -> bool {
    after.starts_with('(') && !after.starts_with("()")
        || after.strip_prefix(':').is_some_and(|rest| has_scheme(rest.trim_start().trim_start_matches('<')))
        || after.strip_prefix('[').is_some_and(|rest| rest.split(']').next().is_some_and(is_label))
}

/// True for the name of an address, as opposed to the index of a list.
fn is_label(text: &str) -> bool {
    !text.is_empty() && text.len() < 200 && !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// True when what follows `<` makes it an address or an element.
fn leads(after: &str) -> bool {
    if has_scheme(after) {
        return true;
    }
    let name: &str = after.trim_start_matches('/');
    ELEMENTS.iter().any(|element| {
        name.get(..element.len()).is_some_and(|start| start.eq_ignore_ascii_case(element))
            && name
                .get(element.len()..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '>' | '/')))
    })
}

fn has_scheme(text: &str) -> bool {
    ["http:", "https:", "data:", "javascript:", "file:", "//"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_links_and_elements_are_taken_apart() {
        for (text, safe) in [
            ("![x](https://evil.example/?q=1)", "![x] (https://evil.example/?q=1)"),
            ("[click](http://evil.example)", "[click] (http://evil.example)"),
            ("![x][ref]\n[ref]: http://evil.example", "![x] [ref]\n[ref] : http://evil.example"),
            ("<https://evil.example>", "< https://evil.example>"),
            ("<img src=x onerror=y>", "< img src=x onerror=y>"),
            ("<IMG/src=x>", "< IMG/src=x>"),
            ("<a href='x'>", "< a href='x'>"),
            ("[[x](data:text/html,1)](y)", "[[x] (data:text/html,1)] (y)"),
            ("\u{1b}]8;;http://x\u{7}a", "\\x1b]8;;http://x\\x07a"),
            ("\u{202e}](y)", "\\u{202e}] (y)"),
        ] {
            assert_eq!(defuse(text), safe, "{text}");
            assert_eq!(defuse(safe), safe, "a second time changes nothing");
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "a cat (1.2), [b:c:0.5], <lora:detail:0.8>",
            "x[0][1] = y[i]",
            "KSampler [0] -> 1 < 2 and 3 > 2",
            "https://example.com/a",
            "file [output]",
            "f[]()",
            "<b>bold</b>",
        ] {
            assert!(matches!(defuse(text), Cow::Borrowed(_)), "{text}: {}", defuse(text));
        }
    }

    #[test]
    fn values_keys_and_errors_are_covered_and_bounded() {
        let mut value = json!({"a\u{202e}": ["![x](http://y)", {"b": "z".repeat(50_000)}], "n": 1});
        defuse_value(&mut value);
        assert_eq!(value["a\\u{202e}"][0], "![x] (http://y)");
        assert!(value["a\\u{202e}"][1]["b"].as_str().unwrap().ends_with("… (18000 more characters)"));
        let error =
            Error::invalid_input("![x](http://y)\u{1b}[2J").hint("h\u{202e}").detail("d", json!(["\u{7}"]));
        let error = defuse_error(error);
        assert_eq!((error.message(), error.hint_text()), ("![x] (http://y)\\x1b[2J", Some("h\\u{202e}")));
        assert_eq!(error.details()["d"], json!(["\\x07"]));
    }
}
