//! The table “What a finding does”, cell by cell.

use serde_json::json;

use super::*;
use crate::{
    inspector::{Flag, Inspector, Knowledge},
    settings::{ApiNodes, Security},
};
use comfywarden_error::Kind;

fn inspector(mode: Mode, budget: u64) -> Inspector {
    Inspector::new(&Security {
        mode,
        api_nodes: ApiNodes { budget, ..ApiNodes::default() },
        ..Security::default()
    })
}

fn workflow() -> Workflow {
    Workflow::from_value(&json!({"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}))
        .unwrap()
}

fn verdict(mode: Mode, budget: u64, flag: Option<Flag>, asking: &Asking) -> Verdict {
    let findings = flag.map(|flag| Finding::new(flag, "what was seen")).into_iter().collect();
    inspector(mode, budget).judge(workflow(), findings, asking)
}

const CAN: Asking = Asking { can_ask: true, approved_hash: None, answer_was_no: false, cost: None };
const CANNOT: Asking = Asking { can_ask: false, ..CAN };

fn no() -> Asking {
    Asking { answer_was_no: true, ..CAN }
}

fn yes() -> Asking {
    Asking { approved_hash: Some(hash_of(&write(&workflow()).unwrap())), ..CAN }
}

fn runs(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Approved(_))
}

fn asks(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Ask { question, workflow_hash } if question.contains("what was seen") && workflow_hash.len() == 64)
}

fn refuses(verdict: &Verdict, kind: Kind) -> bool {
    matches!(verdict, Verdict::Refused(error) if error.kind() == kind && error.hint_text().is_some())
}

const WARNINGS: [Flag; 8] = [
    Flag::ExternalUrl,
    Flag::SubgraphUnresolved,
    Flag::NodeReplacement,
    Flag::SecretInInput,
    Flag::LlmInjection,
    Flag::ControlChars,
    Flag::PickleModel,
    Flag::MissingModel,
];
const DANGERS: [Flag; 5] =
    [Flag::DangerousNode, Flag::CodeInInput, Flag::PathEscape, Flag::SsrfUrl, Flag::SuspiciousClassName];
const FAULTS: [Flag; 3] = [Flag::Malformed, Flag::DepthExceeded, Flag::ResourceAbuse];

/// A new flag does not compile until it has a row; here the rows and the lists above agree.
#[test]
fn every_flag_is_in_the_list_of_its_row() {
    for (flags, severity) in
        [(&WARNINGS[..], Severity::Warning), (&DANGERS, Severity::Dangerous), (&FAULTS, Severity::Refused)]
    {
        assert!(flags.iter().all(|flag| flag.severity() == severity));
    }
    let rest = [Flag::CloudApiNode, Flag::ClassNotAllowed];
    let mut all: Vec<&str> =
        [&WARNINGS[..], &DANGERS, &FAULTS, &rest].concat().into_iter().map(Flag::as_str).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 18, "each flag once: {all:?}");
}

#[test]
fn with_several_findings_the_strictest_row_wins() {
    let judged = |mode, flags: &[Flag], asking: &Asking| {
        let findings = flags.iter().map(|flag| Finding::new(*flag, "what was seen")).collect();
        inspector(mode, 9).judge(workflow(), findings, asking)
    };
    for fault in FAULTS {
        let flags = [Flag::ExternalUrl, fault, Flag::CloudApiNode];
        assert!(matches!(judged(Mode::Audit, &flags, &yes()), Verdict::Refused(_)), "{fault:?}");
    }
    let both = [Flag::ExternalUrl, Flag::DangerousNode];
    assert!(asks(&judged(Mode::Audit, &both, &CAN)));
    assert!(refuses(&judged(Mode::Enforce, &both, &yes()), Kind::Denied));
}

#[test]
fn nothing_found_runs_in_both_modes() {
    for mode in [Mode::Audit, Mode::Enforce] {
        assert!(runs(&verdict(mode, 0, None, &CANNOT)));
    }
}

#[test]
fn a_warning_runs_in_audit_mode_whether_or_not_it_can_be_asked_about() {
    for flag in WARNINGS {
        assert!(runs(&verdict(Mode::Audit, 0, Some(flag), &CAN)));
        assert!(runs(&verdict(Mode::Audit, 0, Some(flag), &CANNOT)));
    }
}

#[test]
fn a_warning_asks_in_enforce_mode_and_anything_but_a_yes_refuses() {
    for flag in WARNINGS {
        assert!(asks(&verdict(Mode::Enforce, 0, Some(flag), &CAN)));
        assert!(runs(&verdict(Mode::Enforce, 0, Some(flag), &yes())));
        assert!(refuses(&verdict(Mode::Enforce, 0, Some(flag), &no()), Kind::Denied));
        assert!(refuses(&verdict(Mode::Enforce, 0, Some(flag), &CANNOT), Kind::Denied));
    }
}

#[test]
fn danger_in_audit_mode_asks_where_it_can_and_runs_where_it_cannot() {
    for flag in DANGERS {
        assert!(asks(&verdict(Mode::Audit, 0, Some(flag), &CAN)));
        assert!(runs(&verdict(Mode::Audit, 0, Some(flag), &yes())));
        assert!(refuses(&verdict(Mode::Audit, 0, Some(flag), &no()), Kind::Denied));
        assert!(runs(&verdict(Mode::Audit, 0, Some(flag), &CANNOT)));
    }
}

#[test]
fn danger_in_enforce_mode_is_refused_even_with_a_yes() {
    for flag in DANGERS {
        for asking in [CAN, CANNOT, yes()] {
            assert!(refuses(&verdict(Mode::Enforce, 0, Some(flag), &asking), Kind::Denied));
        }
    }
}

#[test]
fn a_class_off_the_allow_list_is_refused_without_a_question() {
    for asking in [CAN, CANNOT, yes()] {
        assert!(refuses(&verdict(Mode::Enforce, 0, Some(Flag::ClassNotAllowed), &asking), Kind::Denied));
    }
}

#[test]
fn paid_nodes_are_refused_without_a_budget_and_asked_about_with_one() {
    for mode in [Mode::Audit, Mode::Enforce] {
        let flag = Some(Flag::CloudApiNode);
        for asking in [CAN, CANNOT, yes()] {
            assert!(refuses(&verdict(mode, 0, flag, &asking), Kind::Denied));
        }
        assert!(asks(&verdict(mode, 5, flag, &CAN)));
        assert!(runs(&verdict(mode, 5, flag, &yes())));
        assert!(refuses(&verdict(mode, 5, flag, &no()), Kind::Denied));
        assert!(runs(&verdict(mode, 5, flag, &CANNOT)));
    }
}

#[test]
fn malformed_and_oversized_are_refused_in_both_modes() {
    for flag in FAULTS {
        for mode in [Mode::Audit, Mode::Enforce] {
            for asking in [CAN, CANNOT, yes()] {
                assert!(refuses(&verdict(mode, 9, Some(flag), &asking), Kind::InvalidInput));
            }
        }
    }
}

#[test]
fn a_yes_to_another_workflow_is_no_yes() {
    let stale = Asking { approved_hash: Some("0".repeat(64)), ..CAN };
    assert!(refuses(&verdict(Mode::Audit, 0, Some(Flag::DangerousNode), &stale), Kind::Denied));
}

#[test]
fn enforce_with_an_empty_list_lets_core_classes_run_and_nothing_else() {
    let inspector = inspector(Mode::Enforce, 0);
    let flags = |class: &str| -> Vec<Flag> {
        let value = json!({"1": {"class_type": class, "inputs": {}}});
        inspector.inspect_value(&value, &Knowledge::default()).iter().map(|finding| finding.flag).collect()
    };
    assert_eq!(flags("KSampler"), []);
    assert_eq!(flags("KSampler (Efficient)"), [Flag::ClassNotAllowed]);
    assert_eq!(flags("LoadTrainingDataset"), [Flag::ClassNotAllowed]);
    assert_eq!(flags("Terminal"), [Flag::DangerousNode, Flag::ClassNotAllowed]);
}

#[test]
fn the_vetted_bytes_are_the_text_of_the_workflow_and_the_hash_is_of_them() {
    let graph = json!({
        "9": {"class_type": "A", "inputs": {"b": ["1", 0], "a": "é\n\u{1}", "f": 1.0, "n": null}, "_meta": {"title": "T"}},
        "1": {"class_type": "B", "inputs": {}}
    });
    let workflow = Workflow::from_value(&graph).unwrap();
    let Verdict::Approved(vetted) = inspector(Mode::Audit, 0).judge(workflow, Vec::new(), &CAN) else {
        panic!("not approved");
    };
    assert_eq!(vetted.bytes().as_ref(), graph.to_string().as_bytes());
    assert_eq!(vetted.bytes().as_ref(), vetted.workflow().to_value().to_string().as_bytes());
    assert_eq!(vetted.hash(), hex::encode(Sha256::digest(vetted.bytes())));
}
