//! Finds class names that look like another name.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{classes::is_core, word_list};
use crate::display;

/// The most bytes of a real class name.
const MAX: usize = 200;

/// Cyrillic, Greek and other letters that look like the Latin ones beside them.
static LOOKALIKES: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pair = |line: &str| {
        let mut letters = line.chars().filter(|letter| *letter != ' ');
        Some((letters.next()?, letters.next()?))
    };
    word_list::entries(include_str!("lists/lookalikes.txt")).filter_map(pair).collect()
});

fn latin(character: char) -> Option<char> {
    LOOKALIKES.get(&character).copied()
}

/// Spells a name as the eye reads it: folded, without hidden characters, in lower case, look-alikes as Latin letters.
pub(super) fn skeleton(name: &str) -> String {
    display::folded(name)
        .filter(|c| !display::is_hidden(*c) && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .map(|c| latin(c).unwrap_or(c))
        .collect()
}

/// True for a name with hidden characters, folded letters, or letters of another script among Latin ones.
pub(crate) fn is_disguised(name: &str) -> bool {
    // Authors of packs leave a blank at the end; one behind the name of a core class pretends to be that class.
    let name = match name.strip_suffix(' ') {
        Some(trimmed) if is_core(trimmed) && !is_core(name) => return true,
        Some(trimmed) => trimmed,
        None => name,
    };
    if name.len() > MAX || name.trim() != name {
        return true;
    }
    if name.is_ascii() {
        return name.bytes().any(|b| b.is_ascii_control());
    }
    name.chars().any(|c| !c.is_ascii() && c.is_whitespace())
        || has_loose_marks(name)
        || hides_characters(name)
        || name.chars().any(is_folded_letter)
        || mixes_scripts(name)
        || spells_core_class(name)
}

/// True for a core class with marks on its letters: `KSámpler`.
fn spells_core_class(name: &str) -> bool {
    let bare: String = name.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    bare != name && is_core(&bare)
}

/// True for hidden characters; joiners are allowed where emoji and Indic scripts need them.
fn hides_characters(name: &str) -> bool {
    let mut before = 'a';
    name.chars().any(|character| {
        let joins = matches!(character, '\u{200c}' | '\u{200d}') && !before.is_ascii();
        before = character;
        (display::is_hidden(character) && !joins) || character.is_control()
    })
}

/// True for a mark on a Latin letter that has no composed form: strikes and dots that the eye passes over.
fn has_loose_marks(name: &str) -> bool {
    let composed: Vec<char> = name.nfc().collect();
    composed.windows(2).any(
        |pair| matches!(pair, [letter, mark] if letter.is_ascii_alphanumeric() && is_combining_mark(*mark)),
    )
}

/// True for full-width, mathematical and enclosed letters that fold to ASCII.
fn is_folded_letter(character: char) -> bool {
    matches!(character, '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2460}'..='\u{24ff}' | '\u{2100}'..='\u{214f}')
        && std::iter::once(character).nfkc().any(|c| c.is_ascii_alphanumeric())
}

/// True for Latin letters and look-alikes in one word, or nothing but look-alikes in the whole name.
fn mixes_scripts(name: &str) -> bool {
    let (mut foreign, mut alike, mut longest) = (0, 0, 0);
    for word in name.split(|c: char| !c.is_alphanumeric()) {
        let mut ascii = false;
        let mut letters = 0;
        for character in word.chars().filter(|c| c.is_alphabetic()) {
            let lower = character.to_lowercase().next().unwrap_or(character);
            ascii |= character.is_ascii();
            if is_alphabet_with_lookalikes(character) {
                letters += 1;
                alike += usize::from(latin(lower).is_some());
            } else if latin(lower).is_some() {
                return true;
            }
        }
        if ascii && letters > 0 {
            return true;
        }
        foreign += letters;
        longest = letters.max(longest);
    }
    // One letter that no Latin one looks like, and the eye reads the name as what it is.
    foreign == alike && longest > 3
}

fn is_alphabet_with_lookalikes(character: char) -> bool {
    matches!(character, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{531}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_seen_and_read() {
        for name in [
            "\u{422}erminal",
            "Ter\u{200b}minal",
            "\u{ff34}erminal",
            "Save\nTerminal",
            "KSampler ",
            "Terminal\u{a0}",
            "T\u{335}erminal",
            "Save\u{202e}egamI",
            "\u{1d413}erminal",
            "Load\u{1c3}mage",
            "K\u{15a}ampler",
            "\u{422}\u{415}\u{425}\u{422} 2",
        ] {
            assert!(is_disguised(name), "{name:?}");
        }
        assert_eq!(skeleton("\u{422}erm\u{200b}inal"), skeleton("Terminal"));
    }

    #[test]
    fn names_in_other_scripts_and_with_emoji_are_no_disguise() {
        for name in [
            "\u{56fe}\u{50cf}\u{7f29}\u{653e}",
            "\u{1f50d} CLIPTextEncodeWithBreak",
            "KSampler (Efficient)",
            "Загрузчик",
            "Генератор шума",
            "Sélecteur",
            "Größe",
        ] {
            assert!(!is_disguised(name), "{name}");
        }
    }
}
