//! `inspect`: what in these workflows is dangerous? Nothing is sent anywhere.

use std::path::Path;

use serde_json::{Value, json};

use super::arguments::Inspect;
use super::failure::{FAILED, Failure, WARNED};
use super::output::{say, say_findings};
use super::sarif;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::security::{Finding, Inspector, Knowledge, Severity};
use crate::workflow::read::read;

/// A file larger than this is no workflow that ComfyUI would take.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

pub(super) fn run(wanted: &Inspect, config: &Config) -> std::result::Result<(), Failure> {
    let inspector = Inspector::new(&config.security);
    let mut bad = false;
    let mut warned = false;
    let mut reports = Vec::new();
    for file in &wanted.files {
        let looked = look(&inspector, file);
        bad |= looked.as_ref().map_or(true, |findings| findings.iter().any(is_dangerous));
        warned |= looked.as_ref().is_ok_and(|findings| !findings.is_empty());
        if wanted.json || wanted.sarif {
            reports.push((file.as_path(), looked));
        } else {
            print(file, looked)?;
        }
    }
    if wanted.sarif {
        say_findings(&sarif::log(&reports))?;
    } else if wanted.json {
        let reports: Vec<Value> = reports.iter().map(|(file, looked)| plain(file, looked)).collect();
        say_findings(&reports)?;
    }
    match (bad, warned) {
        (true, _) => Err(Failure::Answered(FAILED)),
        (false, true) => Err(Failure::Answered(WARNED)),
        (false, false) => Ok(()),
    }
}

fn plain(file: &Path, looked: &Result<Vec<Finding>>) -> Value {
    match looked {
        Ok(findings) => json!({ "file": file, "findings": findings }),
        Err(error) => json!({ "file": file, "error": error.to_json() }),
    }
}

fn look(inspector: &Inspector, file: &Path) -> Result<Vec<Finding>> {
    let unreadable = |error: std::io::Error| Error::not_found(format!("cannot be read: {error}"));
    if std::fs::metadata(file).map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(Error::invalid_input("is larger than 64 MiB"));
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let found = read(&bytes)?;
    let knowledge = Knowledge::default();
    let ran = found.prompt.as_ref().map(|prompt| inspector.inspect(prompt, &knowledge));
    let drawn = found.workflow.map(|drawn| inspector.inspect_value(&drawn.into_value(), &knowledge));
    // A picture may carry one graph to look at and another one to run.
    let mut findings = ran.unwrap_or_default();
    for finding in drawn.unwrap_or_default() {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    Ok(findings)
}

fn is_dangerous(finding: &Finding) -> bool {
    finding.severity > Severity::Warning
}

fn print(file: &Path, looked: Result<Vec<Finding>>) -> std::io::Result<()> {
    let findings = match looked {
        Ok(findings) if findings.is_empty() => return say(&format!("{}: nothing found", file.display())),
        Ok(findings) => findings,
        Err(error) => return say(&format!("{}: {}", file.display(), error.message())),
    };
    say(&format!("{}: {} findings", file.display(), findings.len()))?;
    for finding in findings {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let place = match (&finding.node_id, &finding.input) {
            (Some(node), Some(input)) => format!(" [node {node}, {input}]"),
            (Some(node), None) => format!(" [node {node}]"),
            _ => String::new(),
        };
        say(&format!("  {severity:<9} {}: {}{place}", finding.flag.as_str(), finding.message))?;
    }
    Ok(())
}
