//! Decodes a name as the layers behind us may: as given, percent-decoded, and with compatibility characters folded.

use unicode_normalization::UnicodeNormalization as _;

use super::rules::InvalidName;

/// The most rounds in which a name is decoded.
const MAX_ROUNDS: usize = 8;

/// A name as one layer may read it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoding {
    pub(super) text: String,
    /// True when NFKC took part: such a reading is only searched for what would be a path.
    pub(super) folded: bool,
}

/// Lists every reading of `raw` until decoding changes nothing more, the given one first.
pub(super) fn decodings(raw: &str) -> Result<Vec<Decoding>, InvalidName> {
    let mut decodings = vec![Decoding { text: raw.to_owned(), folded: false }];
    if raw.is_ascii() && !raw.contains('%') {
        return Ok(decodings);
    }
    let mut current = raw.to_owned();
    for _ in 0..MAX_ROUNDS {
        let decoded = percent_decode(&current)?;
        let folded: String = decoded.nfkc().collect();
        if decoded != current {
            decodings.push(Decoding {
                text: decoded.clone(),
                folded: decodings.last().is_some_and(|decoding| decoding.folded),
            });
        }
        if folded == current {
            return Ok(decodings);
        }
        if folded != decoded {
            decodings.push(Decoding { text: folded.clone(), folded: true });
        }
        current = folded;
    }
    Err(InvalidName("it is encoded too many times"))
}

/// Decodes each `%` that two hexadecimal digits follow; any other `%` is an ordinary character.
fn percent_decode(text: &str) -> Result<String, InvalidName> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape =
            (byte == b'%').then(|| Some((hex(*bytes.get(at + 1)?)?, hex(*bytes.get(at + 2)?)?))).flatten();
        if let Some((high, low)) = escape {
            decoded.push(high * 16 + low);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8(decoded).map_err(|_| InvalidName("its percent escapes are not valid UTF-8"))
}

fn hex(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

/// True for `\u002e`, `\x2e` and others that decode to a character of a path.
pub(super) fn hides_path_in_backslashes(text: &str) -> bool {
    text.match_indices('\\').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let digits = match rest.chars().next() {
            Some('u') => rest.get(1..5),
            Some('x') => rest.get(1..3),
            _ => None,
        };
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        code.is_some_and(|c| c.is_control() || matches!(c, '.' | '/' | '\\' | '%' | ':'))
    })
}
