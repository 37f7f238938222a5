//! Prints the tools: one section each, and one line each.

use std::fmt::Write as _;

use serde_json::Value;

use super::cell;
use crate::gate::Class;
use crate::tools::Tool;

const HEAD: &str = "\
# Tools

Made from the catalogue by `comfywarden reference tools`; a test keeps this page equal to the program.

Names, parameters and their ranges are a contract: they do not change their meaning between versions. `*` marks a
required parameter. Every tool answers with JSON, as `structuredContent` and as text; `comfywarden tools --json` prints the
whole schemas, those of the answers included. A failed call has `isError` and a JSON object with `kind`, `message` and
mostly `hint`: see [troubleshooting](troubleshooting.md).

The class of a tool picks its rate limit and the right that a caller needs: `read`, `file`, `workflow`, `generation`, `admin`.
Workflow files become tools, too: see [workflows as tools](workflows-as-tools.md).
";

/// The classes in the order of the lists: what people ask for first.
pub(in crate::cli) const BY_CLASS: [Class; 5] =
    [Class::Generation, Class::Workflow, Class::File, Class::Read, Class::Admin];

/// Sorts the built-in tools by class, then by name.
fn catalogue() -> Vec<(Class, Vec<Tool>)> {
    let mut tools = crate::tools::all();
    tools.sort_by(|left, right| left.name().cmp(right.name()));
    let of = |class: Class| tools.iter().filter(|tool| tool.class() == class).cloned().collect::<Vec<_>>();
    BY_CLASS.into_iter().map(|class| (class, of(class))).filter(|(_, tools)| !tools.is_empty()).collect()
}

/// Returns the heading of a class.
pub(in crate::cli) const fn heading(class: Class) -> &'static str {
    match class {
        Class::Generation => "Make pictures, video and sound",
        Class::Workflow => "Change the queue and defaults",
        Class::File => "Files",
        Class::Read => "Look and prepare",
        Class::Admin => "Change the server",
    }
}

/// Prints the whole page.
pub(super) fn page() -> String {
    let mut out = HEAD.to_owned();
    for (class, tools) in catalogue() {
        let _ = write!(out, "\n## {}\n\nClass `{}`.\n", heading(class), class.as_str());
        for tool in tools {
            section(&mut out, &tool);
        }
    }
    out
}

/// Prints the table for the README.
pub(super) fn overview() -> String {
    let mut out = String::from("| tool | what it does |\n|---|---|\n");
    for (class, tools) in catalogue() {
        let _ = writeln!(out, "| **{}** | |", heading(class));
        for tool in tools {
            let _ = writeln!(out, "| `{}` | {} |", tool.name(), cell(first_sentence(tool.description())));
        }
    }
    out
}

/// Returns the first sentence without its full stop.
pub(in crate::cli) fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

fn section(out: &mut String, tool: &Tool) {
    let hints = tool.hint_set();
    let _ = write!(out, "\n### {}\n\n{}\n\n", tool.name(), tool.description());
    let words = [
        (hints.read_only, "changes nothing"),
        (hints.destructive, "may take something away"),
        (hints.idempotent, "may be repeated"),
    ];
    let words: Vec<&str> = words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect();
    if !words.is_empty() {
        let _ = write!(out, "Hints: {}.\n\n", words.join(", "));
    }
    let schema = tool.contract().schema();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(parameters) = schema.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty())
    else {
        out.push_str("No parameters.\n");
        return;
    };
    out.push_str("| parameter | accepts | default | |\n|---|---|---|---|\n");
    for (name, spec) in parameters {
        let mark = if required.contains(&name.as_str()) { "\\*" } else { "" };
        let default = spec.get("default").map(|value| format!("`{value}`")).unwrap_or_default();
        let text = spec.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(out, "| `{name}`{mark} | {} | {default} | {} |", cell(&accepts(spec)), cell(text));
    }
}

/// Describes the values that a schema accepts.
pub(in crate::cli) fn accepts(spec: &Value) -> String {
    if let Some(choices) = spec.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> =
            choices.iter().filter_map(Value::as_str).map(|choice| format!("`{choice}`")).collect();
        return choices.join(", ");
    }
    if let Some(word) = spec.get("const") {
        return format!("`{}`", word.as_str().map_or_else(|| word.to_string(), str::to_owned));
    }
    if let Some(branches) = spec.get("anyOf").or_else(|| spec.get("oneOf")).and_then(Value::as_array) {
        let mut each: Vec<String> = branches.iter().filter(|branch| !is_null(branch)).map(accepts).collect();
        each.dedup();
        return each.join(" or ");
    }
    let bound = |name: &str| spec.get(name).map(Value::to_string);
    let range = |low: &str, high: &str| match (bound(low), bound(high)) {
        (Some(low), Some(high)) => format!(" {low} to {high}"),
        (Some(low), None) => format!(" from {low}"),
        (None, Some(high)) => format!(" up to {high}"),
        (None, None) => String::new(),
    };
    let kind = match spec.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.and_then(Value::as_str),
    };
    match kind {
        Some("integer") => format!("whole number{}", range("minimum", "maximum")),
        Some("number") => format!("number{}", range("minimum", "maximum")),
        Some("boolean") => "true, false".to_owned(),
        Some("array") => {
            format!("list of {}{}", spec.get("items").map_or("anything".to_owned(), accepts), entries(spec))
        }
        Some("object") => match spec.get("properties").and_then(Value::as_object) {
            Some(fields) if !fields.is_empty() => {
                let names: Vec<String> = fields.keys().map(|name| format!("`{name}`")).collect();
                format!("object with {}", names.join(", "))
            }
            _ => "object".to_owned(),
        },
        Some("string") => match bound("maxLength") {
            Some(most) => format!("text, at most {most} characters"),
            None => "text".to_owned(),
        },
        _ => "anything".to_owned(),
    }
}

fn is_null(spec: &Value) -> bool {
    spec.get("type").and_then(Value::as_str) == Some("null")
}

fn entries(spec: &Value) -> String {
    spec.get("maxItems").map(|most| format!(", at most {most}")).unwrap_or_default()
}
