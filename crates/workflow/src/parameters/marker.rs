//! Reads the parameter marks of files: `PARAM_[TYPE_]NAME`, `{{name}}`, and node titles.

use std::sync::LazyLock;

use regex::Regex;

use super::kind::Word;
use crate::{Error, Result};

/// The longest name of a parameter.
const MAX_NAME: usize = 64;
/// Names that every tool of a workflow has already.
const RESERVED: [&str; 2] = ["wait", "wait_seconds"];
/// Names that mean something else to the programs of callers.
const FORBIDDEN: [&str; 4] = ["__proto__", "prototype", "constructor", "toString"];

static BRACES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*\}\}").ok());
static TITLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*\$([A-Za-z_][\w.-]*?)\.~?([^\s:!]+)\s*(!)?\s*(?::\s*(.*))?$").ok());

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
    let Some(pattern) = BRACES.as_ref().filter(|_| text.contains("{{")) else { return (Vec::new(), false) };
    let found: Vec<_> = pattern.captures_iter(text).filter_map(|found| found.get(1)).collect();
    let whole = pattern.find(text).is_some_and(|found| found.as_str() == text.trim());
    (found.into_iter().map(|name| name.as_str().to_owned()).collect(), whole)
}

/// Replaces every `{{name}}` of a text in one pass: inserted text is not read again.
pub(super) fn render(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let Some(pattern) = BRACES.as_ref() else { return text.to_owned() };
    pattern
        .replace_all(text, |found: &regex::Captures<'_>| {
            let name = found.get(1).map_or("", |name| name.as_str());
            value(name).unwrap_or_else(|| found.get(0).map_or("", |all| all.as_str()).to_owned())
        })
        .into_owned()
}

/// Reads `$name.input!:description`. A title `$output.…` names a result, which is no parameter.
pub(super) fn title(text: &str) -> Option<TitleMark> {
    let found = TITLE.as_ref()?.captures(text)?;
    let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
    if part(1) == "output" {
        return None;
    }
    Some(TitleMark {
        name: part(1).to_owned(),
        input: part(2).to_owned(),
        required: !part(3).is_empty(),
        description: part(4).trim().to_owned(),
    })
}

/// Refuses a name that callers could not use.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let hint = "use letters, digits, _ . and -, at most 64 of them";
    if name.is_empty() {
        return Err(Error::new("a parameter has no name").hint(hint));
    }
    let shown: String = name.chars().take(MAX_NAME).collect();
    if name.len() > MAX_NAME || !name.chars().all(fits) {
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
