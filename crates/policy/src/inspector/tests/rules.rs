//! Cases for every rule, benign ones among them: one line of the fixture each, with exactly the flags that
//! it must have.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

const CASES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/inspector_cases.jsonl"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: Flag,
    flags: Vec<Flag>,
    #[serde(default)]
    enforce: bool,
    object_info: Option<Value>,
    replacements: Option<Value>,
    workflow: Value,
}

fn cases() -> Vec<Case> {
    CASES.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn each_case_has_exactly_its_flags() {
    let mut wrong = Vec::new();
    for mut case in cases() {
        let mode = if case.enforce { crate::settings::Mode::Enforce } else { crate::settings::Mode::Audit };
        let inspector = Inspector::new(&Security { mode, ..Security::default() });
        let info = case.object_info.map(|info| ObjectInfo::parse(info.to_string().as_bytes()).unwrap());
        let knowledge = Knowledge { object_info: info.as_ref(), replacements: case.replacements.as_ref() };
        let findings = inspector.inspect_value(&case.workflow, &knowledge);
        let mut flags: Vec<Flag> = findings.iter().map(|finding| finding.flag).collect();
        flags.sort_unstable();
        flags.dedup();
        case.flags.sort_unstable();
        if flags != case.flags {
            wrong.push(format!("wants {:?}, has {flags:?}: {}", case.flags, case.workflow));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_rule_has_five_cases_of_which_two_are_benign() {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in cases() {
        assert!(case.flags.is_empty() || case.flags.contains(&case.rule), "{:?}", case.rule);
        let count = counts.entry(case.rule.as_str()).or_default();
        count.0 += 1;
        count.1 += usize::from(case.flags.is_empty());
    }
    for rule in Flag::ALL.into_iter().filter(|rule| *rule != Flag::MissingModel) {
        let (cases, benign) = counts.get(rule.as_str()).copied().unwrap_or_default();
        assert!(cases >= 5 && benign >= 2, "{}: {cases} cases, {benign} benign", rule.as_str());
    }
}
