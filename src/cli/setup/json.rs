//! Editing JSON as text: comments, order and spacing of everything else stay as they are.

use std::ops::Range;

use serde_json::{Map, Value};

use super::client::{Entry, is_ours, taken};
use comfywarden_error::{Error, Result};

mod scan;

use scan::{Node, scan};

/// The text with the entry under `section`; the same text when it is there already.
pub(super) fn with_entry(text: &str, section: &str, typed: bool, entry: &Entry) -> Result<String> {
    let text = if text.trim_start_matches('\u{feff}').trim().is_empty() { "{}\n" } else { text };
    let root = scan(text)?;
    let members = root.members().ok_or_else(|| wrong("the file must hold a JSON object"))?;
    let style = Style::of(text, &root);
    let Some(found) = members.iter().rev().find(|member| member.key == section) else {
        let mut servers = Map::new();
        servers.insert(entry.name.clone(), fresh(entry, typed));
        return Ok(style.insert(text, &root, 1, section, &Value::Object(servers)));
    };
    let servers = found.node.members().ok_or_else(|| wrong(format!("`{section}` must be an object")))?;
    let Some(old) = servers.iter().rev().find(|member| member.key == entry.name) else {
        return Ok(style.insert(text, &found.node, 2, &entry.name, &fresh(entry, typed)));
    };
    let before = old.node.to_value();
    let after = updated(&before, entry, section)?;
    if before == after {
        return Ok(text.to_owned());
    }
    Ok(replaced(text, old.node.range.clone(), &style.render(&after, 2)))
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid_input(message).hint("repair the file first; nothing was changed")
}

fn fresh(entry: &Entry, typed: bool) -> Value {
    let mut object = Map::new();
    if typed {
        object.insert("type".into(), "stdio".into());
    }
    object.insert("command".into(), entry.command.clone().into());
    object.insert("args".into(), entry.arguments.clone().into());
    if !entry.environment.is_empty() {
        let pairs = entry.environment.iter().map(|(key, value)| (key.clone(), value.clone().into()));
        object.insert("env".into(), Value::Object(pairs.collect()));
    }
    Value::Object(object)
}

/// The entry with our command and arguments; what else a person wrote into it stays.
fn updated(before: &Value, entry: &Entry, section: &str) -> Result<Value> {
    let name = &entry.name;
    let object = before.as_object().ok_or_else(|| wrong(format!("`{section}.{name}` must be an object")))?;
    let command =
        object.get("command").or_else(|| object.get("url")).and_then(Value::as_str).unwrap_or_default();
    if !is_ours(command) {
        return Err(taken(name, command));
    }
    let mut object = object.clone();
    object.insert("command".into(), entry.command.clone().into());
    object.insert("args".into(), entry.arguments.clone().into());
    if !entry.environment.is_empty() {
        let variables = object.entry("env").or_insert_with(|| Value::Object(Map::new()));
        let variables = variables
            .as_object_mut()
            .ok_or_else(|| wrong(format!("`{section}.{name}.env` must be an object")))?;
        for (key, value) in &entry.environment {
            variables.insert(key.clone(), value.clone().into());
        }
    }
    Ok(Value::Object(object))
}

fn replaced(text: &str, range: Range<usize>, with: &str) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    format!("{before}{with}{after}")
}

/// How the file is laid out.
struct Style {
    indent: String,
    line_break: &'static str,
}

impl Style {
    fn of(text: &str, root: &Node) -> Self {
        let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let first = root.members().and_then(|members| members.first()).map_or(0, |member| member.start);
        let before = text.get(..first).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let own_line =
            before.contains('\n') && !line.is_empty() && line.chars().all(|c| c == ' ' || c == '\t');
        Self { indent: if own_line { line.to_owned() } else { "  ".to_owned() }, line_break }
    }

    /// A value as it looks at this depth of the file.
    fn render(&self, value: &Value, depth: usize) -> String {
        let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
        let mut lines = pretty.lines();
        let mut out = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let content = line.trim_start_matches(' ');
            let inner = (line.len() - content.len()) / 2;
            out.push_str(self.line_break);
            out.push_str(&self.indent.repeat(depth + inner));
            out.push_str(content);
        }
        out
    }

    /// The text with one more member at the end of `object`, which stands at `depth`.
    fn insert(&self, text: &str, object: &Node, depth: usize, key: &str, value: &Value) -> String {
        let close = object.range.end - 1;
        let inside = text.get(..close).unwrap_or_default();
        let mut out = inside.trim_end().to_owned();
        let last = object.members().and_then(|members| members.last());
        if let Some(last) = last
            && !object.trailing_comma
        {
            out.insert(last.node.range.end, ',');
        }
        out.push_str(self.line_break);
        out.push_str(&self.indent.repeat(depth));
        out.push_str(&Value::from(key).to_string());
        out.push_str(": ");
        out.push_str(&self.render(value, depth));
        out.push_str(self.line_break);
        out.push_str(&self.indent.repeat(depth - 1));
        out.push_str(text.get(close..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests;
