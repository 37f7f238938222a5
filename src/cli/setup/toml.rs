//! Editing TOML as text: only the lines of our own table are touched.

use std::fmt::Write as _;
use std::ops::Range;

use super::client::{Entry, is_ours, taken};
use comfywarden_error::{Error, Result};

mod scan;

use scan::{Pair, Statement, scan};

/// The table that holds the servers.
const SERVERS: &str = "mcp_servers";

/// The text with the tables of the entry; the same text when they are there already.
pub(super) fn with_entry(text: &str, entry: &Entry) -> Result<String> {
    Ok(with_endings_of(text, edited(text, entry)?))
}

/// A file whose lines all end as on Windows keeps them so; ours are written with plain ends.
fn with_endings_of(text: &str, out: String) -> String {
    let lines = text.matches('\n').count();
    if lines > 0 && lines == text.matches("\r\n").count() {
        return out.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    out
}

fn edited(text: &str, entry: &Entry) -> Result<String> {
    let statements = scan(text)?;
    let own = [SERVERS, entry.name.as_str()];
    refuse_other_spellings(&statements, &own)?;
    let Some(header) = statements.iter().find(|statement| statement.is_table(&own)) else {
        return Ok(appended(text, entry));
    };
    let pair = |key: &str| statements.iter().find_map(|statement| statement.pair_in(&own, key));
    let command = pair("command").map(|pair| pair.text(text)).unwrap_or_default();
    if !is_ours(&command) {
        return Err(taken(&entry.name, &command));
    }
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let after_header = header.end(text);
    for (key, value) in [("command", quoted(&entry.command)), ("args", list(&entry.arguments))] {
        edits.extend(edit(text, pair(key), after_header, key, &value));
    }
    edits.extend(environment_edits(text, &statements, entry, header)?);
    // From the end to the start, so that the places of the earlier ones stay right.
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut out = text.to_owned();
    for (range, with) in edits {
        out.replace_range(range, &with);
    }
    scan(&out)?;
    Ok(out)
}

/// One change of a pair, or a new line where there is none; nothing when it already says so.
fn edit(
    text: &str,
    pair: Option<&Pair>,
    otherwise: usize,
    key: &str,
    value: &str,
) -> Option<(Range<usize>, String)> {
    match pair {
        Some(pair) if same(text.get(pair.value.clone()).unwrap_or_default(), value) => None,
        Some(pair) => Some((pair.value.clone(), value.to_owned())),
        None => Some((otherwise..otherwise, format!("{key} = {value}\n"))),
    }
}

/// Strings and lists of strings are written as in JSON; spacing does not count.
fn same(left: &str, right: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    left == right || (parsed(left).is_some() && parsed(left) == parsed(right))
}

fn environment_edits(
    text: &str,
    statements: &[Statement],
    entry: &Entry,
    header: &Statement,
) -> Result<Vec<(Range<usize>, String)>> {
    if entry.environment.is_empty() {
        return Ok(Vec::new());
    }
    let own = [SERVERS, entry.name.as_str()];
    let inner = [SERVERS, entry.name.as_str(), "env"];
    if let Some(inline) = statements.iter().find_map(|statement| statement.pair_in(&own, "env")) {
        let there = text.get(inline.value.clone()).unwrap_or_default();
        let missing = entry
            .environment
            .iter()
            .find(|(key, value)| !(there.contains(key.as_str()) && there.contains(&quoted(value))));
        return match missing {
            None => Ok(Vec::new()),
            Some((key, value)) => {
                Err(Error::invalid_input(format!("`{SERVERS}.{}.env` is written on one line", entry.name))
                    .hint(format!("write `{key} = {}` into it by hand", quoted(value))))
            }
        };
    }
    let table = statements.iter().find(|statement| statement.is_table(&inner));
    let Some(table) = table else {
        let end = header.end_of_table(statements, text);
        return Ok(vec![(end..end, environment_table(entry))]);
    };
    let after = table.end(text);
    let pair = |key: &str| statements.iter().find_map(|statement| statement.pair_in(&inner, key));
    Ok(entry
        .environment
        .iter()
        .filter_map(|(key, value)| edit(text, pair(key), after, key, &quoted(value)))
        .collect())
}

/// The same table can be spelled in ways that lines cannot be added to.
fn refuse_other_spellings(statements: &[Statement], own: &[&str]) -> Result<()> {
    let spelled = statements.iter().find(|statement| statement.spells_otherwise(own));
    match spelled {
        None => Ok(()),
        Some(statement) => Err(Error::invalid_input(format!(
            "line {} of the file spells `{}` in a way that this command does not edit",
            statement.line(),
            own.join(".")
        ))
        .hint("write it as a table of its own, or add the server by hand; --dry-run with another --name shows the lines")),
    }
}

fn appended(text: &str, entry: &Entry) -> String {
    let mut out = text.to_owned();
    if !out.is_empty() {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push('\n');
    }
    let _ = writeln!(out, "[{SERVERS}.{}]", key(&entry.name));
    let _ = writeln!(out, "command = {}", quoted(&entry.command));
    let _ = writeln!(out, "args = {}", list(&entry.arguments));
    if !entry.environment.is_empty() {
        out.push_str(&environment_table(entry));
    }
    out
}

fn environment_table(entry: &Entry) -> String {
    let mut out = format!("\n[{SERVERS}.{}.env]\n", key(&entry.name));
    for (name, value) in &entry.environment {
        let _ = writeln!(out, "{name} = {}", quoted(value));
    }
    out
}

fn key(name: &str) -> String {
    let bare = name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A basic string of TOML; its escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests;
