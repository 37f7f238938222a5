//! JSON as people and programs write it by hand: with comments, trailing commas, and numbers that JSON does not have.

use std::borrow::Cow;

use serde_json::Value;

use super::{Error, Result, parse};

/// The ways in which a text departs from JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// `// …` or `/* … */` was left out.
    pub has_comments: bool,
    /// A comma before a closing bracket was left out.
    pub has_trailing_commas: bool,
    /// `NaN`, `Infinity` or `-Infinity` was read as null.
    pub has_odd_numbers: bool,
}

impl Dialect {
    /// Describes the departures, one each.
    pub fn describe(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.has_comments, "the text has comments, which were left out"),
            (self.has_trailing_commas, "the text has commas before closing brackets, which were left out"),
            (self.has_odd_numbers, "the text has NaN or Infinity, which were read as null"),
        ];
        all.into_iter().filter_map(|(is_there, what)| is_there.then_some(what))
    }
}

/// Reads JSON text, also with comments, trailing commas, `NaN`, `Infinity`, or in UTF-16 with a byte order mark.
///
/// Duplicate keys, lone surrogates and depth stay errors, as in [`parse`].
pub fn parse_relaxed(text: &[u8]) -> Result<(Value, Dialect)> {
    let text = decoded(text)?;
    let strict = match parse(&text) {
        Ok(value) => return Ok((value, Dialect::default())),
        Err(error) => error,
    };
    let (plain, dialect) = to_plain(&text);
    // The message of the text as it is, unless its dialect is all that was wrong.
    if dialect == Dialect::default() {
        return Err(strict);
    }
    Ok((parse(&plain)?, dialect))
}

fn decoded(text: &[u8]) -> Result<Cow<'_, [u8]>> {
    let to_unit: fn([u8; 2]) -> u16 = match text {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return Ok(Cow::Borrowed(text)),
    };
    if text.len() > 2 * super::MAX_BYTES {
        return Err(Error::new(format!("the text has {} bytes; it is too long for a workflow", text.len())));
    }
    let (pairs, rest) = text.as_chunks::<2>();
    let units = pairs.iter().skip(1).map(|pair| to_unit(*pair));
    let decoded: std::result::Result<String, _> = char::decode_utf16(units).collect();
    match decoded {
        Ok(text) if rest.is_empty() => Ok(Cow::Owned(text.into_bytes())),
        _ => Err(Error::new("the text begins like UTF-16 and is not").hint("save the file as UTF-8")),
    }
}

/// Rewrites a text to plain JSON; lines stay where they are.
fn to_plain(text: &[u8]) -> (Vec<u8>, Dialect) {
    let mut plain = Vec::with_capacity(text.len() + 16);
    let mut dialect = Dialect::default();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let odd =
            [b"NaN".as_slice(), b"Infinity", b"-Infinity"].into_iter().find(|word| rest.starts_with(word));
        rest = match byte {
            b'"' => {
                let (string, after) = rest.split_at(string_length(rest));
                plain.extend_from_slice(string);
                after
            }
            b'/' if matches!(after.first(), Some(b'/' | b'*')) => {
                dialect.has_comments = true;
                let (comment, after) = rest.split_at(comment_length(rest));
                plain.extend(comment.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
                after
            }
            b'}' | b']' => {
                if let Some(comma) = trailing_comma(&plain) {
                    dialect.has_trailing_commas = true;
                    plain.get_mut(comma).into_iter().for_each(|byte| *byte = b' ');
                }
                plain.push(*byte);
                after
            }
            _ => match odd {
                Some(word) if stands_alone(&plain, rest.get(word.len()..)) => {
                    dialect.has_odd_numbers = true;
                    plain.extend_from_slice(b"null");
                    rest.get(word.len()..).unwrap_or_default()
                }
                _ => {
                    plain.push(*byte);
                    after
                }
            },
        };
    }
    (plain, dialect)
}

/// Measures a string literal, its quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Measures a comment; an open one takes the rest of the text.
fn comment_length(text: &[u8]) -> usize {
    let closing: &[u8] = if text.starts_with(b"//") { b"\n" } else { b"*/" };
    let body = text.get(2..).unwrap_or_default();
    let end = body.windows(closing.len()).position(|window| window == closing);
    end.map_or(text.len(), |end| end + 2 + if closing == b"*/" { 2 } else { 0 })
}

/// Finds a comma at the end of the text that follows a value.
fn trailing_comma(plain: &[u8]) -> Option<usize> {
    let comma = plain.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    let before = plain.get(..comma)?.iter().rfind(|byte| !byte.is_ascii_whitespace())?;
    (plain.get(comma) == Some(&b',') && !matches!(before, b',' | b'[' | b'{' | b':')).then_some(comma)
}

fn stands_alone(before: &[u8], after: Option<&[u8]>) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !is_part(before.last()) && !is_part(after.and_then(<[u8]>::first))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Value, Dialect) {
        parse_relaxed(text.as_bytes()).unwrap()
    }

    #[test]
    fn plain_json_is_no_dialect() {
        assert_eq!(
            read("{\"a\": \"// NaN /* , ] */\"}"),
            (json!({"a": "// NaN /* , ] */"}), Dialect::default())
        );
    }

    #[test]
    fn comments_commas_and_odd_numbers_are_read() {
        let (value, dialect) =
            read("// x\n{\"a\": [NaN, -Infinity, 1, /* , */ ], \"b\": \"//\\\"NaN\",\n} // end");
        assert_eq!(value, json!({"a": [null, null, 1], "b": "//\"NaN"}));
        let all = Dialect { has_comments: true, has_trailing_commas: true, has_odd_numbers: true };
        assert_eq!((dialect, dialect.describe().count()), (all, 3));
    }

    #[test]
    fn what_is_no_dialect_stays_an_error_at_its_place() {
        for text in
            ["[,]", "{,}", "[NaNa]", "[xNaN]", "/* open", "[1] /", "{\"a\": 1, \"a\": 2}", "// c\n[1,,]"]
        {
            assert!(parse_relaxed(text.as_bytes()).is_err(), "{text}");
        }
        let error = parse_relaxed(b"// one\n{\"a\": 1,\n \"a\": 2}").unwrap_err();
        assert_eq!(error.details()["line"], 3);
    }

    #[test]
    fn utf_16_is_read_by_its_byte_order_mark() {
        let text: Vec<u8> = "\u{feff}[\"ä\"]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse_relaxed(&text).unwrap().0, json!(["ä"]));
        assert!(parse_relaxed(b"\xff\xfe[").is_err());
    }
}
