//! What is told of jobs is true: odd numbers and entries, blocked nodes, deaf sockets, dead workers, lost places.

use std::time::Duration;

use comfywarden::comfy::{EventKind, JobQuery, JobState};
use comfywarden_error::Kind;
use comfywarden_sim::Sim;
use serde_json::{Value, json};

use crate::support::{
    TestApp, bounded,
    comfy::{TestResult, all_events, client, nonce, picture, sleep, submit, watch},
    tiny_workflow, two_jobs,
};

/// A blocked branch, and beside it a picture where `with_picture`.
fn blocked(message: &str, with_picture: bool) -> Value {
    let mut workflow = json!({
        "1": {"class_type": "RigBlock", "inputs": {"message": message}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blocked"}},
    });
    if with_picture {
        for (id, node) in picture(nonce()).as_object().into_iter().flatten() {
            let mut node = node.clone();
            if let Some(link) = node.pointer_mut("/inputs/images/0") {
                *link = json!("11");
            }
            workflow[format!("1{id}")] = node;
        }
    }
    workflow
}

async fn ended(app: &TestApp, workflow: Value) -> (String, Value) {
    let told = app.call("comfyui_run_workflow", json!({"workflow": workflow})).await;
    let id = told["prompt_id"].as_str().unwrap_or_default().to_owned();
    let progress =
        app.call("comfyui_get_progress", json!({"prompt_id": id.as_str(), "wait_seconds": 20})).await;
    (id, progress)
}

#[tokio::test]
async fn numbers_that_json_does_not_have_hide_nothing() -> TestResult {
    for jobs_api in [true, false] {
        let sim = Sim::builder().start().await?;
        if !jobs_api {
            sim.faults().fail_requests("/jobs", u64::MAX, 404);
        }
        sim.faults().show_non_finite("SaveImage");
        let app = TestApp::on(sim, |_| ());
        let told = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
        assert_eq!(told["status"], "completed", "{told}");
        assert_eq!(told["outputs"].as_array().map(Vec::len), Some(1), "{told}");
        let id = json!({"prompt_id": told["prompt_id"]});
        assert_eq!(app.call("comfyui_get_progress", id.clone()).await["status"], "completed");
        assert_eq!(app.call("comfyui_get_job", id.clone()).await["status"], "completed");
        assert_eq!(app.call("comfyui_diagnose_job", id.clone()).await["verdict"], "succeeded");
        assert_eq!(app.call("comfyui_cancel_job", id).await["state"], "already_finished");
        for list in
            ["comfyui_list_jobs", "comfyui_get_history", "comfyui_list_outputs", "comfyui_list_assets"]
        {
            let told = app.call(list, json!({})).await.to_string();
            assert!(
                told.contains("contract") || told.contains(".png") || told.contains("completed"),
                "{list}: {told}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn frames_with_numbers_that_json_does_not_have_are_heard() -> TestResult {
    let sim = Sim::builder().start().await?;
    sim.faults().show_non_finite("SaveImage");
    let client = client(&sim.url(), |_| ())?;
    let submitted = submit(&client, &picture(nonce())).await?;
    assert_eq!(watch(&client, &submitted.prompt_id).await?.1.outcome, JobState::Succeeded);
    assert_eq!(client.feed_stats().malformed, 0);
    Ok(())
}

#[tokio::test]
async fn one_odd_entry_spoils_no_list() -> TestResult {
    for jobs_api in [true, false] {
        let sim = Sim::builder().start().await?;
        if !jobs_api {
            sim.faults().fail_requests("/jobs", u64::MAX, 404);
        }
        let client = client(&sim.url(), |_| ())?;
        let submitted = submit(&client, &picture(nonce())).await?;
        watch(&client, &submitted.prompt_id).await?;
        for (at, odd) in [
            Value::Null,
            json!("no entry"),
            json!([]),
            json!({}),
            json!({"prompt": 7, "outputs": null, "status": "?"}),
            json!({"prompt": [null, 3, [], "x"], "outputs": [], "status": {"messages": 1, "completed": null}}),
        ]
        .into_iter()
        .enumerate()
        {
            sim.put_history(&format!("odd-{at}"), odd);
        }
        let entries = client.history_list(100).await?;
        assert_eq!(entries.len(), 7);
        let id = submitted.prompt_id.as_str();
        assert!(entries.iter().any(|entry| entry.prompt_id == id && entry.outputs.len() == 1));
        assert_eq!(client.produced(100).await?.jobs.len(), 7);
        let mut marks = 0;
        client
            .history_marks(|_, _| {
                marks += 1;
                false
            })
            .await?;
        assert_eq!(marks, 7);
        assert!(client.jobs(&JobQuery::default()).await?.jobs.iter().any(|job| job.id == id));
    }
    Ok(())
}

#[tokio::test]
async fn one_odd_entry_of_the_queue_is_shown_as_such() -> TestResult {
    let sim = Sim::builder().start().await?;
    let body = r#"{"queue_running": [[NaN, "a", {"1": {}}, {"client_id": 7, "create_time": Infinity}, []], null],
        "queue_pending": [[2, 5, null, [], {}], "no entry", {}, [3, "b", {}, null, null]]}"#;
    sim.faults().answer("/queue", 200, body);
    let queue = client(&sim.url(), |_| ())?.queue().await?;
    let ids = |items: &[comfywarden::comfy::QueueItem]| {
        items.iter().map(|item| item.prompt_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&queue.running), ["a", "(unreadable)"]);
    assert_eq!(ids(&queue.pending), ["(unreadable)", "(unreadable)", "(unreadable)", "b"]);
    Ok(())
}

#[tokio::test]
async fn a_blocked_job_says_why_on_every_way() {
    let app = TestApp::start().await;
    let (id, progress) = ended(&app, blocked("the gate is closed", false)).await;
    assert_eq!((&progress["status"], &progress["error"]["kind"]), (&json!("completed"), &json!("blocked")));
    assert!(progress["error"]["message"].as_str().unwrap().contains("the gate is closed"), "{progress}");
    let again = app.call("comfyui_get_progress", json!({"prompt_id": id})).await;
    assert_eq!(again["error"], progress["error"]);
    let job = app.call("comfyui_get_job", json!({"prompt_id": id})).await;
    assert!(job["error"]["message"].as_str().unwrap().contains("the gate is closed"), "{job}");
    let diagnosis = app.call("comfyui_diagnose_job", json!({"prompt_id": id})).await;
    assert_eq!(diagnosis["verdict"], "blocked", "{diagnosis}");
    assert!(diagnosis.to_string().contains("the gate is closed"), "{diagnosis}");
}

#[tokio::test]
async fn a_run_with_a_blocked_branch_names_the_missing_output() {
    let app = TestApp::start().await;
    let (id, progress) = ended(&app, blocked("half", true)).await;
    assert_eq!(progress["outputs"].as_array().map(Vec::len), Some(1), "{progress}");
    let message = progress["error"]["message"].as_str().unwrap();
    assert!(message.contains("half") && message.contains("no output of node 2 (SaveImage)"), "{message}");
    let diagnosis = app.call("comfyui_diagnose_job", json!({"prompt_id": id})).await;
    assert!(diagnosis.to_string().contains("no output of node 2 (SaveImage)"), "{diagnosis}");
}

#[tokio::test]
async fn a_socket_whose_name_was_stolen_is_replaced() -> TestResult {
    let sim = Sim::builder().start().await?;
    let client = client(&sim.url(), |_| ())?;
    let first = submit(&client, &picture(nonce())).await?;
    watch(&client, &first.prompt_id).await?;
    sim.faults().steal_ws_names();
    let deaf = submit(&client, &picture(nonce())).await?;
    assert_eq!(watch(&client, &deaf.prompt_id).await?.1.outcome, JobState::Succeeded);
    bounded(async {
        while client.feed_stats().connections < 2 {
            let next = submit(&client, &picture(nonce())).await?;
            watch(&client, &next.prompt_id).await?;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    })
    .await?;
    let heard = submit(&client, &picture(nonce())).await?;
    let (events, _) = watch(&client, &heard.prompt_id).await?;
    assert!(events.iter().any(|event| matches!(event, EventKind::NodeDone { .. })), "{events:?}");
    Ok(())
}

#[tokio::test]
async fn silence_counts_from_the_last_sign_of_life_across_watchers() -> TestResult {
    let sim = Sim::builder().start().await?;
    sim.faults().stall("EmptyImage");
    let client = client(&sim.url(), |config| config.timing.stall_after = Duration::from_millis(200))?;
    let submitted = submit(&client, &picture(nonce())).await?;
    let mut watcher = client.watch(&submitted.prompt_id);
    crate::support::comfy::until(&mut watcher, |event| *event == EventKind::Stalled(true)).await?;
    drop(watcher);
    assert!(client.stalled_for(&submitted.prompt_id).is_some());
    // Another watcher does not begin to count anew.
    let mut another = client.watch(&submitted.prompt_id);
    crate::support::comfy::until(&mut another, |event| *event == EventKind::Stalled(true)).await?;
    assert!(client.stalled_for(&submitted.prompt_id).is_some_and(|silence| silence.as_millis() >= 200));
    Ok(())
}

#[tokio::test]
async fn a_job_that_was_taken_out_of_the_queue_was_cancelled_for_every_tool() {
    let app = TestApp::start().await;
    let (_, waiting, held) = two_jobs(&app).await;
    let id = json!({"prompt_id": waiting});
    for _ in 0..2 {
        let removed = app.call("comfyui_cancel_job", id.clone()).await;
        assert_eq!(removed["state"], "removed_from_queue", "{removed}");
    }
    assert_eq!(app.call("comfyui_get_progress", id.clone()).await["status"], "interrupted");
    assert_eq!(app.call("comfyui_get_job", id.clone()).await["status"], "cancelled");
    assert_eq!(app.call("comfyui_diagnose_job", id).await["verdict"], "removed");
    held.release();
}

#[tokio::test]
async fn a_job_that_others_take_out_of_the_queue_is_not_said_to_be_lost_by_a_restart_alone() -> TestResult {
    let app = TestApp::start().await;
    let (_, waiting, held) = two_jobs(&app).await;
    assert!(app.sim.remove_pending(&waiting));
    let told = app.call("comfyui_get_progress", json!({"prompt_id": waiting, "wait_seconds": 20})).await;
    assert_eq!(told["status"], "unknown", "{told}");
    assert!(told["next"].as_str().unwrap().contains("deleted from the queue"), "{told}");
    held.release();
    Ok(())
}

#[tokio::test]
async fn every_node_is_told_to_be_through_also_one_with_steps() -> TestResult {
    let sim = Sim::builder().start().await?;
    let client = client(&sim.url(), |_| ())?;
    let submitted = submit(&client, &sleep(0.01, 2)).await?;
    let (events, _) = all_events(client.watch(&submitted.prompt_id)).await?;
    let done: Vec<&str> = events
        .iter()
        .filter_map(
            |event| if let EventKind::NodeDone { node_id } = event { Some(node_id.as_str()) } else { None },
        )
        .collect();
    assert!(done.contains(&"1"), "{events:?}");
    Ok(())
}

#[tokio::test]
async fn a_picture_that_only_the_socket_gets_is_not_passed_over_in_silence() {
    let app = TestApp::start().await;
    let workflow = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 7}},
        "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    });
    let told = app.call("comfyui_run_workflow", json!({"workflow": workflow.clone(), "wait": true})).await;
    assert_eq!(told["status"], "completed", "{told}");
    assert!(told["warnings"].to_string().contains("node 2 (SaveImageWebsocket)"), "{told}");
}

#[tokio::test]
async fn what_was_made_before_a_failure_is_shown() {
    let app = TestApp::start().await;
    let mut workflow = tiny_workflow();
    workflow["8"] = json!({"class_type": "RigFail", "inputs": {"image": ["1", 0], "kind": "ValueError", "message": "no"}});
    workflow["9"] = json!({"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}});
    let (_, progress) = ended(&app, workflow).await;
    assert_eq!(progress["status"], "error", "{progress}");
    assert_eq!(progress["outputs"].as_array().map(Vec::len), Some(1), "{progress}");
}

#[tokio::test]
async fn a_workflow_that_comfyui_refuses_is_invalid_input() {
    let app = TestApp::start().await;
    let mut workflow = tiny_workflow();
    for node in workflow.as_object_mut().into_iter().flatten().map(|(_, node)| node) {
        if let Some(images) = node.pointer_mut("/inputs/images/0") {
            *images = json!("99");
        }
    }
    let error = app.refused("comfyui_run_workflow", json!({"workflow": workflow})).await;
    assert_eq!(error.kind(), Kind::InvalidInput, "{error:?}");
    assert!(!error.message().contains("(')"), "{error:?}");
}

#[tokio::test]
async fn a_server_without_rules_of_replacement_is_asked_for_them_once() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    }
    assert_eq!(app.sim.requests("GET", "/node_replacements").len(), 1);
}
