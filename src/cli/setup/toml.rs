//! Edits TOML in place: comments, order and spacing of everything but our own table stay.

use std::ops::Range;

use toml_edit::{Array, Document, DocumentMut, Item, Table, Value};

use super::client::{Entry, is_ours, taken};
use comfywarden_error::{Error, Result};

/// The table that holds the servers.
const SERVERS: &str = "mcp_servers";

/// Returns the text with the tables of the entry; the same text when they are there already.
pub(super) fn with_entry(text: &str, entry: &Entry) -> Result<String> {
    let bare = text.trim_start_matches('\u{feff}');
    let mark = text.strip_suffix(bare).unwrap_or_default();
    let document = parse(bare)?;
    refuse_other_spellings(&document, entry)?;
    let mut document = document.into_mut();
    if !edit(&mut document, entry)? {
        return Ok(text.to_owned());
    }
    let out = with_endings_of(bare, &document.to_string());
    // A text that cannot be read back never reaches the disk.
    parse(&out)?;
    Ok(format!("{mark}{out}"))
}

fn parse(text: &str) -> Result<Document<&str>> {
    Document::parse(text).map_err(|error| {
        let line = line_of(text, error.span());
        Error::invalid_input(format!("the file is no valid TOML: line {line}: {}", error.message()))
            .hint("repair the file first; nothing was changed")
    })
}

/// Counts the lines up to the start of `span`, from 1.
fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Refuses spellings of the same table that a table of its own cannot stand beside.
fn refuse_other_spellings(document: &Document<&str>, entry: &Entry) -> Result<()> {
    let servers = document.get_key_value(SERVERS);
    let own = servers.and_then(|(_, servers)| servers.as_table()?.get_key_value(&entry.name));
    let spelled = servers.into_iter().chain(own).find(|(_, item)| match item {
        Item::Table(table) => table.is_dotted(),
        _ => true,
    });
    let Some((key, item)) = spelled else { return Ok(()) };
    let line = line_of(document.raw(), key.span().or_else(|| item.span()));
    let path = format!("{SERVERS}.{}", entry.name);
    Err(Error::invalid_input(format!(
        "line {line} of the file spells `{path}` in a way that this command does not edit"
    ))
    .hint("write it as a table of its own, or add the server by hand; --dry-run with another --name shows the lines"))
}

/// Writes the entry into the document; returns whether anything changed.
fn edit(document: &mut DocumentMut, entry: &Entry) -> Result<bool> {
    let known = document
        .get(SERVERS)
        .and_then(Item::as_table)
        .is_some_and(|servers| servers.contains_key(&entry.name));
    if !known {
        append(document, entry);
        return Ok(true);
    }
    let servers = document.get_mut(SERVERS).and_then(Item::as_table_mut);
    match servers.and_then(|servers| servers.get_mut(&entry.name)).and_then(Item::as_table_mut) {
        Some(own) => update(own, entry),
        None => Ok(false),
    }
}

/// Adds the tables of the entry after everything else, comments at the end of the file included.
fn append(document: &mut DocumentMut, entry: &Entry) {
    let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
    let is_first = document.is_empty() && trailing.is_empty();
    document.set_trailing("");
    let mut own = Table::new();
    own.decor_mut().set_prefix(if is_first { trailing } else { format!("{trailing}\n") });
    // Tables are written in the order of their positions, and those without one after the table before them.
    own.set_position(Some(isize::MAX));
    own.insert("command", Item::Value(quoted(&entry.command)));
    own.insert("args", Item::Value(list(&entry.arguments)));
    if !entry.environment.is_empty() {
        own.insert("env", Item::Table(environment(entry)));
    }
    let servers = document.entry(SERVERS).or_insert_with(|| {
        let mut servers = Table::new();
        servers.set_implicit(true);
        Item::Table(servers)
    });
    if let Some(servers) = servers.as_table_mut() {
        servers.insert(&entry.name, Item::Table(own));
    }
}

fn environment(entry: &Entry) -> Table {
    let mut table = Table::new();
    for (key, value) in &entry.environment {
        table.insert(key, Item::Value(quoted(value)));
    }
    table
}

/// Brings our own table up to date; what else a person wrote into it stays. Returns whether anything changed.
fn update(own: &mut Table, entry: &Entry) -> Result<bool> {
    let command = own.get("command").and_then(Item::as_str).unwrap_or_default();
    if !is_ours(command) {
        return Err(taken(&entry.name, command));
    }
    let mut changed = set(own, "command", quoted(&entry.command));
    changed |= set(own, "args", list(&entry.arguments));
    if entry.environment.is_empty() {
        return Ok(changed);
    }
    match own.get_mut("env") {
        None => {
            own.insert("env", Item::Table(environment(entry)));
            return Ok(true);
        }
        Some(Item::Table(variables)) => {
            for (key, value) in &entry.environment {
                changed |= set(variables, key, quoted(value));
            }
        }
        Some(other) => {
            let has = |key: &str, value: &str| other.get(key).and_then(Item::as_str) == Some(value);
            if let Some((key, value)) = entry.environment.iter().find(|(key, value)| !has(key, value)) {
                let message = format!("`{SERVERS}.{}.env` is written on one line", entry.name);
                let hint = format!("write `{key} = {}` into it by hand", quoted(value));
                return Err(Error::invalid_input(message).hint(hint));
            }
        }
    }
    Ok(changed)
}

/// Writes a pair unless it has this value; the spacing and the comment of an old value stay.
fn set(table: &mut Table, key: &str, value: Value) -> bool {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) if same(old, &value) => false,
        Some(old) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
            true
        }
        None => {
            table.insert(key, Item::Value(value));
            true
        }
    }
}

/// Compares strings and lists of strings; spelling and spacing do not count.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => left.as_str().is_some() && left.as_str() == right.as_str(),
    }
}

/// Makes a basic string, on one line and in double quotation marks whatever is in it.
fn quoted(text: &str) -> Value {
    // The escapes of JSON are escapes of TOML too.
    serde_json::Value::from(text).to_string().parse().unwrap_or_else(|_| Value::from(text))
}

fn list(items: &[String]) -> Value {
    Value::Array(items.iter().map(|item| quoted(item)).collect::<Array>())
}

/// Gives back the line ends of the file: `toml_edit` writes plain ones.
///
/// The lines before and after what changed are taken from the file itself. Lines between them end as on Windows if all
/// lines of the file do.
fn with_endings_of(text: &str, out: &str) -> String {
    if !text.contains('\r') {
        return out.to_owned();
    }
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let new: Vec<&str> = out.split_inclusive('\n').collect();
    let equal = |(old, new): &(&&str, &&str)| old.replace("\r\n", "\n") == **new;
    let start = old.iter().zip(&new).take_while(equal).count();
    let most = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(equal).count();
    let windows = old.iter().all(|line| line.ends_with("\r\n") || !line.ends_with('\n'));
    let middle: String = new.get(start..new.len() - end).unwrap_or_default().concat();
    let middle = if windows { middle.replace("\r\n", "\n").replace('\n', "\r\n") } else { middle };
    let (head, tail) = (old.get(..start).unwrap_or_default(), old.get(old.len() - end..).unwrap_or_default());
    format!("{}{middle}{}", head.concat(), tail.concat())
}

#[cfg(test)]
mod tests;
