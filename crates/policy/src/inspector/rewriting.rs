//! Rewrites text as nodes do: patterns replaced in Python's way, templates filled.

use regex::bytes::{Captures, Regex, RegexBuilder};

/// The most bytes that are searched with a pattern of the workflow.
const MAX_TEXT: usize = 16 << 10;
/// The most bytes of a pattern of the workflow.
const MAX_PATTERN: usize = 1_024;
/// The most memory that a pattern becomes; bounds the time that it takes for each byte of text.
const MAX_PROGRAM: usize = 16 << 10;
/// The most bytes of a name in a template.
const MAX_NAME: usize = 64;

/// One node that replaces what a pattern matches.
pub(super) struct Replacing<'r> {
    pub(super) pattern: &'r str,
    pub(super) replace: &'r str,
    pub(super) ignore_case: bool,
    pub(super) multiline: bool,
    pub(super) dotall: bool,
    /// The number of matches to replace; 0 for all.
    pub(super) count: usize,
}

impl Replacing<'_> {
    /// Returns the cost of a search, in bytes of text that could be read instead.
    pub(super) fn price(text: &str) -> usize {
        if text.len() > MAX_TEXT { 0 } else { 4_096 + 16 * text.len() }
    }

    /// Returns the new text; `None` where only Python can read the pattern or it is too large.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        if text.len() > MAX_TEXT || self.pattern.len().max(self.replace.len()) > MAX_PATTERN {
            return None;
        }
        let pattern = self.compiled()?;
        let count = if self.count == 0 { usize::MAX } else { self.count };
        let (bytes, mut whole, mut end) = (text.as_bytes(), Vec::new(), 0);
        for found in pattern.captures_iter(bytes).take(count) {
            let all = found.get(0)?;
            whole.extend_from_slice(bytes.get(end..all.start())?);
            self.put(&found, &mut whole);
            end = all.end();
            if whole.len() > 4 * MAX_TEXT {
                return None;
            }
        }
        whole.extend_from_slice(bytes.get(end..)?);
        Some(String::from_utf8_lossy(&whole).into_owned())
    }

    /// Compiles without Unicode's classes, which would make every pattern a large one.
    fn compiled(&self) -> Option<Regex> {
        RegexBuilder::new(self.pattern)
            .unicode(false)
            .case_insensitive(self.ignore_case)
            .multi_line(self.multiline)
            .dot_matches_new_line(self.dotall)
            .size_limit(MAX_PROGRAM)
            .build()
            .ok()
    }

    /// Appends the replacement, with what `\1` and `\g<1>` stand for.
    fn put(&self, found: &Captures<'_>, whole: &mut Vec<u8>) {
        let mut parts = self.replace.split('\\');
        whole.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
        let mut escaped = false;
        for part in parts {
            if escaped {
                whole.extend_from_slice(part.as_bytes());
                escaped = false;
                continue;
            }
            let digits = part.bytes().take(2).take_while(u8::is_ascii_digit).count();
            let named = part.strip_prefix("g<").and_then(|part| part.split_once('>'));
            let (name, rest) = match named {
                Some((name, rest)) => (name, rest),
                None => part.split_at_checked(digits).unwrap_or((part, "")),
            };
            match (name, part.chars().next()) {
                ("", None) => {
                    whole.push(b'\\');
                    escaped = true;
                }
                ("", Some('n')) => {
                    whole.push(b'\n');
                    whole.extend_from_slice(part.get(1..).unwrap_or_default().as_bytes());
                }
                ("", Some('t')) => {
                    whole.push(b'\t');
                    whole.extend_from_slice(part.get(1..).unwrap_or_default().as_bytes());
                }
                ("", Some(_)) => {
                    whole.push(b'\\');
                    whole.extend_from_slice(part.as_bytes());
                }
                (name, _) => {
                    let group = name.parse().map_or_else(|_| found.name(name), |number| found.get(number));
                    whole.extend_from_slice(group.map_or(&[][..], |group| group.as_bytes()));
                    whole.extend_from_slice(rest.as_bytes());
                }
            }
        }
    }
}

/// True for the name of an input that holds a text with gaps.
pub(super) fn is_template(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains("template") || lower.contains("format") || lower == "f_string" || lower == "fstring"
}

/// Fills the gaps of a text, `{name}` or `{{ name }}`, with what `piece` gives. `None` when it has none.
pub(super) fn filled<T: AsRef<str>>(
    template: &str,
    mut piece: impl FnMut(&str) -> Option<T>,
) -> Option<String> {
    let mut whole = String::new();
    let mut known = false;
    let mut parts = template.split('{').peekable();
    whole.push_str(parts.next()?);
    while let Some(part) = parts.next() {
        // Of two brackets the second opens the gap.
        if part.is_empty() && parts.peek().is_some() {
            continue;
        }
        let gap = part.split_once('}').filter(|(name, _)| name.len() <= MAX_NAME);
        let filling = gap.and_then(|(name, rest)| {
            let name = name.split([':', '!', '|']).next().unwrap_or_default().trim();
            Some((piece(name)?, rest.strip_prefix('}').unwrap_or(rest)))
        });
        if let Some((text, rest)) = filling {
            known = true;
            whole.push_str(text.as_ref());
            whole.push_str(rest);
        } else {
            whole.push('{');
            whole.push_str(part);
        }
    }
    known.then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, pattern: &str, replace: &str) -> Option<String> {
        let (ignore_case, multiline, dotall) = (true, false, false);
        Replacing { pattern, replace, ignore_case, multiline, dotall, count: 0 }.of(text)
    }

    #[test]
    fn patterns_are_replaced_as_python_does() {
        for (text, pattern, replace, result) in [
            ("aXbxc", "x", "-", "a-b-c"),
            ("2026-11", r"(\d+)-(\d+)", r"\2/\g<1>", "11/2026"),
            ("ab", "(?P<first>a)b", r"\g<first>\n\\1\q", "a\n\\1\\q"),
            ("größe", "ö", "o", "große"),
            ("abc", "", "-", "-a-b-c-"),
            ("a.b", r"\.", r"\\", r"a\b"),
        ] {
            assert_eq!(replaced(text, pattern, replace).as_deref(), Some(result), "{pattern}");
        }
        assert_eq!(replaced("a", "(?=a)", "b"), None);
        assert_eq!(replaced("a", "a{900}{900}", "b"), None);
        assert_eq!(replaced(&"a".repeat(10_000), "a", &"b".repeat(1_000)), None);
    }

    #[test]
    fn gaps_are_filled_with_what_is_known() {
        let pieces = |name: &str| match name {
            "a" => Some("1"),
            "b c" => Some("{a}"),
            _ => None,
        };
        assert_eq!(filled("x{a}{b c}{d}", pieces).as_deref(), Some("x1{a}{d}"));
        assert_eq!(filled("{{ a }}y{a:>3}", pieces).as_deref(), Some("1y1"));
        for text in ["plain", "{d}", "{", "}", "{{", ""] {
            assert_eq!(filled(text, pieces), None, "{text}");
        }
    }
}
