//! `inspect`: lists what is dangerous in workflow files. Nothing is sent anywhere.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::arguments::Inspect;
use super::error::{CliError, FAILED, WARNED};
use super::output::{print_line, print_redacted_json};
use super::sarif;
use crate::config::Config;
use comfywarden_error::{Error, Result};
use comfywarden_policy::display::sanitize;
use comfywarden_policy::{Finding, Inspector, Knowledge, Severity};
use comfywarden_workflow::read::{FileFormat, read};

/// The largest file in bytes; ComfyUI takes no larger workflow.
const MAX_FILE: u64 = 64 * 1024 * 1024;

pub(super) fn run(wanted: &Inspect, config: &Config) -> std::result::Result<(), CliError> {
    let inspector = Inspector::new(&config.security);
    let mut bad = false;
    let mut warned = false;
    let mut reports = Vec::new();
    for file in &wanted.files {
        let (inspected, bytes) = match read_bytes(file) {
            Ok(bytes) => (inspect_bytes(&inspector, &bytes), Some(bytes)),
            Err(error) => (Err(error), None),
        };
        bad |= inspected.as_ref().map_or(true, |findings| findings.iter().any(is_dangerous));
        warned |= inspected.as_ref().is_ok_and(|findings| !findings.is_empty());
        if wanted.json || wanted.sarif {
            // Only text has lines, and only this form of report tells them.
            let text = bytes.filter(|bytes| wanted.sarif && FileFormat::detect(bytes).is_none());
            reports.push((file.as_path(), text, inspected));
        } else {
            print(file, inspected)?;
        }
    }
    if wanted.sarif {
        let reports: Vec<_> = reports
            .iter()
            .map(|(file, text, inspected)| sarif::Report { file, text: text.as_deref(), inspected })
            .collect();
        print_redacted_json(&sarif::log(&reports))?;
    } else if wanted.json {
        let reports: Vec<Value> =
            reports.iter().map(|(file, _, inspected)| to_json(file, inspected)).collect();
        print_redacted_json(&reports)?;
    }
    match (bad, warned) {
        (true, _) => Err(CliError::Exit(FAILED)),
        (false, true) => Err(CliError::Exit(WARNED)),
        (false, false) => Ok(()),
    }
}

fn to_json(file: &Path, inspected: &Result<Vec<Finding>>) -> Value {
    match inspected {
        Ok(findings) => json!({ "file": file, "findings": findings }),
        Err(error) => json!({ "file": file, "error": error.to_json() }),
    }
}

fn inspect_bytes(inspector: &Inspector, bytes: &[u8]) -> Result<Vec<Finding>> {
    let found = read(bytes)?;
    let knowledge = Knowledge::default();
    let ran = found.prompt.as_ref().map(|prompt| inspector.inspect(prompt, &knowledge));
    let drawn = found.workflow.map(|drawn| inspector.inspect_ui_graph(&drawn.into_value(), &knowledge));
    // A picture may carry one graph to look at and another one to run.
    let mut findings = ran.unwrap_or_default();
    for finding in drawn.unwrap_or_default() {
        let same = |other: &Finding| {
            (&other.message, &other.node_id, &other.input)
                == (&finding.message, &finding.node_id, &finding.input)
        };
        if !findings.iter().any(same) {
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// Reads a file, or standard input for `-`, up to the size that a workflow may have.
fn read_bytes(file: &Path) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| Error::not_found(format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
            return Err(Error::invalid_input("is no file"));
        }
        std::fs::File::open(file).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::invalid_input("is larger than 64 MiB"));
    }
    Ok(bytes)
}

fn is_dangerous(finding: &Finding) -> bool {
    finding.severity > Severity::Warning
}

fn print(file: &Path, inspected: Result<Vec<Finding>>) -> std::io::Result<()> {
    let file = one_line(&file.to_string_lossy());
    let findings = match inspected {
        Ok(findings) if findings.is_empty() => return print_line(&format!("{file}: nothing found")),
        Ok(findings) => findings,
        Err(error) => return print_line(&format!("{file}: {}", one_line(error.message()))),
    };
    print_line(&format!("{file}: {} findings", findings.len()))?;
    for finding in findings {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let place = match (&finding.node_id, &finding.input) {
            (Some(node), Some(input)) => format!(" [node {node}, {input}]"),
            (Some(node), None) => format!(" [node {node}]"),
            _ => String::new(),
        };
        let line = format!("  {severity:<9} {}: {}{place}", finding.flag.as_str(), finding.warning());
        print_line(&one_line(&line))?;
    }
    Ok(())
}

/// Escapes line breaks: a name with one must not look like a line of ours, or like a command to a build server.
fn one_line(text: &str) -> String {
    sanitize(text).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_for_each_finding() {
        assert_eq!(
            one_line("Cool\nwf/evil.json: nothing\tfound\u{1b}"),
            "Cool\\nwf/evil.json: nothing\\tfound\\x1b"
        );
    }

    #[test]
    fn the_editors_format_is_read_with_its_subgraphs() {
        let node =
            |class: &str, value: &str| json!({"id": 3, "type": class, "widgets_values": [value, "image"]});
        let write = |nodes: Value, inner: Value| {
            let drawn = json!({"last_node_id": 3, "version": 0.4, "nodes": nodes, "links": [],
                "definitions": {"subgraphs": [{"id": "5f0e5c3a-9d0a-4c51-9f8e-3a1b2c4d5e6f", "nodes": inner, "links": []}]}});
            let inspector = Inspector::new(&comfywarden_policy::settings::Security::default());
            let findings = inspect_bytes(&inspector, drawn.to_string().as_bytes()).unwrap();
            findings.iter().map(|finding| finding.flag.as_str()).collect::<Vec<_>>()
        };
        let instance = json!({"id": 9, "type": "5f0e5c3a-9d0a-4c51-9f8e-3a1b2c4d5e6f"});
        let empty = json!([]);
        assert_eq!(write(json!([instance, node("LoadImage", "cat.png")]), empty.clone()), [""; 0]);
        assert_eq!(write(json!([node("LoadImage", "../../x.png")]), empty.clone()), ["path_escape"]);
        assert_eq!(write(json!([node("SaveImage", "../../x")]), empty), ["path_escape"]);
        let inner = json!([node("LoadImage", "../../../etc/passwd")]);
        assert_eq!(write(json!([instance]), inner), ["path_escape"]);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_bytes(folder.path()).unwrap_err().message().contains("no file"));
        assert!(read_bytes(&folder.path().join("none")).unwrap_err().message().contains("cannot be read"));
    }
}
