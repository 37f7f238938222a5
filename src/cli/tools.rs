//! `tools`: lists the tools that clients see.

use serde_json::{Value, json};

use super::arguments::Tools;
use super::error::CliError;
use super::output::{print_json, print_line};
use crate::app::App;
use crate::config::Config;
use crate::gate::AuditLog;

/// The longest description, in characters, of the short list; `--json` has them whole.
const MAX_SUMMARY: usize = 84;

pub(super) async fn run(wanted: &Tools, config: Config) -> Result<(), CliError> {
    // Looking at the list is no call, and leaves no record.
    let app = App::with_audit(config, AuditLog::memory())?;
    app.load_workflows(true).await?;
    let tools = app.tools();
    if wanted.json {
        let list: Vec<Value> = tools
            .iter()
            .map(|tool| {
                json!({
                    "name": tool.name(),
                    "title": tool.title(),
                    "class": tool.class().as_str(),
                    "description": tool.description(),
                    "inputSchema": tool.contract().schema(),
                    "outputSchema": tool.output_schema(),
                })
            })
            .collect();
        return Ok(print_json(&list)?);
    }
    for tool in tools.iter() {
        print_line(&format!(
            "{:<34} {:<11} {}",
            tool.name(),
            tool.class().as_str(),
            first_sentence(tool.description())
        ))?;
    }
    print_line("")?;
    print_line(&format!(
        "{} tools; --json prints them as clients see them, schemas included",
        tools.iter().len()
    ))?;
    Ok(())
}

fn first_sentence(text: &str) -> String {
    let sentence = text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.');
    if sentence.chars().count() <= MAX_SUMMARY {
        return sentence.to_owned();
    }
    sentence.chars().take(MAX_SUMMARY - 1).chain(['…']).collect()
}
