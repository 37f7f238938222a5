//! Reads the parameter marks of files: `PARAM_[TYPE_]NAME`, `{{name}}`, and node titles.

use super::kind::Word;
use crate::{Error, Result};

/// The longest name of a parameter.
const MAX_NAME: usize = 64;
/// Names that every tool of a workflow has already.
const RESERVED: [&str; 2] = ["wait", "wait_seconds"];
/// Names that mean something else to the programs of callers.
const FORBIDDEN: [&str; 4] = ["__proto__", "prototype", "constructor", "toString"];

/// The blanks that may surround a name in braces.
const BLANKS: [char; 2] = [' ', '\t'];

/// A value that is nothing but a mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) name: String,
    pub(super) word: Option<Word>,
}

/// A title that makes an input of its node a parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TitleMark {
    pub(super) name: String,
    pub(super) input: String,
    pub(super) required: bool,
    pub(super) description: String,
}

/// Reads `PARAM_[TYPE_]NAME`; `None` for any other text.
pub(super) fn param(text: &str) -> Option<Mark> {
    let rest = text.trim().strip_prefix("PARAM_")?;
    let typed = rest.split_once('_').and_then(|(word, name)| {
        let word = match word.to_ascii_uppercase().as_str() {
            "STR" | "STRING" | "TEXT" => Word::Text,
            "INT" => Word::Integer,
            "FLOAT" => Word::Number,
            "BOOL" => Word::Boolean,
            _ => return None,
        };
        Some((word, name))
    });
    let (word, name) = typed.map_or((None, rest), |(word, name)| (Some(word), name));
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    Some(Mark { name: name.trim_matches('_').to_owned(), word })
}

/// Lists the names in `{{…}}` of a text, and tells if the text is nothing but one of them.
pub(super) fn braces(text: &str) -> (Vec<String>, bool) {
    let found: Vec<Braces<'_>> = each_braces(text).collect();
    let alone = found.first().is_some_and(|found| found.text == text.trim());
    (found.into_iter().map(|found| found.name.to_owned()).collect(), alone)
}

/// Replaces every `{{name}}` of a text in one pass: inserted text is not read again.
pub(super) fn render(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut rendered = String::with_capacity(text.len());
    let mut done = 0;
    for found in each_braces(text) {
        rendered.push_str(text.get(done..found.start).unwrap_or_default());
        done = found.start + found.text.len();
        match value(found.name) {
            Some(value) => rendered.push_str(&value),
            None => rendered.push_str(found.text),
        }
    }
    rendered.push_str(text.get(done..).unwrap_or_default());
    rendered
}

/// One `{{name}}` of a text.
struct Braces<'t> {
    start: usize,
    text: &'t str,
    name: &'t str,
}

/// Finds every `{{name}}`, blanks and tabs around the name allowed.
fn each_braces(text: &str) -> impl Iterator<Item = Braces<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text.get(from..)?.find("{{")?;
            from = start + 1;
            let inside = text.get(start + 2..)?.trim_start_matches(BLANKS);
            let (name, rest) = inside.split_at(inside.find(|letter| !is_name_letter(letter))?);
            let Some(rest) = rest.trim_start_matches(BLANKS).strip_prefix("}}") else { continue };
            if starts_a_name(name) {
                from = text.len() - rest.len();
                return Some(Braces { start, text: text.get(start..from)?, name });
            }
        }
    })
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-')
}

fn starts_a_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
}

/// Reads `$name.input!:description`. A title `$output.…` names a result, which is no parameter.
pub(super) fn title(text: &str) -> Option<TitleMark> {
    let (name, rest) = text.trim().strip_prefix('$')?.split_once('.')?;
    if !starts_a_name(name)
        || !name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
    {
        return None;
    }
    let rest = rest.strip_prefix('~').filter(|rest| input_length(rest) > 0).unwrap_or(rest);
    let (input, rest) = rest.split_at(input_length(rest));
    if input.is_empty() || name == "output" {
        return None;
    }
    let rest = rest.trim_start();
    let (required, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest.trim_start()));
    let description = match rest.strip_prefix(':') {
        Some(description) => description.trim(),
        None if rest.is_empty() => "",
        None => return None,
    };
    (!description.contains('\n')).then(|| TitleMark {
        name: name.to_owned(),
        input: input.to_owned(),
        required,
        description: description.to_owned(),
    })
}

/// Counts the bytes of the input's name at the start of `text`.
fn input_length(text: &str) -> usize {
    text.find(|letter: char| letter.is_whitespace() || matches!(letter, ':' | '!')).unwrap_or(text.len())
}

/// Refuses a name that callers could not use.
pub(super) fn check_name(name: &str) -> Result<()> {
    let hint = "use letters, digits, _ . and -, at most 64 of them";
    if name.is_empty() {
        return Err(Error::new("a parameter has no name").hint(hint));
    }
    let shown: String = name.chars().take(MAX_NAME).collect();
    if name.len() > MAX_NAME || !name.chars().all(is_name_letter) {
        return Err(Error::new(format!("`{shown}` is no name for a parameter")).hint(hint));
    }
    if RESERVED.contains(&name) {
        return Err(Error::new(format!("the parameter name `{name}` is taken: every workflow tool has it"))
            .hint("give the parameter another name"));
    }
    if FORBIDDEN.contains(&name) {
        return Err(Error::new(format!("`{name}` is no name for a parameter: programs give it a meaning"))
            .hint("give the parameter another name"));
    }
    Ok(())
}
