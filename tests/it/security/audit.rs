//! The gate and its log, as the rest of the program sees them.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::time::Duration;

use comfywarden::{
    config::{AuditFail, Limits, Logging, RateLimits},
    gate::{AuditLog, CallId, Caller, Class, Contract, Gate, Outcome, Permit, audit},
};
use comfywarden_error::{JsonObject, Kind};
use comfywarden_policy::settings::Security;
use serde_json::{Value, json};

fn object(value: &Value) -> JsonObject {
    value.as_object().unwrap().clone()
}

fn contract(class: Class) -> Contract {
    let schema = json!({
        "type": "object",
        "properties": {"limit": {"type": "integer", "maximum": 100}, "prompt": {"type": "string"}},
        "additionalProperties": false
    });
    Contract::new("comfyui_test", class, object(&schema))
}

fn gate(log: &AuditLog) -> std::sync::Arc<Gate> {
    Gate::new(&Security::default(), &RateLimits::default(), &Limits::default(), log.clone())
}

async fn admit(
    gate: &std::sync::Arc<Gate>,
    caller: &Caller,
    class: Class,
    args: &Value,
) -> Result<Permit, Kind> {
    let mut args = object(args);
    gate.admit(caller, CallId::new(), false, &contract(class), &mut args).await.map_err(|error| error.kind())
}

fn actions(log: &AuditLog) -> Vec<String> {
    log.records().iter().map(|record| record["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_finished_call_leaves_one_called_and_one_outcome() {
    let log = AuditLog::memory();
    let permit = admit(&gate(&log), &Caller::local(), Class::Read, &json!({"limit": 5})).await.unwrap();
    permit.trail().event("inspected", object(&json!({"nodes_used": ["KSampler"], "note": 1}))).await.unwrap();
    permit.finish(&Outcome::Completed { prompt_id: Some("p1".into()) }).await.unwrap();
    let records = log.records();
    assert_eq!(actions(&log), ["called", "inspected", "completed"]);
    assert!(records.iter().all(|record| record["call_id"] == records[0]["call_id"]));
    assert_eq!(records[0]["extra"]["arguments"], json!({"limit": 5}));
    assert_eq!(records[0]["class"], "read");
    assert_eq!(records[1]["nodes_used"], json!(["KSampler"]));
    assert_eq!(records[2]["prompt_id"], "p1");
    assert!(records[2]["duration_ms"].is_number());
}

#[tokio::test]
async fn a_dropped_permit_is_a_cancelled_call() {
    let log = AuditLog::memory();
    drop(admit(&gate(&log), &Caller::local(), Class::Read, &json!({})).await.unwrap());
    assert_eq!(actions(&log), ["called", "cancelled"]);
}

#[tokio::test]
async fn a_permit_is_for_its_own_tool() {
    let log = AuditLog::memory();
    let permit = admit(&gate(&log), &Caller::local(), Class::Read, &json!({})).await.unwrap();
    assert!(permit.check_tool("comfyui_test").is_ok());
    assert_eq!(permit.check_tool("comfyui_other").unwrap_err().kind(), Kind::Internal);
}

#[tokio::test]
async fn checks_come_in_order_and_every_refusal_is_called_and_refused() {
    let log = AuditLog::memory();
    let gate = gate(&log);
    let reader = Caller::with_classes("key-1", [Class::Read]);
    let too_long = json!({"prompt": "x".repeat(2 << 20), "limit": 500});
    let too_deep = (0..80).fold(json!(1), |inner, _| json!({"prompt": inner}));
    // Size and depth before access, access before the schema, the schema before the bucket.
    assert_eq!(admit(&gate, &reader, Class::Admin, &too_long).await.unwrap_err(), Kind::InvalidInput);
    assert_eq!(admit(&gate, &reader, Class::Admin, &too_deep).await.unwrap_err(), Kind::InvalidInput);
    assert_eq!(admit(&gate, &reader, Class::Admin, &json!({"limit": 500})).await.unwrap_err(), Kind::Denied);
    for _ in 0..70 {
        assert_eq!(
            admit(&gate, &reader, Class::Read, &json!({"limit": 500})).await.unwrap_err(),
            Kind::InvalidInput
        );
    }
    admit(&gate, &reader, Class::Read, &json!({"limit": 5})).await.unwrap();
    let actions = actions(&log);
    let count = |wanted: &str| actions.iter().filter(|action| *action == wanted).count();
    assert_eq!((count("called"), count("refused"), count("cancelled")), (74, 73, 1));
}

#[tokio::test(start_paused = true)]
async fn the_call_after_the_limit_is_refused_and_the_answer_to_a_question_is_not() {
    let log = AuditLog::memory();
    let gate = gate(&log);
    let local = Caller::local();
    for _ in 0..10 {
        admit(&gate, &local, Class::Generation, &json!({})).await.unwrap();
    }
    assert_eq!(admit(&gate, &local, Class::Generation, &json!({})).await.unwrap_err(), Kind::RateLimited);
    let resumed =
        gate.admit(&local, CallId::new(), true, &contract(Class::Generation), &mut JsonObject::new()).await;
    assert!(resumed.is_ok());
    assert!(actions(&log).contains(&"resumed".to_owned()));
    tokio::time::advance(Duration::from_secs(7)).await;
    admit(&gate, &local, Class::Generation, &json!({})).await.unwrap();
}

#[tokio::test]
async fn an_unknown_tool_is_audited_and_answered_with_the_nearest_names() {
    let log = AuditLog::memory();
    let known = ["comfyui_get_queue", "comfyui_get_image"];
    let error = gate(&log)
        .refuse_unknown(&Caller::local(), CallId::new(), "comfyui_get_queu", &JsonObject::new(), &known)
        .await;
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.hint_text().unwrap().starts_with("did you mean `comfyui_get_queue`"));
    assert_eq!(actions(&log), ["called", "refused"]);
}

#[tokio::test]
async fn explicit_nulls_are_dropped_and_prompts_and_secrets_stay_out_of_the_log() {
    let log = AuditLog::memory();
    let mut args = object(&json!({"limit": null, "prompt": "a cat hf_EXAMPLEexampleEXAMPLEexample"}));
    let permit =
        gate(&log).admit(&Caller::local(), CallId::new(), false, &contract(Class::Read), &mut args).await;
    assert!(permit.is_ok() && !args.contains_key("limit"));
    let text = log.records()[0].to_string();
    assert!(!text.contains("a cat") && !text.contains("hf_EXAMPLE"), "{text}");
    assert_eq!(log.records()[0]["extra"]["arguments"]["prompt"]["chars"], 37);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_lets_no_call_in_when_it_is_closed() {
    let log = AuditLog::memory();
    log.fail_writes(true);
    assert_eq!(
        admit(&gate(&log), &Caller::local(), Class::Read, &json!({})).await.unwrap_err(),
        Kind::Unavailable
    );
    assert!(log.failures() > 0);
}

#[tokio::test]
async fn the_file_holds_what_happened_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let logging = Logging { audit_file: file.clone(), audit_fail: AuditFail::Closed, ..Logging::default() };
    let log = AuditLog::open(&logging, &Security::default()).unwrap();
    let gate = gate(&log);
    let permit = admit(&gate, &Caller::local(), Class::Read, &json!({"limit": 1})).await.unwrap();
    permit.finish(&Outcome::Failed { kind: Kind::Upstream, prompt_id: None }).await.unwrap();
    drop(admit(&gate, &Caller::local(), Class::Read, &json!({})).await.unwrap());
    log.flush().await;
    let (_, records) = audit::tail::Tail::open(&file, 10).unwrap();
    let seen: Vec<&str> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(seen, ["started", "called", "failed", "called", "cancelled"]);
    assert_eq!(records[2]["status"], "upstream");
    assert!(audit::verify(&file).unwrap().is_ok());
}
