//! Findings in SARIF 2.1.0, which code hosts show beside the lines of a change.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};

use crate::{
    error::Result,
    security::{Finding, Severity},
};

/// One log of one run over these files.
pub(super) fn log(reports: &[(&Path, Result<Vec<Finding>>)]) -> Value {
    let mut rules: Vec<&str> = Vec::new();
    let mut results = Vec::new();
    let mut failures = Vec::new();
    for (file, looked) in reports {
        match looked {
            Ok(findings) => {
                for finding in findings {
                    if !rules.contains(&finding.flag.as_str()) {
                        rules.push(finding.flag.as_str());
                    }
                    results.push(result(file, finding));
                }
            }
            Err(error) => failures.push(json!({
                "level": "error",
                "message": { "text": error.message() },
                "locations": [location(file, None)],
            })),
        }
    }
    let rules: Vec<Value> = rules.iter().map(|rule| json!({ "id": rule })).collect();
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

fn result(file: &Path, finding: &Finding) -> Value {
    let level = match finding.severity {
        Severity::Warning => "warning",
        Severity::Paid => "note",
        Severity::Dangerous | Severity::Refused => "error",
    };
    json!({
        "ruleId": finding.flag.as_str(),
        "level": level,
        "message": { "text": finding.message },
        "locations": [location(file, Some(finding))],
    })
}

fn location(file: &Path, finding: Option<&Finding>) -> Value {
    let mut location = json!({
        "physicalLocation": { "artifactLocation": { "uri": reference(file) } },
    });
    let node = finding.and_then(|finding| finding.node_id.as_ref());
    if let (Some(node), Some(object)) = (node, location.as_object_mut()) {
        let input = finding.and_then(|finding| finding.input.as_deref());
        let name = input.map_or_else(|| node.clone(), |input| format!("{node}.{input}"));
        object.insert("logicalLocations".into(), json!([{ "fullyQualifiedName": name, "kind": "element" }]));
    }
    location
}

/// The file's name as a URI reference.
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
    use crate::{error::Error, security::Flag};

    #[test]
    fn findings_become_results_and_unreadable_files_notifications() {
        let finding =
            Finding::new(Flag::DangerousNode, "Dangerous node type: X").node("3", "X").input("code");
        let reports = [
            (Path::new("a b#c.json"), Ok(vec![finding.clone(), finding])),
            (Path::new("b.json"), Err(Error::invalid_input("no workflow"))),
        ];
        let log = log(&reports);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"], json!([{"id": "dangerous_node"}]));
        assert_eq!(run["results"].as_array().unwrap().len(), 2);
        assert_eq!(run["results"][0]["level"], "error");
        assert_eq!(run["results"][0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "3.code");
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b%23c.json");
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"], "no workflow");
    }
}
