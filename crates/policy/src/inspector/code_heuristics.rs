//! Finds code by its form: calls, subscripts and literals that no formula has, whatever the names in it are.
//!
//! For inputs that hold a program's text by their name. One pass over the bytes; what is looked at again is at most
//! the name before a bracket.

mod known;
#[cfg(test)]
mod tests;

use known::{FRAMES, FUNCTIONS, MAKERS, NUMERIC, RISKY, WITHIN, is_harmless};

use super::text::{Text, kind};

/// Returns where text ends that has the form of code. Names do not count; a few that only compute are let through.
pub(super) fn end_of_code(text: Text<'_>) -> Option<usize> {
    let may_call =
        text.has(kind::CAPITAL) && (text.has(kind::DOT | kind::OPENING | kind::QUOTE) || chains(&text));
    let may_reach = text.has(kind::DOT | kind::QUOTE);
    if !may_call && !may_reach {
        return None;
    }
    Scan::default().finds(text.as_bytes()).map(|at| at + 1)
}

/// True when a call may be called, or one of the makers may be.
fn chains(text: &str) -> bool {
    text.contains(")(") || text.contains("()") || text.contains("new ")
}

/// A bracket that was opened.
#[derive(Clone, Copy, Default)]
struct Opening {
    /// The bracket of a call whose result is no number, or a subscript.
    telling: bool,
    /// It holds what no sum has.
    odd: bool,
}

/// The state of a pass over a text.
#[derive(Default)]
struct Scan {
    open: Vec<Opening>,
    /// The bracket that was closed last, and the place after it.
    closed: (Opening, usize),
    /// The quote of the text literal that it is in.
    quote: Option<u8>,
    /// The place after the literal that ended last.
    literal: usize,
}

impl Scan {
    fn finds(&mut self, text: &[u8]) -> Option<usize> {
        text.iter().enumerate().position(|(at, byte)| {
            let (before, after) =
                (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            match byte {
                b'(' => self.call(before, after),
                b'[' => self.subscript(before, after),
                b')' | b']' => {
                    let opening = self.open.pop().unwrap_or_default();
                    // A list cannot be called, and a link in a text looks like it.
                    let odd = opening.odd && *byte == b')';
                    self.closed = (Opening { odd, ..opening }, at + 1);
                    false
                }
                b'.' => reaches(after),
                b'%' => self.formats(before, after),
                b'\'' | b'"' => {
                    self.odd();
                    self.quoted(*byte, at, before);
                    false
                }
                b'\n' => {
                    self.quote = None;
                    false
                }
                // `(word:1.2)` weighs a word.
                b'=' | b':' if !after.trim_ascii_start().first().is_some_and(u8::is_ascii_digit) => {
                    self.odd();
                    false
                }
                _ => false,
            }
        })
    }

    /// Notes that the innermost bracket holds more than a sum.
    fn odd(&mut self) {
        if let Some(innermost) = self.open.last_mut() {
            innermost.odd = true;
        }
    }

    fn quoted(&mut self, quote: u8, at: usize, before: &[u8]) {
        match self.quote {
            Some(open) if open == quote && !before.ends_with(b"\\") => {
                self.quote = None;
                self.literal = at + 1;
            }
            None if !is_apostrophe(before) => self.quote = Some(quote),
            _ => {}
        }
    }

    fn call(&mut self, before: &[u8], after: &[u8]) -> bool {
        let opens_text = matches!(after.trim_ascii_start().first(), Some(b'\'' | b'"'));
        let callee = before.trim_ascii_end();
        let adjacent = callee.len() == before.len();
        if let Some(b')' | b']') = callee.last() {
            let (opening, end) = self.closed;
            let is_value = opening.telling || (adjacent && opening.odd);
            self.open.push(Opening { telling: true, odd: false });
            return end == callee.len()
                && ((adjacent && (is_value || opens_text)) || (opens_text && opening.telling));
        }
        let (owner, name) = split_name(callee);
        let is_name = name.first().is_some_and(|first| !first.is_ascii_digit());
        let telling = adjacent && is_name && name.len() > 1 && !FUNCTIONS.contains_in_any_case(name);
        self.open.push(Opening { telling, odd: false });
        // Words before a bracket with a gap between are prose, unless a text follows.
        let tight =
            adjacent || matches!(after.trim_ascii_start().first(), Some(b'\'' | b'"' | b'{' | b'[' | b')'));
        is_name && ((tight && makes(owner, name, after)) || method(owner, name, after, adjacent))
    }

    fn subscript(&mut self, before: &[u8], after: &[u8]) -> bool {
        let first = after.trim_ascii_start().first();
        let owner = before.trim_ascii_end();
        let opens_text = matches!(first, Some(b'\'' | b'"'));
        let follows = owner
            .last()
            .is_some_and(|last| is_name_byte(*last) || matches!(last, b')' | b']' | b'\'' | b'"'));
        let telling = follows && (owner.len() == before.len() || opens_text);
        self.open.push(Opening { telling, odd: false });
        self.literal == owner.len()
            && !owner.is_empty()
            && self.quote.is_none()
            && matches!(first, Some(b':' | b'-' | b'0'..=b'9'))
    }

    /// True for a literal that is filled with literals.
    fn formats(&self, before: &[u8], after: &[u8]) -> bool {
        let owner = before.trim_ascii_end();
        self.quote.is_none() && !owner.is_empty() && self.literal == owner.len() && is_constant(after)
    }
}

/// True for a call through a dot that may do more than compute.
fn method(owner: &[u8], name: &[u8], after: &[u8], adjacent: bool) -> bool {
    let Some((owner, dot)) = before_dot(owner) else { return false };
    let first = after.trim_ascii_start().first();
    let tight = match dot {
        Dot::Tight => adjacent || matches!(first, Some(b'\'' | b'"' | b'{' | b'[' | b')')),
        Dot::AfterGap => true,
        Dot::BeforeGap => adjacent && matches!(first, Some(b'\'' | b'"' | b'{' | b'[' | b')')),
    };
    if !tight {
        return false;
    }
    match owner.last() {
        // Nobody spells a constant by the methods of another one, but for what joins and fills texts.
        Some(b'\'' | b'"') => match name {
            b"join" => owner.ends_with(b"''") || owner.ends_with(b"\"\"") || is_constant(after),
            b"format" => is_constant(after),
            _ => true,
        },
        Some(b')' | b']' | b'}') => !is_harmless(name),
        Some(last) if is_name_byte(*last) => !computes(owner, name) && !is_harmless(name),
        _ => false,
    }
}

/// The gap around a dot between two names.
enum Dot {
    /// No gap.
    Tight,
    /// A gap before it, as no sentence has.
    AfterGap,
    /// A gap only behind it, as at the end of a sentence.
    BeforeGap,
}

/// Returns the text before the dot that `text` ends with.
fn before_dot(text: &[u8]) -> Option<(&[u8], Dot)> {
    let dotted = text.trim_ascii_end();
    let owner = dotted.strip_suffix(b".").or_else(|| dotted.strip_suffix(b"::"))?;
    let trimmed = owner.trim_ascii_end();
    let dot = if trimmed.len() < owner.len() {
        Dot::AfterGap
    } else if dotted.len() < text.len() {
        Dot::BeforeGap
    } else {
        Dot::Tight
    };
    Some((trimmed.strip_suffix(b"?").unwrap_or(trimmed), dot))
}

/// True when a call through these names only computes.
fn computes(owner: &[u8], name: &[u8]) -> bool {
    let (before, mut root) = split_name(owner);
    let mut rest = before;
    while let Some((owner, _)) = before_dot(rest) {
        if !WITHIN.contains_in_any_case(root) {
            return false;
        }
        (rest, root) = split_name(owner);
    }
    let name = name.to_ascii_lowercase();
    NUMERIC.contains_in_any_case(root)
        && !RISKY.entries().any(|part| name.windows(part.len()).any(|window| window == part.as_bytes()))
}

/// True for calls that make something that runs, or end the program.
fn makes(owner: &[u8], name: &[u8], after: &[u8]) -> bool {
    let made = owner.trim_ascii_end();
    let is_new = made.len() < owner.len() && split_name(made).1 == b"new";
    MAKERS.entries().any(|maker| maker.as_bytes() == name)
        || (matches!(name, b"quit" | b"exit") && after.trim_ascii_start().starts_with(b")"))
        || (is_new && name.first().is_some_and(u8::is_ascii_uppercase))
}

/// True for an attribute that leads out of the code.
fn reaches(after: &[u8]) -> bool {
    let after = after.trim_ascii_start();
    let end = after.iter().position(|byte| !is_name_byte(*byte)).unwrap_or(after.len());
    let name = after.get(..end).unwrap_or_default();
    // No attribute is longer; a name is looked at once for each dot before it.
    (name.starts_with(b"__") && name.len() > 3) || FRAMES.entries().any(|frame| frame.as_bytes() == name)
}

/// The longest arguments that are read.
const MAX_ARGUMENTS: usize = 512;

/// True for arguments that are text literals and nothing else.
fn is_constant(arguments: &[u8]) -> bool {
    let mut quote = None;
    let mut has_text = false;
    let mut depth = 0_usize;
    for byte in arguments.iter().take(MAX_ARGUMENTS) {
        match (quote, byte) {
            (Some(open), _) if open == *byte => quote = None,
            (None, b'\'' | b'"') => (quote, has_text) = (Some(*byte), true),
            (None, b'(' | b'[') => depth += 1,
            (None, b')' | b']') if depth < 2 => return has_text,
            (None, b')' | b']') => depth -= 1,
            (Some(_), _) | (None, b',' | b'+') => {}
            (None, byte) if byte.is_ascii_whitespace() => {}
            (None, _) => return false,
        }
    }
    has_text
}

/// True for the quote in `don't`; the one in `f'…'` begins a literal.
fn is_apostrophe(before: &[u8]) -> bool {
    let (_, name) = split_name(before);
    !name.is_empty() && !is_one_of(name, &["f", "b", "r", "u", "rb", "br", "fr", "rf"])
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Splits off the name that a text ends with.
fn split_name(text: &[u8]) -> (&[u8], &[u8]) {
    let start = text.iter().rposition(|byte| !is_name_byte(*byte)).map_or(0, |at| at + 1);
    text.split_at(start)
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}
