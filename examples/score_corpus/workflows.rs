//! Workflows: every malicious one has its flags, no benign one has any.

use std::collections::BTreeMap;

use comfywarden_policy::{Inspector, Knowledge, settings::Security};
use comfywarden_workflow::ObjectInfo;
use serde_json::Value;

use crate::case::{Case, Score, text, texts};

/// Inspects each workflow. Cases without an `object_info` of their own use `catalogue`.
pub(crate) fn score(cases: &[Case], catalogue: Option<&ObjectInfo>) -> Score {
    let inspector = Inspector::new(&Security::default());
    let mut score = Score::new(&["missed", "falsely_flagged", "missed_code", "code_cases"]);
    let mut by_category: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (line, case) in cases {
        let Some(case) = case else {
            score.miss("missed", line);
            continue;
        };
        let own =
            case.get("object_info").and_then(|info| ObjectInfo::parse(info.to_string().as_bytes()).ok());
        let knowledge = Knowledge {
            object_info: own.as_ref().or(catalogue),
            replacements: case.get("node_replacements"),
        };
        let workflow = case.get("workflow").cloned().unwrap_or_default();
        let findings = inspector.inspect_value(&workflow, &knowledge);
        let flags: Vec<&str> = findings.iter().map(|finding| finding.flag.as_str()).collect();
        let category = text(case, "category");
        let entry = by_category.entry(category.to_owned()).or_default();
        entry.0 += 1;
        let why = text(case, "why");
        if case.get("benign") == Some(&Value::Bool(true)) {
            let allowed = texts(case, "allow_flags");
            if let Some(finding) = findings.iter().find(|finding| !allowed.contains(&finding.flag.as_str())) {
                entry.1 += 1;
                score.miss("falsely_flagged", format_args!("{category}: {why}: {}", finding.message));
            }
            continue;
        }
        let code = category.starts_with("code_");
        if code {
            score.count("code_cases");
        }
        let missing: Vec<&str> =
            texts(case, "expect_flags").into_iter().filter(|flag| !flags.contains(flag)).collect();
        if !missing.is_empty() {
            entry.1 += 1;
            if code {
                score.count("missed_code");
            }
            score.miss(
                "missed",
                format_args!("{category}: {why}: wants {missing:?}, has {flags:?}: {workflow}"),
            );
        }
    }
    for (category, (cases, wrong)) in by_category {
        score.misses.push(format!("{category}: {wrong} of {cases} wrong"));
    }
    score
}
