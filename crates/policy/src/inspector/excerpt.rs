//! Cuts the part of a text that a finding is about: short, in one line, without secrets and safe to show.

use crate::{redact::redact_text, untrusted};

/// The most characters before the end of what was found.
const BEFORE: usize = 48;
/// The most characters after it.
const AFTER: usize = 24;
/// The most bytes on either side that are searched for secrets, so that none is cut in two near the excerpt.
const WINDOW: usize = 8 << 10;
/// The number of bytes by which the match is found again where redaction has moved it.
const MARKS: [usize; 2] = [16, 5];

/// Returns the text around the match that ends at byte `end`.
pub(super) fn around(text: &str, end: usize) -> String {
    let end = text.floor_char_boundary(end);
    let from = text.floor_char_boundary(end.saturating_sub(WINDOW));
    let to = text.floor_char_boundary(end.saturating_add(WINDOW));
    let window = text.get(from..to).unwrap_or_default();
    let safe = redact_text(window);
    let at = if *safe == *window { Some(end - from) } else { moved(&safe, window, end - from) };
    cut(&safe, at.unwrap_or_default(), from > 0, to < text.len())
}

/// Finds `at` again after redaction: before the unchanged rest, or else behind the last few characters.
fn moved(safe: &str, window: &str, at: usize) -> Option<usize> {
    let (before, after) = window.split_at_checked(at)?;
    let behind = |most: &usize| {
        let mark = before.get(before.floor_char_boundary(before.len().saturating_sub(*most))..)?;
        safe.find(mark).map(|found| found + mark.len())
    };
    safe.strip_suffix(after).map(str::len).or_else(|| MARKS.iter().find_map(behind))
}

/// Returns the beginning of a text.
pub(super) fn start(text: &str) -> String {
    around(text, text.char_indices().nth(BEFORE).map_or(text.len(), |(at, _)| at))
}

fn cut(text: &str, at: usize, mut more_before: bool, mut more_after: bool) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or(("", text));
    let from = before.char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    let to = after.char_indices().nth(AFTER).map_or(after.len(), |(at, _)| at);
    more_before |= from > 0;
    more_after |= to < after.len();
    let shown = text.get(from..at + to).unwrap_or_default();
    // One line; its own quotation marks must not end ours.
    let shown = shown.trim().replace(['\n', '\r', '\t'], " ").replace(['“', '”'], "\"");
    let dots = |more: bool| if more { "…" } else { "" };
    format!("{}{}{}", dots(more_before), untrusted::defuse(&shown), dots(more_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_cut_on_both_sides_and_in_one_line() {
        let text = format!("{}import os;\nos.system('id') {}", "é ".repeat(100), "x".repeat(100));
        let shown = around(&text, text.find("system").unwrap() + 6);
        assert!(shown.starts_with("…é") && shown.ends_with("…"), "{shown}");
        assert!(shown.contains("import os; os.system('id') xxx") && shown.chars().count() <= 75, "{shown}");
        assert_eq!(around("eval(1)", 5), "eval(1)");
        assert_eq!(around("é", 1), "é");
        assert_eq!(around("", 9), "");
    }

    #[test]
    fn secrets_and_characters_that_steer_do_not_get_through() {
        let text = "api_key=sk-0123456789abcdefghij0123; eval(x)\u{202e}\u{1b}[2J”";
        let shown = around(text, text.find("eval(").unwrap() + 5);
        assert!(!shown.contains("0123456789") && shown.contains("eval(x)\\u{202e}\\x1b[2J\""), "{shown}");
        let long = format!("token=\"{}\" os.system('id')", "aB3".repeat(600));
        let shown = around(&long, long.find("system").unwrap() + 6);
        assert!(!shown.contains("aB3") && shown.contains("os.system('id')"), "{shown}");
        assert!(!start("hf_EXAMPLEexampleEXAMPLEexampleEXAMPLEexample").contains("EXAMPLE"));
    }
}
