//! Makes foreign text safe to show: control, escape, direction and invisible characters become visible.

use std::{borrow::Cow, fmt::Write as _};

use unicode_normalization::UnicodeNormalization as _;

/// True for a character that a terminal, a chat or a log viewer would act upon instead of showing it.
pub fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || is_noncharacter(character)
}

/// True for the code points that Unicode reserves for internal use.
pub fn is_noncharacter(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe
}

/// Folds compatibility characters (NFKC) in linear time: long runs of marks are cut apart by a hidden character,
/// as Unicode's stream-safe format says, since ordering them would cost the square of their number.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().stream_safe().nfkc()
}

/// Gives a pattern the word boundaries of ASCII: a letter of another script before a word hides nothing, and the
/// fast engine reads such text too.
pub(crate) fn ascii_boundaries(pattern: &str) -> String {
    pattern.replace(r"\b", r"(?-u:\b)")
}

/// Makes hidden characters visible: `ESC` becomes `\x1b`, a right-to-left override `\u{202e}`.
///
/// Line breaks and tabs stay; a joiner between two letters that are not ASCII stays (emoji, Indic scripts).
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hidden(c) && c != '\n' && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    let mut before = '\0';
    while let Some(character) = characters.next() {
        let joins = matches!(character, '\u{200c}' | '\u{200d}')
            && !before.is_ascii()
            && characters.peek().is_some_and(|next| !next.is_ascii());
        if matches!(character, '\n' | '\t') || joins || !is_hidden(character) {
            shown.push(character);
        } else if character.is_ascii() {
            let _ = write!(shown, "\\x{:02x}", u32::from(character));
        } else {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        }
        before = character;
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        assert_eq!(sanitize("\u{1b}[2Jok\u{202e}x"), "\\x1b[2Jok\\u{202e}x");
        assert_eq!(sanitize("a\r\nb\tc\u{9b}"), "a\\x0d\nb\tc\\u{9b}");
        assert_eq!(sanitize("tag\u{e0041}"), "tag\\u{e0041}");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["plain", "café\n", "\u{1f469}\u{200d}\u{1f3a8} art", "نص"] {
            assert!(matches!(sanitize(text), Cow::Borrowed(_)) || sanitize(text) == text);
        }
    }
}
