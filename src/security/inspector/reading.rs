//! What a text says once its disguises are off: folded, unescaped, joined, decoded, to a fixed depth.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use crate::security::display;

/// How often text inside text is decoded.
const MOST_DEPTH: usize = 3;
/// The most readings of one text; each is at most as long as the text.
const MOST_READINGS: usize = 48;
/// The shortest run that is tried as base64 or hex: `eval(1)` has 12 characters in base64.
const SHORTEST_RUN: usize = 12;

/// One reading of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// In lower case, blanks around dots and opening brackets taken out.
    pub(super) text: String,
    /// True when something had to be decoded or put together to get it.
    pub(super) decoded: bool,
}

/// Every reading of `text`.
pub(super) fn readings(text: &str) -> Vec<Reading> {
    if is_undisguised(text) {
        return vec![Reading { text: tighten(&text.to_ascii_lowercase()), decoded: false }];
    }
    let mut readings: Vec<Reading> = Vec::new();
    let mut pending = vec![(text.to_owned(), 0)];
    // Each level of decoding shrinks what it decodes, so the sum stays within a few times the text.
    let mut budget = text.len().saturating_mul(8).saturating_add(64 << 10);
    while let Some((text, depth)) = pending.pop() {
        if readings.len() >= MOST_READINGS || text.len() > budget {
            break;
        }
        budget -= text.len();
        let plain = plain(&text);
        let folded = fold_constants(&plain);
        if depth < MOST_DEPTH {
            decode(folded.as_deref().unwrap_or(&plain), &mut |decoded| pending.push((decoded, depth + 1)));
        }
        let changed = folded.is_some();
        for (at, reading) in std::iter::once(plain).chain(folded).enumerate() {
            let text = tighten(&reading.to_lowercase());
            if !readings.iter().any(|known| known.text == text) {
                readings.push(Reading { text, decoded: depth > 0 || (changed && at > 0) });
            }
        }
    }
    readings
}

/// True when a text has nothing that could be unescaped, put together or decoded.
fn is_undisguised(text: &str) -> bool {
    let mut run = 0;
    for byte in text.bytes() {
        if !byte.is_ascii() || matches!(byte, b'\\' | b'%' | b'\'' | b'"' | b'&') {
            return false;
        }
        run = if is_base64(char::from(byte)) { run + 1 } else { 0 };
        if run >= SHORTEST_RUN {
            return false;
        }
    }
    !(text.contains("[::-1]") || text.contains("rever") || has_numbers(text))
}

/// Four numbers in a row may be character codes; a single one may be the argument of `chr`.
fn has_numbers(text: &str) -> bool {
    let mut in_a_row = 0;
    let mut any = false;
    let mut spells = false;
    let mut before = b' ';
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if !before.is_ascii_digit() => {
                any = true;
                in_a_row += 1;
            }
            b'0'..=b'9' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {}
            _ if byte.is_ascii() => {
                spells |= matches!((before, byte), (b'c' | b'C', b'h' | b'H'));
                in_a_row = 0;
            }
            // Blanks of other scripts stand between numbers as well.
            _ => {}
        }
        if in_a_row > 3 {
            return true;
        }
        before = byte;
    }
    any && spells
}

/// Compatibility characters folded, invisible ones gone, `\x41`, `\u0041` and `\101` as letters.
fn plain(text: &str) -> String {
    let visible: String = if text.is_ascii() {
        text.to_owned()
    } else {
        text.nfkc().filter(|c| !display::is_hidden(*c) || matches!(c, '\n' | '\r' | '\t')).collect()
    };
    if visible.contains('\\') { unescape(&visible) } else { visible }
}

fn unescape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, after) = rest.split_at(at);
        result.push_str(before);
        let (character, length) = escape(after).unwrap_or(('\\', 1));
        result.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    result.push_str(rest);
    result
}

/// The character an escape at the start of `text` stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    let coded = |digits: &str, radix: u32| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
    match text.as_bytes().get(1)? {
        b'x' => Some((coded(text.get(2..4)?, 16)?, 4)),
        b'u' => Some((coded(text.get(2..6)?, 16)?, 6)),
        b'U' => Some((coded(text.get(2..10)?, 16)?, 10)),
        b'n' => Some(('\n', 2)),
        b't' => Some(('\t', 2)),
        b'0'..=b'7' => {
            let digits = text.get(1..)?.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            (digits > 1).then(|| coded(text.get(1..=digits)?, 8).map(|c| (c, digits + 1))).flatten()
        }
        _ => None,
    }
}

static JOIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"'\s*\+?\s*'|"\s*\+?\s*""#).ok());
static CHR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:chr|char|fromcharcode|unichr)\(\s*(\d{1,3}|0x[0-9a-f]{2})\s*\)\s*[+.]?\s*").ok()
});
static NUMBERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:\b\d{1,3}(?:\s*,\s*|\s+)){3,}\d{1,3}\b").ok());
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"#[^\n]*\n").ok());

/// `'ex' + 'ec'` and `chr(101)` put together; `None` when there is nothing to put together.
fn fold_constants(text: &str) -> Option<String> {
    let lower_or_upper =
        |letters: &[u8; 2]| text.as_bytes().windows(2).any(|pair| pair.eq_ignore_ascii_case(letters));
    if !text.contains(['\'', '"']) && !lower_or_upper(b"ch") {
        return None;
    }
    let chr = CHR.as_ref()?;
    let spelled = chr.replace_all(text, |found: &regex::Captures<'_>| {
        let number = found.get(1).map_or("", |number| number.as_str());
        let code = match number.strip_prefix("0x") {
            Some(hex) => u8::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        code.map_or_else(String::new, |code| char::from(code).to_string())
    });
    let joined = JOIN.as_ref()?.replace_all(&spelled, "");
    (joined != text).then(|| joined.into_owned())
}

/// Comments out, blanks around dots and opening brackets out: `os . system (` and `eval #` + line break + `(`.
fn tighten(text: &str) -> String {
    let text = match COMMENT.as_ref().filter(|_| text.contains('#')) {
        Some(comment) => comment.replace_all(text, " "),
        None => text.into(),
    };
    let mut tight = String::with_capacity(text.len());
    let mut after_opening = false;
    for character in text.chars() {
        if character.is_whitespace() {
            if !after_opening {
                tight.push(character);
            }
            continue;
        }
        after_opening = matches!(character, '.' | '(' | '[');
        if after_opening {
            tight.truncate(tight.trim_end().len());
        }
        tight.push(character);
    }
    tight
}

/// Hands every decoding of `text` or of a part of it to `found`.
fn decode(text: &str, found: &mut impl FnMut(String)) {
    if text.contains('%') {
        let decoded = crate::security::redact::percent_decoded(text);
        if decoded != text {
            found(decoded);
        }
    }
    if text.contains('\\') {
        // One layer of escapes is off already; there may be another below.
        let again = unescape(text);
        if again != text {
            found(again);
        }
    }
    if let Some(again) = bytes_as_text(text) {
        found(again);
    }
    if text.contains("&#") {
        found(entities(text));
    }
    if text.contains("[::-1]") || text.contains("reversed(") || text.contains(".reverse(") {
        found(text.chars().rev().collect());
    }
    for run in text.split(|c: char| !is_base64(c)).filter(|run| run.len() >= SHORTEST_RUN) {
        let is_hex = run.len().is_multiple_of(2) && run.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(decoded) = is_hex.then(|| from_hex(run)).flatten() {
            found(decoded);
        }
        found_base64(run, found);
    }
    if !has_numbers(text) {
        return;
    }
    for numbers in NUMBERS.iter().flat_map(|numbers| numbers.find_iter(text)) {
        let bytes: Vec<u8> = numbers
            .as_str()
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        if let Some(decoded) = texty(bytes) {
            found(decoded);
        }
    }
}

/// What escapes such as `\xef\xbd\x85` spell when they are bytes of UTF-8 and not letters.
fn bytes_as_text(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    String::from_utf8(bytes?).ok()
}

static ENTITY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));?").ok());

/// `&#101;` and `&#x65;` as letters.
fn entities(text: &str) -> String {
    let Some(entity) = ENTITY.as_ref() else { return text.to_owned() };
    let replaced = entity.replace_all(text, |found: &regex::Captures<'_>| {
        let code = match (found.get(1), found.get(2)) {
            (Some(hex), _) => u32::from_str_radix(hex.as_str(), 16).ok(),
            (None, Some(decimal)) => decimal.as_str().parse().ok(),
            (None, None) => None,
        };
        code.and_then(char::from_u32).map_or_else(String::new, String::from)
    });
    replaced.into_owned()
}

fn is_base64(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '-' | '_' | '=')
}

/// Both alphabets, with and without padding.
fn found_base64(run: &str, found: &mut impl FnMut(String)) {
    const ANY: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, ANY);
    let run: String = run
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    if let Some(decoded) = STANDARD.decode(run).ok().and_then(texty) {
        found(decoded);
    }
}

fn from_hex(run: &str) -> Option<String> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let bytes = run.as_bytes().chunks_exact(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    texty(bytes.collect::<Option<Vec<u8>>>()?)
}

/// The bytes as text, if they are text; a random string decodes to noise.
fn texty(bytes: Vec<u8>) -> Option<String> {
    let bytes = inflated(&bytes).unwrap_or(bytes);
    if matches!(bytes.as_slice(), [0x80, 2..=5, .., b'.']) {
        // A binary pickle has no text to match; being one is enough.
        return Some("pickle.loads(b'')".into());
    }
    let text = if bytes.len() >= 6 && bytes.iter().skip(1).step_by(2).all(|b| *b == 0) {
        // PowerShell's encoded commands are UTF-16.
        bytes.iter().step_by(2).map(|b| char::from(*b)).collect()
    } else {
        String::from_utf8(bytes).ok()?
    };
    let odd = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    (text.len() >= 3 && odd * 10 <= text.len()).then_some(text)
}

/// What gzip or zlib data holds, up to a size that code for a node does not reach.
fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    const MOST: u64 = 64 << 10;
    let mut plain = Vec::new();
    match bytes {
        [0x1f, 0x8b, 8, ..] => flate2::read::GzDecoder::new(bytes).take(MOST).read_to_end(&mut plain).ok()?,
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            flate2::read::ZlibDecoder::new(bytes).take(MOST).read_to_end(&mut plain).ok()?
        }
        _ => return None,
    };
    Some(plain)
}
