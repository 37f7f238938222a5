//! Edits JSON with comments: the concrete syntax tree keeps comments, order and spacing of everything else.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

use super::client::{Entry, is_ours, taken};
use comfywarden_error::{Error, Result};

/// Comments and trailing commas, as the clients read them; anything else has to be JSON.
const DIALECT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Returns the text with the entry under `section`; the same text when it is there already.
pub(super) fn with_entry(text: &str, section: &str, typed: bool, entry: &Entry) -> Result<String> {
    let bare = text.trim_start_matches('\u{feff}');
    let mark = if bare.trim().is_empty() { "" } else { text.strip_suffix(bare).unwrap_or_default() };
    let bare = if bare.trim().is_empty() { "{}\n" } else { bare };
    let root = parse(bare)?;
    let top = root.object_value().ok_or_else(|| wrong("the file must hold a JSON object"))?;
    let Some(servers) = last(&top, section) else {
        let servers = vec![(entry.name.clone(), fresh(entry, typed))];
        let written = top.append(section, CstInputValue::Object(servers));
        let object = written.object_value().and_then(|servers| servers.object_value(&entry.name));
        spread_arguments(object.as_ref());
        return Ok(format!("{mark}{root}"));
    };
    let servers = servers.object_value().ok_or_else(|| wrong(format!("`{section}` must be an object")))?;
    match last(&servers, &entry.name) {
        None => {
            let written = servers.append(&entry.name, fresh(entry, typed));
            spread_arguments(written.object_value().as_ref());
        }
        Some(old) => update(&old, entry, section)?,
    }
    Ok(format!("{mark}{root}"))
}

fn parse(text: &str) -> Result<CstRootNode> {
    CstRootNode::parse(text, &DIALECT).map_err(|error| {
        let (line, column) = (error.line_display(), error.column_display());
        let rule = error.kind().to_string();
        wrong(format!("the file is no valid JSON: line {line}, column {column}: {}", uncapitalized(&rule)))
    })
}

fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid_input(message).hint("repair the file first; nothing was changed")
}

/// Finds a property; of equal names the last one counts, as it does for the clients.
fn last(object: &CstObject, name: &str) -> Option<CstObjectProp> {
    object.properties().into_iter().rev().find(|property| property.decoded_name().as_deref() == Some(name))
}

fn fresh(entry: &Entry, typed: bool) -> CstInputValue {
    let mut members = Vec::new();
    if typed {
        members.push(("type".to_owned(), "stdio".into()));
    }
    members.push(("command".to_owned(), entry.command.as_str().into()));
    members.push(("args".to_owned(), arguments(entry)));
    if !entry.environment.is_empty() {
        members.push(("env".to_owned(), environment(entry)));
    }
    CstInputValue::Object(members)
}

fn arguments(entry: &Entry) -> CstInputValue {
    CstInputValue::Array(entry.arguments.iter().map(|argument| argument.as_str().into()).collect())
}

fn environment(entry: &Entry) -> CstInputValue {
    let pairs = entry.environment.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
    CstInputValue::Object(pairs.collect())
}

/// Puts each argument on a line of its own, as the clients write them.
fn spread_arguments(server: Option<&CstObject>) {
    let list = server.and_then(|server| last(server, "args")).and_then(|list| list.array_value());
    if let Some(list) = list
        && !list.elements().is_empty()
    {
        list.ensure_multiline();
    }
}

/// Brings command, arguments and environment up to date; what else a person wrote into the entry stays.
fn update(old: &CstObjectProp, entry: &Entry, section: &str) -> Result<()> {
    let name = &entry.name;
    let server = old.object_value().ok_or_else(|| wrong(format!("`{section}.{name}` must be an object")))?;
    let text = |key: &str| value_of(&last(&server, key)?)?.as_str().map(str::to_owned);
    let command = text("command").or_else(|| text("url")).unwrap_or_default();
    if !is_ours(&command) {
        return Err(taken(name, &command));
    }
    set(&server, "command", &entry.command.as_str().into(), || entry.command.as_str().into());
    if set(&server, "args", &entry.arguments.clone().into(), || arguments(entry)) {
        spread_arguments(Some(&server));
    }
    if entry.environment.is_empty() {
        return Ok(());
    }
    let Some(variables) = last(&server, "env") else {
        server.append("env", environment(entry));
        return Ok(());
    };
    let variables =
        variables.object_value().ok_or_else(|| wrong(format!("`{section}.{name}.env` must be an object")))?;
    for (key, value) in &entry.environment {
        set(&variables, key, &value.as_str().into(), || value.as_str().into());
    }
    Ok(())
}

/// Writes a property unless it has this value; returns whether it wrote.
fn set(object: &CstObject, key: &str, value: &Value, input: impl FnOnce() -> CstInputValue) -> bool {
    match last(object, key) {
        Some(property) if value_of(&property).as_ref() == Some(value) => return false,
        Some(property) => property.set_value(input()),
        None => drop(object.append(key, input())),
    }
    true
}

fn value_of(property: &CstObjectProp) -> Option<Value> {
    property.value()?.to_serde_value()
}

#[cfg(test)]
mod tests;
