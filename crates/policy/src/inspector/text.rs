//! A text and the kinds of bytes in it: found in one pass, so that most questions need no other.

use std::ops::Deref;

/// A text and the kinds of bytes in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    text: &'t str,
    kinds: u16,
}

/// Kinds of bytes; a set is their sum.
pub(super) mod kind {
    /// Bytes beyond ASCII.
    pub(crate) const FOREIGN: u16 = 1;
    /// ASCII that steers a terminal: no line breaks, no tabs.
    pub(crate) const CONTROL: u16 = 2;
    /// Line breaks.
    pub(crate) const BREAK: u16 = 4;
    /// Blanks and tabs.
    pub(crate) const BLANK: u16 = 8;
    /// `/`
    pub(crate) const SLASH: u16 = 16;
    /// `\`
    pub(crate) const BACKSLASH: u16 = 32;
    /// `%`
    pub(crate) const PERCENT: u16 = 64;
    /// `'`, `"` and `&`.
    pub(crate) const QUOTE: u16 = 128;
    /// `:`
    pub(crate) const COLON: u16 = 256;
    /// Digits.
    pub(crate) const DIGIT: u16 = 512;
    /// `_`
    pub(crate) const UNDERSCORE: u16 = 1_024;
    /// `<` and `[`.
    pub(crate) const OPENING: u16 = 2_048;
    /// `{`
    pub(crate) const BRACE: u16 = 4_096;
    /// `#`
    pub(crate) const HASH: u16 = 8_192;
    /// `.`
    pub(crate) const DOT: u16 = 16_384;
    /// Capital letters and `(`.
    pub(crate) const CAPITAL: u16 = 32_768;
}

const fn kind_of(byte: u8) -> u16 {
    match byte {
        128.. => kind::FOREIGN,
        b'\n' | b'\r' => kind::BREAK,
        b' ' | b'\t' => kind::BLANK,
        0..32 | 127 => kind::CONTROL,
        b'/' => kind::SLASH,
        b'\\' => kind::BACKSLASH,
        b'%' => kind::PERCENT,
        b'\'' | b'"' | b'&' => kind::QUOTE,
        b':' => kind::COLON,
        b'0'..=b'9' => kind::DIGIT,
        b'_' => kind::UNDERSCORE,
        b'<' | b'[' => kind::OPENING,
        b'{' => kind::BRACE,
        b'#' => kind::HASH,
        b'.' => kind::DOT,
        b'A'..=b'Z' | b'(' => kind::CAPITAL,
        _ => 0,
    }
}

const KINDS: [u16; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "evaluated by the compiler"
        )]
        {
            kinds[byte] = kind_of(byte as u8);
        }
        byte += 1;
    }
    kinds
};

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        // A byte is always within the table.
        let kind = |byte: u8| KINDS.get(usize::from(byte)).copied().unwrap_or(u16::MAX);
        Self { text, kinds: text.bytes().fold(0, |kinds, byte| kinds | kind(byte)) }
    }

    /// Returns the text itself.
    pub(super) fn as_str(self) -> &'t str {
        self.text
    }

    /// True when the text has a byte of one of these kinds.
    pub(super) fn has(self, kinds: u16) -> bool {
        self.kinds & kinds != 0
    }

    /// True when all bytes are ASCII.
    pub(super) fn is_plain(self) -> bool {
        !self.has(kind::FOREIGN)
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_the_kind_that_is_asked_for() {
        let has = |text: &str, kinds: u16| Text::new(text).has(kinds);
        assert!(has("é", kind::FOREIGN) && has("\u{1b}", kind::CONTROL) && has("a\u{7f}", kind::CONTROL));
        assert!(has("a\n", kind::BREAK) && has("\t", kind::BLANK) && !has("\n\t\r ", kind::CONTROL));
        assert!(has("a:b", kind::COLON) && has("7", kind::DIGIT) && has("[", kind::OPENING));
        assert!(!has("plain", u16::MAX) && Text::new("~").is_plain());
    }
}
