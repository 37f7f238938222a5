//! Lays text out for a terminal.

use std::io::IsTerminal as _;

/// Returns the width of the terminal that stdout is; `None` where it is none, so that lines stay whole for other programs.
pub(super) fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Breaks text between words into lines of at most `width` characters; a longer word has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Puts text after `head`, with every further line below its beginning.
pub(super) fn hanging(head: &str, text: &str, width: Option<usize>) -> String {
    let indent = head.chars().count();
    let Some(width) = width else { return format!("{head}{text}") };
    let lines = wrap(text, width.saturating_sub(indent).max(20));
    format!("{head}{}", lines.join(&format!("\n{}", " ".repeat(indent))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_within_the_width_and_hang_below_their_beginning() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible a", 4), ["incomprehensible", "a"]);
        assert_eq!(wrap("", 4), [""]);
        let text = "a b c d e f g h i j k l m n";
        assert_eq!(hanging("  x  ", text, Some(25)), "  x  a b c d e f g h i j\n     k l m n");
        assert_eq!(hanging("  x  ", text, None), format!("  x  {text}"));
    }
}
