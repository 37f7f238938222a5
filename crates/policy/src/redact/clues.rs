//! Clues without which a search for one kind of secret cannot find anything in a text.
//!
//! Most texts of a result or a record are names and ids of one word; for them one look replaces seven searches.

use super::secret_patterns::may_hold_token;

/// The fewest bytes of a chat bot's token: three parts of 24, 6 and 27 characters.
const SHORTEST_BOT: usize = 59;

/// The kinds of secret that a text has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clues {
    /// A prefixed token, a key block.
    pub(super) token: bool,
    /// A token of a chat bot.
    pub(super) bot: bool,
    /// An address.
    pub(super) url: bool,
    /// A name and a value with a sign between, or a header.
    pub(super) pair: bool,
    /// A name in quotes, and its value.
    pub(super) named: bool,
    /// A scheme and a credential.
    pub(super) scheme: bool,
    /// A name in a sentence or in an element.
    pub(super) spoken: bool,
    /// An option of a command line.
    pub(super) option: bool,
}

impl Clues {
    /// Looks through `text` once.
    pub(super) fn of(text: &str) -> Self {
        let (mut blank, mut sign, mut colon, mut closes, mut dash) = (false, false, false, false, false);
        let (mut dots, mut quote) = (0, false);
        for byte in text.bytes() {
            match byte {
                b':' => (colon, sign) = (true, true),
                b'=' => sign = true,
                b'>' => closes = true,
                b'-' => dash = true,
                b'.' => dots += 1,
                b'"' | b'\'' => quote = true,
                // Some blanks are beyond ASCII.
                _ => blank |= byte.is_ascii_whitespace() || byte == 0x0b || !byte.is_ascii(),
            }
        }
        Self {
            token: may_hold_token(text),
            bot: (colon && text.contains(":AA")) || (dots > 1 && text.len() >= SHORTEST_BOT),
            url: colon && text.contains("://"),
            pair: sign,
            named: quote && (sign || text.contains('(')),
            scheme: blank,
            spoken: blank || closes,
            option: blank && dash,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redact::secret_patterns::{BOT, COOKIES, NAMED, OPTION, PAIR, SCHEME, SPOKEN, TOKEN, URL};

    /// Pieces that secrets are made of, so that random texts come close to real ones.
    const PIECES: &str = "(password|token|Bearer|cookie|set-cookie|--api-key|hf_|sk-|eyJ|12345678:AA|[MN][A-Za-z0-9]{24}|[(]'|key=|value=|://|https|is|was|[=:>< \
        \t\u{b}\u{a0}\u{2003}\",'%;&/.-]|[A-Za-z0-9]{1,12}|-----BEGIN PRIVATE KEY-----|\u{200b}|é){0,12}";

    proptest! {
        #[test]
        fn nothing_is_found_without_its_clue(text in PIECES) {
            let clues = Clues::of(&text);
            for (pattern, clue, name) in [
                (&TOKEN, clues.token, "token"),
                (&BOT, clues.bot, "bot"),
                (&URL, clues.url, "url"),
                (&NAMED, clues.named, "named"),
                (&COOKIES, clues.pair, "cookies"),
                (&SCHEME, clues.scheme, "scheme"),
                (&PAIR, clues.pair, "pair"),
                (&SPOKEN, clues.spoken, "spoken"),
                (&OPTION, clues.option, "option"),
            ] {
                let found = pattern.is_match(&text);
                prop_assert!(clue || !found, "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn an_id_and_a_name_have_room_for_a_token_at_most() {
        let none = Clues {
            token: false,
            bot: false,
            url: false,
            pair: false,
            named: false,
            scheme: false,
            spoken: false,
            option: false,
        };
        assert_eq!(Clues::of("completed"), none);
        assert_eq!(Clues::of("550e8400-e29b-41d4-a716-446655440000"), Clues { token: true, ..none });
    }
}
