//! `convert`: prints a workflow file in another form.

use serde_json::Value;

use super::arguments::{Convert, Form};
use super::error::CliError;
use super::files::{object_info, read_workflow};
use super::output::{eprint_line, print_json, print_unredacted};
use crate::config::Config;
use comfywarden_error::Error;
use comfywarden_workflow::convert::{Report, to_ui};
use comfywarden_workflow::script;

pub(super) async fn run(wanted: &Convert, config: Config) -> Result<(), CliError> {
    let catalogue = object_info(&wanted.catalogue, config).await?;
    let read = read_workflow(&wanted.file, catalogue.as_deref())?;
    print_report(&read.report);
    let converted = match wanted.to {
        Form::Api => Converted::Json(read.workflow.to_value()),
        Form::Script => Converted::Text(script::print(&read.workflow)),
        Form::Ui => {
            let drawn = to_ui(&read.workflow, catalogue.as_deref()).map_err(Error::from)?;
            print_report(&drawn.report);
            Converted::Json(drawn.workflow.into_value())
        }
    };
    let Some(out) = &wanted.out else {
        match converted {
            Converted::Json(value) => print_json(&value)?,
            Converted::Text(text) => print_unredacted(text.trim_end())?,
        }
        return Ok(());
    };
    let text = match converted {
        Converted::Json(value) => serde_json::to_string_pretty(&value).map_err(std::io::Error::from)?,
        Converted::Text(text) => text,
    };
    let mut file = std::fs::File::create_new(out)
        .map_err(|error| Error::invalid_input(format!("{}: cannot be made: {error}", out.display())))?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    eprint_line(&format!("{} ({}) -> {}", wanted.file.display(), read.format, out.display()));
    Ok(())
}

enum Converted {
    Json(Value),
    Text(String),
}

/// Prints the report to stderr, so that stdout holds the workflow alone.
fn print_report(report: &Report) {
    for (what, remarks) in
        [("dropped", &report.dropped), ("assumed", &report.assumed), ("note", &report.notes)]
    {
        for remark in remarks {
            let node = remark.node_id.as_ref().map(|id| format!(" node {id}:")).unwrap_or_default();
            eprint_line(&format!("{what}:{node} {}", remark.message));
        }
    }
}
