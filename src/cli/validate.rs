//! `validate`: checks whether ComfyUI would run workflow files.

use serde_json::json;

use super::arguments::Validate;
use super::error::{CliError, FAILED};
use super::files::{object_info, read_workflow};
use super::output::{eprint_line, print_line, print_redacted_json};
use crate::config::Config;
use comfywarden_workflow::check::{Report, Severity, examine};

pub(super) async fn run(wanted: &Validate, config: Config) -> Result<(), CliError> {
    let catalogue = object_info(&wanted.catalogue, config).await?;
    if catalogue.is_none() {
        eprint_line(
            "ComfyUI does not answer: only the graph itself is checked (or name a catalogue with --object-info)",
        );
    }
    let mut bad = false;
    let mut reports = Vec::new();
    for file in &wanted.files {
        let name = file.display();
        match read_workflow(file, catalogue.as_deref()) {
            Ok(read) => {
                let report = examine(&read.workflow, catalogue.as_deref());
                bad |= !report.is_valid();
                if wanted.json {
                    reports.push(
                        json!({ "file": file, "valid": report.is_valid(), "problems": report.problems }),
                    );
                } else {
                    print(&name.to_string(), &report)?;
                }
            }
            Err(error) => {
                bad = true;
                if wanted.json {
                    reports.push(json!({ "file": file, "valid": false, "error": error.to_json() }));
                } else {
                    print_line(error.message())?;
                    error.hint_text().map_or(Ok(()), |hint| print_line(&format!("  {hint}")))?;
                }
            }
        }
    }
    if wanted.json {
        print_redacted_json(&reports)?;
    }
    if bad { Err(CliError::Exit(FAILED)) } else { Ok(()) }
}

fn print(file: &str, report: &Report) -> std::io::Result<()> {
    let verdict = if report.is_valid() { "valid" } else { "not valid" };
    print_line(&format!("{file}: {verdict}"))?;
    for problem in &report.problems {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        print_line(&format!("  {severity:<8} {}", problem.message))?;
    }
    Ok(())
}
