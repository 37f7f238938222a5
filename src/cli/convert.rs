//! `convert`: a workflow file in another form.

use serde_json::Value;

use super::arguments::{Convert, Form};
use super::failure::Failure;
use super::files::{object_info, workflow_of};
use super::output::{complain, say_exactly, say_json};
use crate::config::Config;
use comfywarden_error::Error;
use comfywarden_workflow::convert::{Report, to_ui};
use comfywarden_workflow::script;

pub(super) async fn run(wanted: &Convert, config: Config) -> Result<(), Failure> {
    let catalogue = object_info(&wanted.catalogue, config).await?;
    let read = workflow_of(&wanted.file, catalogue.as_deref())?;
    tell(&read.report);
    let converted = match wanted.to {
        Form::Api => Converted::Json(read.workflow.to_value()),
        Form::Script => Converted::Text(script::print(&read.workflow)),
        Form::Ui => {
            let drawn = to_ui(&read.workflow, catalogue.as_deref()).map_err(Error::from)?;
            tell(&drawn.report);
            Converted::Json(drawn.workflow.into_value())
        }
    };
    let Some(out) = &wanted.out else {
        match converted {
            Converted::Json(value) => say_json(&value)?,
            Converted::Text(text) => say_exactly(text.trim_end())?,
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
    complain(&format!("{} ({}) -> {}", wanted.file.display(), read.format, out.display()));
    Ok(())
}

enum Converted {
    Json(Value),
    Text(String),
}

/// The report goes to stderr, so that stdout stays the workflow.
fn tell(report: &Report) {
    for (what, remarks) in
        [("dropped", &report.dropped), ("assumed", &report.assumed), ("note", &report.notes)]
    {
        for remark in remarks {
            let node = remark.node_id.as_ref().map(|id| format!(" node {id}:")).unwrap_or_default();
            complain(&format!("{what}:{node} {}", remark.message));
        }
    }
}
