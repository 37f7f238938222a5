#![no_main]
//! Workflows: parsing and inspecting end, whatever is sent, and what is approved is what was inspected.

use comfywarden_policy::{Asking, Inspector, Knowledge, Severity, Verdict, settings::{Mode, Security}};
use comfywarden_workflow::{Workflow, json, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read::read(bytes);
    let Ok(value) = json::parse(bytes) else { return };
    let inspector = Inspector::new(&Security { mode: Mode::Enforce, ..Security::default() });
    inspector.inspect_value(&value, &Knowledge::default());
    let Ok(workflow) = Workflow::from_value(&value) else { return };
    let findings = inspector.inspect(&workflow, &Knowledge::default());
    let bad = findings.iter().any(|finding| finding.severity > Severity::Warning);
    if let Verdict::Approved(vetted) = inspector.judge(workflow.clone(), findings, &Asking::default()) {
        assert!(!bad && *vetted.workflow() == workflow);
    }
});
