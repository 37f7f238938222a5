//! `tools`: lists the tools that clients see, or shows one.

use serde_json::{Value, json};

use super::arguments::Tools;
use super::error::CliError;
use super::layout::{hanging, terminal_width, wrap};
use super::output::{print_json, print_line};
use super::reference::tools::{BY_CLASS, accepts, first_sentence, heading};
use crate::app::{App, Catalogue};
use crate::config::Config;
use crate::gate::AuditLog;
use crate::tools::Tool;
use comfywarden_error::Error;

pub(super) async fn run(wanted: &Tools, config: Config) -> Result<(), CliError> {
    // Looking at the list is no call, and leaves no record.
    let app = App::with_audit(config, AuditLog::memory())?;
    app.load_workflows(true).await?;
    let tools = app.tools();
    let width = terminal_width();
    match &wanted.name {
        Some(name) => {
            let tool = find(&tools, name)?;
            if wanted.json { Ok(print_json(&as_json(tool))?) } else { Ok(show(tool, width)?) }
        }
        None if wanted.json => Ok(print_json(&tools.iter().map(|tool| as_json(tool)).collect::<Vec<_>>())?),
        None => Ok(list(&tools, width)?),
    }
}

fn as_json(tool: &Tool) -> Value {
    json!({
        "name": tool.name(),
        "title": tool.title(),
        "class": tool.class().as_str(),
        "description": tool.description(),
        "inputSchema": tool.contract().schema(),
        "outputSchema": tool.output_schema(),
    })
}

/// Finds a tool by its name, with or without `comfyui_` before it.
fn find<'a>(tools: &'a Catalogue, name: &str) -> Result<&'a Tool, Error> {
    let whole = format!("comfyui_{name}");
    if let Some(tool) = tools.get(name).or_else(|| tools.get(&whole)) {
        return Ok(tool);
    }
    let near = |tool: &str| strsim::jaro_winkler(tool, name).max(strsim::jaro_winkler(tool, &whole));
    let nearest = tools.iter().map(|tool| tool.name()).max_by(|a, b| near(a).total_cmp(&near(b)));
    let error = Error::not_found(format!("no tool named `{name}`"));
    Err(match nearest.filter(|tool| near(tool) > 0.8) {
        Some(tool) => error.hint(format!("did you mean `{tool}`?")),
        None => error.hint("`comfywarden tools` lists them"),
    })
}

fn list(tools: &Catalogue, width: Option<usize>) -> std::io::Result<()> {
    let column = tools.iter().map(|tool| tool.name().len()).max().unwrap_or_default();
    for class in BY_CLASS {
        let mut group: Vec<_> = tools.iter().filter(|tool| tool.class() == class).collect();
        group.sort_by_key(|tool| tool.name());
        if group.is_empty() {
            continue;
        }
        print_line(&format!("{} ({})", heading(class), class.as_str()))?;
        for tool in group {
            let head = format!("  {:<column$}  ", tool.name());
            print_line(&hanging(&head, first_sentence(tool.description()), width))?;
        }
        print_line("")?;
    }
    let count = tools.iter().len();
    let rest =
        format!("{count} tools; `comfywarden tools NAME` shows one, --json prints them as clients see them");
    print_line(&hanging("", &rest, width))
}

fn show(tool: &Tool, width: Option<usize>) -> std::io::Result<()> {
    print_line(&format!("{} ({})", tool.name(), tool.class().as_str()))?;
    for paragraph in tool.description().lines() {
        wrap(paragraph, width.unwrap_or(usize::MAX)).iter().try_for_each(|line| print_line(line))?;
    }
    let schema = tool.contract().schema();
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    for (name, spec) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let mark = if is_required(name) { " (required)" } else { "" };
        let default = spec.get("default").map(|value| format!("; default {value}")).unwrap_or_default();
        print_line("")?;
        print_line(&hanging(
            "  ",
            &format!("{name}{mark}: {}{default}", accepts(spec).replace('`', "")),
            width,
        ))?;
        if let Some(text) = spec.get("description").and_then(Value::as_str) {
            print_line(&hanging("    ", text, width))?;
        }
    }
    Ok(())
}
