//! A ComfyUI that lies: what it says reaches the assistant as visible, harmless, bounded text.

use comfywarden::tools::Reply;
use comfywarden_policy::display::is_hidden;
use serde_json::{Value, json};

use crate::support::{TestApp, tiny_workflow};

/// Steers a terminal, turns the direction of reading, loads a picture, spells what nobody sees.
const NASTY: &str =
    "a\u{1b}[2Jb\u{202e}c![x](https://evil.example/?d=1)<img src=x>\u{9b}\u{e0041}[y](javascript:1)\u{7}";

/// Everything that a client would get from this call, as one text.
async fn told(app: &TestApp, tool: &str, args: Value) -> String {
    match app.reply(tool, args).await {
        Ok(Reply::Done { structured, blocks }) => texts(&structured) + &format!("{blocks:?}"),
        Ok(Reply::Ask { question, .. }) => question,
        Err(error) => texts(&Value::Object(error.to_json())),
    }
}

/// The texts and keys as a client reads them, escapes undone.
fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| [format!("{key}\n"), texts(value)]).collect()
        }
        other => other.to_string(),
    }
}

#[track_caller]
fn harmless(told: &str, what: &str) {
    let hidden = told.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(hidden, None, "{what}: {told}");
    for live in ["](https:", "](javascript:", "<img "] {
        assert!(!told.contains(live), "{what} has `{live}`: {told}");
    }
    assert!(told.len() < 60_000, "{what} has {} bytes", told.len());
}

#[tokio::test]
async fn lists_and_facts_from_upstream_are_defused() {
    let app = TestApp::start().await;
    let faults = app.sim.faults();
    let cases = [
        (
            "/queue",
            json!({"queue_running": [[0, NASTY, {"1": {"class_type": NASTY, "inputs": {}}}, {}, []]], "queue_pending": []}),
            "comfyui_get_queue",
            json!({}),
        ),
        (
            "/system_stats",
            json!({"system": {"comfyui_version": NASTY, "os": NASTY, "python_version": NASTY, "ram_total": 1, "ram_free": 1},
                "devices": [{"name": NASTY, "type": NASTY, "index": 0, "vram_total": 1, "vram_free": 1}]}),
            "comfyui_get_system_info",
            json!({}),
        ),
        (
            "/models/checkpoints",
            json!([format!("{NASTY}.safetensors")]),
            "comfyui_list_models",
            json!({"folder": "checkpoints"}),
        ),
    ];
    for (route, body, tool, args) in cases {
        faults.clear();
        faults.answer(route, 200, &body.to_string());
        let told = told(&app, tool, args).await;
        harmless(&told, tool);
        assert!(told.contains("evil.example"), "the text itself arrives: {tool}: {told}");
    }
}

#[tokio::test]
async fn errors_from_upstream_are_defused_and_bounded() {
    let app = TestApp::start().await;
    app.sim.faults().node_error("EmptyImage", NASTY, &NASTY.repeat(5_000));
    let ended = told(&app, "comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    harmless(&ended, "a failing node");
    app.sim.faults().clear();
    app.sim.faults().answer("/queue", 500, &NASTY.repeat(5_000));
    harmless(&told(&app, "comfyui_get_queue", json!({})).await, "a failing route");
    app.sim.faults().clear();
    let refusal = json!({"error": {"type": NASTY, "message": NASTY, "details": NASTY, "extra_info": {NASTY: NASTY}},
        "node_errors": {NASTY: {"class_type": NASTY, "errors": [{"type": NASTY, "message": NASTY, "details": NASTY,
            "extra_info": {"input_name": NASTY}}], "dependent_outputs": [NASTY]}}});
    app.sim.faults().answer("/prompt", 400, &refusal.to_string());
    harmless(&told(&app, "comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await, "a refusal");
}

#[tokio::test]
async fn a_workflow_that_speaks_is_quoted_safely_in_warnings() {
    let app = TestApp::start().await;
    let workflow = json!({
        "1": {"class_type": "Nasty", "inputs": {"code": format!("import os; os.system('x') {NASTY}")}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": NASTY}}
    });
    for tool in [
        "comfyui_run_workflow",
        "comfyui_validate_workflow",
        "comfyui_analyze_workflow",
        "comfyui_summarize_workflow",
    ] {
        harmless(&told(&app, tool, json!({"workflow": workflow})).await, tool);
    }
}

#[tokio::test]
async fn the_log_tells_which_catalogue_was_read_and_what_runs_in_whose_place() {
    let app = TestApp::start().await;
    let replaced = json!({"EmptyImage": [{"new_node_id": "Terminal", "old_node_id": "EmptyImage"}]});
    app.sim.faults().answer("/node_replacements", 200, &replaced.to_string());
    app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
    let records = app.audit.records();
    let inspected = records.iter().find(|record| record["action"] == "inspected").unwrap();
    let snapshot = inspected["extra"]["object_info"].as_str().unwrap();
    assert!(snapshot.len() == 16 && snapshot.bytes().all(|b| b.is_ascii_hexdigit()), "{inspected}");
    let warnings = inspected["warnings"].to_string();
    assert!(warnings.contains("EmptyImage") && warnings.contains("Terminal"), "{warnings}");
}
