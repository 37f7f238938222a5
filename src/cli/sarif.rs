//! Writes findings as SARIF 2.1.0, which code hosts show beside the lines of a change.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};

use super::{
    line_finder::LineFinder,
    rules::{level, rule},
};
use comfywarden_error::Result;
use comfywarden_policy::{Finding, Flag};

/// One file that was inspected at.
pub(super) struct Report<'a> {
    pub(super) file: &'a Path,
    /// The bytes of the file if they are JSON text: only then findings have lines.
    pub(super) text: Option<&'a [u8]>,
    pub(super) inspected: &'a Result<Vec<Finding>>,
}

/// Builds the log of one run over these files.
pub(super) fn log(reports: &[Report<'_>]) -> Value {
    let mut flags: Vec<Flag> = Vec::new();
    let mut results = Vec::new();
    let mut failures = Vec::new();
    for Report { file, text, inspected } in reports {
        match inspected {
            Ok(findings) => {
                let mut lines = text.filter(|_| !findings.is_empty()).and_then(LineFinder::new);
                for finding in findings {
                    let at = flags.iter().position(|flag| *flag == finding.flag).unwrap_or_else(|| {
                        flags.push(finding.flag);
                        flags.len() - 1
                    });
                    let input = finding.input.as_deref();
                    let line = lines.as_mut().and_then(|lines| lines.line(finding.way(), input));
                    results.push(result(file, finding, at, line));
                }
            }
            Err(error) => failures.push(json!({
                "level": "error",
                "message": { "text": error.message() },
                "locations": [{ "physicalLocation": physical(file, None) }],
            })),
        }
    }
    let rules: Vec<Value> = flags.into_iter().map(rule).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "comfywarden",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": failures.is_empty(),
                "toolExecutionNotifications": failures,
            }],
            "results": results,
        }],
    })
}

fn result(file: &Path, finding: &Finding, rule: usize, line: Option<usize>) -> Value {
    let mut location = json!({ "physicalLocation": physical(file, line) });
    let places = logical(finding);
    if let Some(object) = location.as_object_mut().filter(|_| !places.is_empty()) {
        object.insert("logicalLocations".into(), places.into());
    }
    json!({
        "ruleId": finding.flag.as_str(),
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": { "text": finding.warning() },
        "locations": [location],
    })
}

fn physical(file: &Path, line: Option<usize>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": reference(file) } });
    if let (Some(line), Some(object)) = (line, place.as_object_mut()) {
        object.insert("region".into(), json!({ "startLine": line }));
    }
    place
}

/// Returns the node, or the input and its node.
fn logical(finding: &Finding) -> Vec<Value> {
    let Some(node) = &finding.node_id else { return Vec::new() };
    let place = |name: &str, full: &str, kind: &str| json!({ "name": name, "fullyQualifiedName": full, "kind": kind });
    let outer = place(node, node, "object");
    match &finding.input {
        Some(input) => vec![place(input, &format!("{node}.{input}"), "property"), outer],
        None => vec![outer],
    }
}

/// Writes the file's name as a URI reference.
fn reference(file: &Path) -> String {
    let mut uri = String::new();
    for byte in file.to_string_lossy().replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use comfywarden_error::Error;

    fn logged(file: &str, text: Option<&str>, inspected: &Result<Vec<Finding>>) -> Value {
        let (file, text) = (Path::new(file), text.map(str::as_bytes));
        log(&[Report { file, text, inspected }])["runs"][0].take()
    }

    #[test]
    fn findings_become_results_with_rule_line_and_place() {
        let finding =
            Finding::new(Flag::DangerousNode, "Dangerous node type: X").node("3", "X").input("code");
        let text = "{\"3\":\n{\"inputs\": {\n\"code\": 1}}}";
        let run = logged("a b#c.json", Some(text), &Ok(vec![finding.clone(), finding.clone()]));
        assert_eq!(run["tool"]["driver"]["rules"], json!([rule(Flag::DangerousNode)]));
        assert_eq!(run["results"].as_array().unwrap().len(), 2);
        let result = &run["results"][1];
        assert_eq!((&result["level"], &result["ruleIndex"]), (&json!("error"), &json!(0)));
        let location = &result["locations"][0];
        assert_eq!(
            location["physicalLocation"],
            json!({"artifactLocation": {"uri": "a%20b%23c.json"}, "region": {"startLine": 3}})
        );
        assert_eq!(
            location["logicalLocations"],
            json!([
                {"name": "code", "fullyQualifiedName": "3.code", "kind": "property"},
                {"name": "3", "fullyQualifiedName": "3", "kind": "object"}
            ])
        );
        let picture = logged("a.png", None, &Ok(vec![finding]));
        assert!(picture["results"][0]["locations"][0]["physicalLocation"].get("region").is_none());
    }

    #[test]
    fn names_of_files_become_uri_references() {
        for (name, uri) in [
            ("a:b.json", "a%3Ab.json"),
            ("é?.json", "%C3%A9%3F.json"),
            ("/tmp/a.json", "/tmp/a.json"),
            ("100%25.json", "100%2525.json"),
        ] {
            assert_eq!(reference(Path::new(name)), uri);
        }
    }

    #[test]
    fn unreadable_files_become_notifications() {
        let run = logged("b.json", None, &Err(Error::invalid_input("no workflow")));
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"], "no workflow");
    }
}
