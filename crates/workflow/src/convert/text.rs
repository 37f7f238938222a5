//! Changes texts as the editor does when it makes the prompt: choices and comments, file name patterns.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Moment, Report,
    loaded::{End, Loaded},
    model::NodeModel,
};
use crate::{Remark, js_number::value_text};

/// The save nodes whose `filename_prefix` may hold `%patterns%`.
const PATTERN_CLASSES: [&str; 12] = [
    "SaveImage",
    "SaveVideo",
    "SaveAnimatedWEBP",
    "SaveWEBM",
    "SaveAudio",
    "SaveGLB",
    "SaveAnimatedPNG",
    "CLIPSave",
    "VAESave",
    "ModelSave",
    "LoraSave",
    "SaveLatent",
];

/// True for an input whose `%patterns%` are replaced.
pub(super) fn has_patterns(class_type: &str, input: &str) -> bool {
    input == "filename_prefix" && PATTERN_CLASSES.contains(&class_type)
}

/// A text without its comments, with one alternative of each `{a|b}`.
pub(super) struct Chosen {
    pub(super) text: String,
    /// True when a comment was cut.
    pub(super) cut: bool,
    /// True when one of several alternatives was taken.
    pub(super) random: bool,
}

/// Cuts `/* … */` and `// …`, then takes the first alternative of every `{a|b}`.
///
/// The editor draws one at random. `\{`, `\}` and `\|` stand for themselves.
pub(super) fn choose(text: &str) -> Chosen {
    let stripped = strip_comments(text);
    let cut = stripped.len() != text.len();
    let mut random = false;
    let mut result = String::with_capacity(stripped.len());
    // The number of open blocks that are copied, and the nesting inside one that is skipped.
    let (mut open, mut skipped) = (0_usize, None::<usize>);
    let mut chars = stripped.chars();
    while let Some(character) = chars.next() {
        if character == '\\' {
            let next = chars.next();
            if skipped.is_none() {
                push_escaped(&mut result, next);
            }
            continue;
        }
        skipped = match (skipped, character) {
            (None, '{') => {
                open += 1;
                None
            }
            (None, '}') if open > 0 => {
                open -= 1;
                None
            }
            (None, '|') if open > 0 => {
                random = true;
                Some(0)
            }
            (None, other) => {
                result.push(other);
                None
            }
            (Some(depth), '{') => Some(depth + 1),
            (Some(0), '}') => {
                open -= 1;
                None
            }
            (Some(depth), '}') => Some(depth - 1),
            (Some(depth), _) => Some(depth),
        };
    }
    Chosen { text: result, cut, random }
}

fn push_escaped(result: &mut String, next: Option<char>) {
    match next {
        Some(symbol @ ('{' | '}' | '|')) => result.push(symbol),
        Some(other) => {
            result.push('\\');
            result.push(other);
        }
        // The editor's own code reads past the end here, with this result.
        None => result.push_str("\\undefined"),
    }
}

fn strip_comments(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    let mut closable = true;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        if let Some(line) = from.strip_prefix("//") {
            let end = line.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(line.len());
            rest = line.get(end..).unwrap_or_default();
            continue;
        }
        let block = from.strip_prefix("/*").filter(|_| closable);
        let end = block.and_then(|block| block.find("*/").and_then(|end| block.get(end + 2..)));
        closable = block.is_none() || end.is_some();
        rest = end.unwrap_or_else(|| {
            result.push('/');
            from.get(1..).unwrap_or_default()
        });
    }
    result.push_str(rest);
    result
}

/// Replaces `%date:…%` and `%Node.widget%`; what is not understood stays.
pub(super) fn replace_patterns(
    text: &str,
    loaded: &Loaded<'_>,
    now: Option<&Moment>,
    node_id: &str,
    report: &mut Report,
) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        let inside = from.get(1..).unwrap_or_default();
        let Some(end) = inside.find('%') else {
            rest = from;
            break;
        };
        let (pattern, after) = inside.split_at(end);
        if pattern.is_empty() {
            result.push('%');
            rest = inside;
            continue;
        }
        rest = after.get(1..).unwrap_or_default();
        if let Some(text) = replacement(pattern, loaded, now, node_id, report) {
            result.push_str(&text);
        } else {
            result.extend(["%", pattern, "%"]);
        }
    }
    result.push_str(rest);
    result
}

fn replacement(
    pattern: &str,
    loaded: &Loaded<'_>,
    now: Option<&Moment>,
    node_id: &str,
    report: &mut Report,
) -> Option<String> {
    let mut parts = pattern.split('.');
    let (name, widget) = (parts.next()?, parts.next());
    let (Some(widget), None) = (widget, parts.next()) else {
        let format = name.strip_prefix("date:")?;
        if now.is_none() {
            let message = format!("the pattern %{pattern}% stays, since no time was given");
            report.assumed.push(Remark::on(node_id, message));
        }
        return now.map(|now| now.format(format));
    };
    let names = loaded.names.get_or_init(|| name_index(loaded));
    let (level, node) = names.get(name)?;
    let (_, widget) = loaded.levels.get(*level)?.nodes.get(*node)?.widget(widget)?;
    let text = match &widget.value {
        None | Some(Value::Null) => String::new(),
        value => value_text(value.as_ref()),
    };
    let unsafe_here =
        |c: char| matches!(c, '/' | '?' | '<' | '>' | '\\' | ':' | '*' | '|' | '"' | '\0'..='\x1f' | '\x7f');
    Some(text.replace(unsafe_here, "_"))
}

/// Indexes nodes by the name that patterns use: the property, else the title.
fn name_index(loaded: &Loaded<'_>) -> HashMap<String, End> {
    let mut titles: HashMap<String, End> = HashMap::new();
    let mut names: HashMap<String, End> = HashMap::new();
    for (level, graph) in loaded.levels.iter().enumerate() {
        for (at, node) in graph.nodes.iter().enumerate() {
            if let Some(name) = search_name(node) {
                names.entry(name.to_owned()).or_insert((level, at));
            }
            titles.entry(super::emit::title(node).to_owned()).or_insert((level, at));
        }
    }
    for (title, place) in titles {
        names.entry(title).or_insert(place);
    }
    names
}

fn search_name<'m>(node: &'m NodeModel<'_>) -> Option<&'m str> {
    match node.ui.properties.get("Node name for S&R") {
        Some(name) => name.as_str(),
        None if node.kind.is_virtual() || PATTERN_CLASSES.contains(&node.class_type) => None,
        None => Some(node.class_type),
    }
}
