//! Takes the disguises off a text: folded, unescaped, joined, decoded, to a fixed depth.

use std::borrow::Cow;

use comfywarden_pattern::patterns;

use super::{
    encoded::{Runs, hidden_in, in_pairs, texty},
    text::{Text, kind},
};
use crate::display;

/// The most levels of text inside text that are decoded.
const MAX_DEPTH: usize = 3;
/// The most readings of one text; each is at most as long as the text.
const MAX_READINGS: usize = 48;

/// One reading of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading<'t> {
    /// The text in lower case, blanks around dots and opening brackets taken out.
    pub(super) text: Cow<'t, str>,
    /// True when something had to be decoded or put together to get it.
    pub(super) decoded: bool,
}

/// Lists every reading of `text`.
pub(super) fn readings(text: Text<'_>) -> Vec<Reading<'_>> {
    if is_undisguised(text) {
        return vec![Reading { text: tight(text), decoded: false }];
    }
    let mut readings: Vec<Reading<'_>> = Vec::new();
    let mut pending = vec![(text.to_string(), 0)];
    // Each level of decoding shrinks what it decodes, so the sum stays within a few times the text.
    let mut budget = text.len().saturating_mul(8).saturating_add(64 << 10);
    // The shortest first: what is hidden among much noise is read before the noise is used up.
    while let Some(shortest) =
        (0..pending.len()).min_by_key(|at| pending.get(*at).map(|(text, _)| text.len()))
    {
        let (text, depth) = pending.swap_remove(shortest);
        if readings.len() >= MAX_READINGS || text.len() > budget {
            break;
        }
        budget -= text.len();
        let plain = plain(&text);
        let folded = fold_constants(&plain);
        if depth < MAX_DEPTH {
            decode(folded.as_deref().unwrap_or(&plain), &mut |decoded| pending.push((decoded, depth + 1)));
        }
        let changed = folded.is_some();
        for (at, reading) in std::iter::once(plain).chain(folded).enumerate() {
            let text = tighten(&reading.to_lowercase());
            if !readings.iter().any(|known| known.text == text) {
                readings.push(Reading { text: text.into(), decoded: depth > 0 || (changed && at > 0) });
            }
        }
    }
    readings
}

/// True when a text has nothing that could be unescaped, put together or decoded.
fn is_undisguised(text: Text<'_>) -> bool {
    let may_turn = text.has(kind::OPENING) && text.contains("[::-1]") || text.contains("rever");
    let may_spell = text.has(kind::DIGIT) && has_numbers(&text);
    let may_escape = text.has(kind::FOREIGN | kind::BACKSLASH | kind::PERCENT | kind::QUOTE);
    let may_pair = || text.has(kind::DIGIT) && in_pairs(&text).is_some();
    !may_escape && !may_turn && !may_spell && !may_pair() && Runs(&text).all(|run| hidden_in(run).is_empty())
}

/// True for four numbers in a row, which may be character codes, and for one beside a name such as `chr`.
fn has_numbers(text: &str) -> bool {
    let spells = || ["ch", "Ch", "cH", "CH"].iter().any(|start| text.contains(start));
    has_four_numbers(text) || (text.bytes().any(|byte| byte.is_ascii_digit()) && spells())
}

/// The fewest bytes of four numbers and their separators.
const FOUR_NUMBERS: usize = 7;

fn has_four_numbers(text: &str) -> bool {
    // Blanks of other scripts stand between numbers as well.
    let belongs = |byte: u8| matches!(byte, b'0'..=b'9' | b',' | b' ' | b'\t'..=b'\r') || !byte.is_ascii();
    let bytes = text.as_bytes();
    let mut at = FOUR_NUMBERS - 1;
    // Numbers in a row reach over one of every seven places, so only those need a look.
    while let Some(byte) = bytes.get(at) {
        if belongs(*byte) {
            let before = bytes.iter().take(at).rev().take_while(|byte| belongs(**byte)).count();
            let mut numbers = 0;
            let mut last = b' ';
            let row = bytes.iter().skip(at - before).take_while(|byte| belongs(**byte));
            for byte in row {
                numbers += usize::from(byte.is_ascii_digit() && !last.is_ascii_digit());
                last = *byte;
                at += 1;
            }
            if numbers > 3 {
                return true;
            }
            at -= before;
        }
        at += FOUR_NUMBERS;
    }
    false
}

/// Folds compatibility characters, drops invisible ones, and reads `\x41`, `\u0041` and `\101` as letters.
fn plain(text: &str) -> String {
    let visible: String = if text.is_ascii() {
        text.to_owned()
    } else {
        display::folded(text).filter(|c| !display::is_hidden(*c) || matches!(c, '\n' | '\r' | '\t')).collect()
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

/// Reads the escape at the start of `text`: its character and its length.
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

patterns! {
    static JOIN: Pattern = r#"'\s*\+?\s*'|"\s*\+?\s*""#;
    static CHR: Pattern = r"(?i)(?-u:\b)(?:chr|char|fromcharcode|unichr)\(\s*(\d{1,3}|0x[0-9a-f]{2})\s*\)\s*[+.]?\s*";
    static NUMBERS: Pattern = r"(?:(?-u:\b)\d{1,3}(?:\s*,\s*|\s+)){3,}\d{1,3}(?-u:\b)";
    static COMMENT: Pattern = r"(<!--)?#[^\n]*\n";
    static ENTITY: Pattern = r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));?";
}

/// True when every disguise can be undone; text that may hide something counts as code otherwise.
pub(super) fn can_undo() -> bool {
    [&JOIN, &CHR, &NUMBERS, &COMMENT, &ENTITY].iter().all(|pattern| pattern.compiles())
}

/// Puts `'ex' + 'ec'` and `chr(101)` together; `None` when there is nothing to put together.
fn fold_constants(text: &str) -> Option<String> {
    let lower_or_upper =
        |letters: &[u8; 2]| text.as_bytes().windows(2).any(|pair| pair.eq_ignore_ascii_case(letters));
    if !text.contains(['\'', '"']) && !lower_or_upper(b"ch") {
        return None;
    }
    let chr = CHR.get()?;
    let spelled = chr.replace_all(text, |found: &regex::Captures<'_>| {
        let number = found.get(1).map_or("", |number| number.as_str());
        let code = match number.strip_prefix("0x") {
            Some(hex) => u8::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        code.map_or_else(String::new, |code| char::from(code).to_string())
    });
    let joined = JOIN.get()?.replace_all(&spelled, "");
    (joined != text).then(|| joined.into_owned())
}

/// Tightens a text; ASCII in one pass.
fn tight(text: Text<'_>) -> Cow<'_, str> {
    if text.has(kind::HASH | kind::FOREIGN) {
        return tighten(&text.to_lowercase()).into();
    }
    if !text.has(kind::CAPITAL | kind::DOT | kind::OPENING) || is_tight(text.as_bytes()) {
        return text.as_str().into();
    }
    let mut tight: Vec<u8> = Vec::with_capacity(text.len());
    let mut after_opening = false;
    for byte in text.bytes() {
        if is_blank(byte) {
            if !after_opening {
                tight.push(byte);
            }
            continue;
        }
        after_opening = is_opening(byte);
        if after_opening {
            while tight.pop_if(|last| is_blank(*last)).is_some() {}
        }
        tight.push(byte.to_ascii_lowercase());
    }
    String::from_utf8(tight).unwrap_or_default().into()
}

/// True for text in lower case without blanks around openings. Without a branch for each byte: most text is like this.
fn is_tight(text: &[u8]) -> bool {
    let (mut loose, mut blank, mut opening) = (0_u8, 0, 0);
    for byte in text {
        let (is_blank, is_opening) = (u8::from(is_blank(*byte)), u8::from(is_opening(*byte)));
        loose |= u8::from(byte.is_ascii_uppercase()) | (blank & is_opening) | (opening & is_blank);
        (blank, opening) = (is_blank, is_opening);
    }
    loose == 0
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn is_opening(byte: u8) -> bool {
    matches!(byte, b'.' | b'(' | b'[')
}

/// Drops comments and blanks around dots and opening brackets: `os . system (` and `eval #` + line break + `(`.
fn tighten(text: &str) -> String {
    let text = match COMMENT.get().filter(|_| text.contains('#')) {
        // What begins with a mark of markup is an instruction to a server.
        Some(comment) => comment.replace_all(text, |found: &regex::Captures<'_>| {
            let whole = found.get(1).and(found.get(0));
            whole.map_or(" ", |whole| whole.as_str()).to_owned()
        }),
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
        let decoded = crate::redact::percent_decoded(text);
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
        if text.contains("\\\n") {
            // A continued line: one word within a text, two words outside.
            found(text.replace("\\\n", ""));
            found(text.replace("\\\n", " "));
        }
    }
    if let Some(again) = in_pairs(text) {
        found(again);
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
    let hidden: Vec<String> = Runs(text).flat_map(hidden_in).collect();
    if !hidden.is_empty() {
        // All in one, a line each: no number of runs can hide another.
        found(hidden.join("\n"));
    }
    if !has_numbers(text) {
        return;
    }
    for numbers in NUMBERS.get().into_iter().flat_map(|numbers| numbers.find_iter(text)) {
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

/// Reads escapes such as `\xef\xbd\x85` as bytes of UTF-8 instead of letters.
fn bytes_as_text(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    String::from_utf8(bytes?).ok()
}

/// Reads `&#101;` and `&#x65;` as letters.
fn entities(text: &str) -> String {
    let Some(entity) = ENTITY.get() else { return text.to_owned() };
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
