//! Rules for one component of a path.

use unicode_normalization::{
    UnicodeNormalization as _,
    char::{compose, is_combining_mark},
};

use super::decodings::{Decoding, decodings, hides_path_in_backslashes};
use crate::display;

/// The reason why a name is refused; reads after “not accepted:”.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidName(pub(crate) &'static str);

/// The most bytes of one component; what ext4, APFS and NTFS store.
pub(super) const MAX_COMPONENT_BYTES: usize = 255;
/// The most bytes of a relative path.
pub(super) const MAX_PATH_BYTES: usize = 1_024;
/// The most levels of a relative path.
const MAX_LEVELS: usize = 32;
/// The most combining marks in a row; more are not a script but an attack on the renderer.
const MAX_MARKS: usize = 6;

/// The kind of a component, which decides the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file or folder name on disk.
    Name,
    /// One segment of a URL path, percent-encoded before it is used.
    Segment,
}

/// Checks one component in every reading of it.
pub(super) fn check_component(raw: &str, kind: Kind) -> Result<(), InvalidName> {
    if raw.len() > MAX_COMPONENT_BYTES {
        return Err(InvalidName("it is longer than 255 bytes"));
    }
    check_text(raw)?;
    for decoding in decodings(raw)? {
        check_decoding(&decoding, kind)?;
    }
    Ok(())
}

/// Checks a relative path of folders, and returns its components. `\` counts as `/`.
pub(crate) fn check_relative(raw: &str) -> Result<Vec<&str>, InvalidName> {
    if raw.len() > MAX_PATH_BYTES {
        return Err(InvalidName("it is longer than 1024 bytes"));
    }
    if raw.starts_with(['/', '\\']) {
        return Err(InvalidName("it is an absolute path; give one relative to ComfyUI's folder"));
    }
    if hides_path_in_backslashes(raw) {
        return Err(InvalidName("it hides characters in backslash escapes"));
    }
    let trimmed = raw.strip_suffix(['/', '\\']).unwrap_or(raw);
    let parts: Vec<&str> = trimmed.split(['/', '\\']).collect();
    if parts.len() > MAX_LEVELS {
        return Err(InvalidName("it has more than 32 levels"));
    }
    if trimmed.is_empty() || (parts.len() > 1 && parts.iter().any(|part| part.is_empty())) {
        return Err(InvalidName("it has two slashes in a row, with no name between them"));
    }
    for part in &parts {
        check_component(part, Kind::Name)?;
    }
    Ok(parts)
}

/// Checks one decoding of a component.
fn check_decoding(decoding: &Decoding, kind: Kind) -> Result<(), InvalidName> {
    let text = decoding.text.as_str();
    if text.trim().is_empty() {
        return Err(InvalidName("it is empty"));
    }
    if text.contains(['/', '\\']) {
        return Err(InvalidName("it has a path separator, plain or encoded"));
    }
    if text.chars().all(|c| c == '.' || c.is_whitespace()) {
        return Err(InvalidName("it climbs with a part of dots; give a path inside of the folder"));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidName("it has control characters"));
    }
    if kind == Kind::Name {
        check_decoded_name(text)?;
    }
    if decoding.folded {
        return Ok(());
    }
    check_hidden(text)?;
    if text.trim() != text {
        return Err(InvalidName("it begins or ends with a blank"));
    }
    match kind {
        Kind::Segment if text.contains(['?', '#', ';', '@']) => {
            Err(InvalidName("it has a character that structures URLs (`?`, `#`, `;`, `@`)"))
        }
        Kind::Name if text.contains(['<', '>', ':', '"', '|', '?', '*']) => {
            Err(InvalidName("it has a character that Windows refuses (`<>:\"|?*`)"))
        }
        Kind::Name if text.ends_with('.') => Err(InvalidName("it ends with a dot, which Windows strips")),
        Kind::Name => check_literal_name(text),
        Kind::Segment => Ok(()),
    }
}

/// Checks the rules for names on disk that hold for folded decodings too.
fn check_decoded_name(text: &str) -> Result<(), InvalidName> {
    if text.starts_with('.') {
        return Err(InvalidName("it begins with a dot, so it would be hidden"));
    }
    let stem = text.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    if is_device(&stem) {
        return Err(InvalidName("it is a device name on Windows"));
    }
    Ok(())
}

fn is_device(stem: &str) -> bool {
    if matches!(stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let Some(number) = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")) else { return false };
    let mut digits = number.chars();
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// Refuses invisible and direction-changing characters; joiners may join letters that need them.
fn check_hidden(text: &str) -> Result<(), InvalidName> {
    let refused = InvalidName("it has invisible or direction-changing characters");
    let mut before = 'a';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let joins = matches!(character, '\u{200c}' | '\u{200d}')
            && !before.is_ascii()
            && characters.peek().is_some_and(|next| !next.is_ascii());
        if display::is_hidden(character) && !joins {
            return Err(refused);
        }
        let private = matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
        if private {
            return Err(InvalidName("it has characters without a meaning (private use)"));
        }
        before = character;
    }
    Ok(())
}

/// Checks the text as given, not what it decodes to.
fn check_text(raw: &str) -> Result<(), InvalidName> {
    if raw.is_ascii() {
        return Ok(());
    }
    let mut marks = 0;
    for character in raw.chars() {
        marks = if is_combining_mark(character) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Err(InvalidName("it piles up combining marks"));
        }
    }
    if has_composed(raw) && has_uncomposed(raw) {
        return Err(InvalidName(
            "it mixes composed and decomposed characters, so two names would look the same",
        ));
    }
    Ok(())
}

/// True where a character stands for a base and its marks that could be written apart, as keyboards write it.
fn has_composed(raw: &str) -> bool {
    raw.chars().any(|character| {
        let apart = std::iter::once(character).nfd().count() > 1;
        apart && std::iter::once(character).nfc().eq(std::iter::once(character))
    })
}

/// True where a base and a mark stand apart that have a character of their own. Marks in another order than the
/// canonical one, and characters that are always written apart, are no such pair.
fn has_uncomposed(raw: &str) -> bool {
    let mut before = None;
    raw.chars().any(|character| {
        let pair = before.is_some_and(|before| compose(before, character).is_some());
        before = Some(character);
        pair && is_combining_mark(character)
    })
}

/// Refuses what a shell, `expanduser` or an option parser downstream would act upon.
fn check_literal_name(raw: &str) -> Result<(), InvalidName> {
    if raw.starts_with('-') {
        return Err(InvalidName("it begins with `-`, which programs read as an option"));
    }
    if raw.starts_with('~') {
        return Err(InvalidName("it begins with `~`, which programs read as a home folder"));
    }
    if raw.contains('`') || raw.contains("$(") || raw.contains("${") {
        return Err(InvalidName("it has shell substitution characters"));
    }
    let expands = raw.match_indices('$').any(|(at, _)| {
        raw.get(at + 1..)
            .and_then(|rest| rest.chars().next())
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
    });
    if expands || names_windows_variable(raw) {
        return Err(InvalidName("it has an environment variable"));
    }
    Ok(())
}

/// Variables that every Windows has. Other names in small letters may stand between two percent signs by chance.
const WINDOWS_VARIABLES: [&str; 16] = [
    "systemroot",
    "systemdrive",
    "windir",
    "temp",
    "tmp",
    "path",
    "comspec",
    "username",
    "userprofile",
    "homepath",
    "homedrive",
    "appdata",
    "localappdata",
    "programdata",
    "programfiles",
    "public",
];

/// True for `%TEMP%` and the like. A sign that two hexadecimal digits follow is an escape and ends no name.
fn names_windows_variable(raw: &str) -> bool {
    let escapes = |rest: &str| rest.get(..2).is_some_and(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
    let signs: Vec<usize> = raw
        .match_indices('%')
        .filter(|(at, _)| !escapes(raw.get(at + 1..).unwrap_or_default()))
        .map(|(at, _)| at)
        .collect();
    signs.windows(2).any(|pair| {
        let [start, end] = pair else { return false };
        let name = raw.get(start + 1..*end).unwrap_or_default();
        let capitals = name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        capitals || WINDOWS_VARIABLES.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}
