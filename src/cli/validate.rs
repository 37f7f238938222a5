//! `validate`: would ComfyUI run these workflow files?

use serde_json::json;

use super::arguments::Validate;
use super::failure::{FAILED, Failure};
use super::files::{object_info, workflow_of};
use super::output::{complain, say, say_findings};
use crate::config::Config;
use comfywarden_workflow::check::{Report, Severity, examine};

pub(super) async fn run(wanted: &Validate, config: Config) -> Result<(), Failure> {
    let catalogue = object_info(&wanted.catalogue, config).await?;
    if catalogue.is_none() {
        complain(
            "ComfyUI does not answer: only the graph itself is checked (or name a catalogue with --object-info)",
        );
    }
    let mut bad = false;
    let mut reports = Vec::new();
    for file in &wanted.files {
        let shown = file.display();
        match workflow_of(file, catalogue.as_deref()) {
            Ok(read) => {
                let report = examine(&read.workflow, catalogue.as_deref());
                bad |= !report.is_valid();
                if wanted.json {
                    reports.push(
                        json!({ "file": file, "valid": report.is_valid(), "problems": report.problems }),
                    );
                } else {
                    print(&shown.to_string(), &report)?;
                }
            }
            Err(error) => {
                bad = true;
                if wanted.json {
                    reports.push(json!({ "file": file, "valid": false, "error": error.to_json() }));
                } else {
                    say(error.message())?;
                    error.hint_text().map_or(Ok(()), |hint| say(&format!("  {hint}")))?;
                }
            }
        }
    }
    if wanted.json {
        say_findings(&reports)?;
    }
    if bad { Err(Failure::Answered(FAILED)) } else { Ok(()) }
}

fn print(file: &str, report: &Report) -> std::io::Result<()> {
    let verdict = if report.is_valid() { "valid" } else { "not valid" };
    say(&format!("{file}: {verdict}"))?;
    for problem in &report.problems {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        say(&format!("  {severity:<8} {}", problem.message))?;
    }
    Ok(())
}
