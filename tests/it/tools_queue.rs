//! Jobs: what is told of them and what stops them.

use comfywarden::error::Kind;
use serde_json::json;

use crate::support::{TestApp, bounded, sleeping_workflow, tiny_workflow};

/// One job that runs and one that waits; gives their ids.
async fn two_jobs(app: &TestApp) -> (String, String, comfywarden::sim::Gate) {
    let held = app.sim.hold("RigSleep");
    let running = app.call("comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
    bounded(held.reached()).await;
    let waiting = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
    let id = |answer: &serde_json::Value| answer["prompt_id"].as_str().unwrap().to_owned();
    (id(&running), id(&waiting), held)
}

#[tokio::test]
async fn the_queue_shows_jobs_without_their_graphs() {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let queue = app.call("comfyui_get_queue", json!({})).await;
    assert_eq!(queue["queue_running"][0]["prompt_id"], running.as_str());
    assert_eq!(queue["queue_pending"][0]["prompt_id"], waiting.as_str());
    assert_eq!(queue["queue_pending"][0]["node_count"], 2);
    assert!(!queue.to_string().contains("class_type") && !queue.to_string().contains("extra_data"));
    let progress = app.call("comfyui_get_progress", json!({"prompt_id": waiting})).await;
    assert_eq!((&progress["status"], &progress["queue_position"]), (&json!("queued"), &json!(1)));
    let progress = app.call("comfyui_get_progress", json!({"prompt_id": running})).await;
    assert_eq!(progress["status"], "running", "{progress}");
    held.release();
}

#[tokio::test]
async fn four_kinds_of_job_give_four_answers_to_cancel() {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let cancel = async |id: &str| app.call("comfyui_cancel_job", json!({"prompt_id": id})).await;

    let removed = cancel(&waiting).await;
    assert_eq!((&removed["state"], &removed["verified"]), (&json!("removed_from_queue"), &json!(true)));
    let (stopped, ()) = tokio::join!(cancel(&running), async {
        bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    assert_eq!((&stopped["state"], &stopped["verified"]), (&json!("interrupted"), &json!(true)), "{stopped}");
    assert_eq!(cancel(&running).await["state"], "already_finished");
    let error = app.refused("comfyui_cancel_job", json!({"prompt_id": "never-heard-of"})).await;
    assert_eq!(error.kind(), Kind::NotFound);
    let after = app.call("comfyui_get_progress", json!({"prompt_id": running})).await;
    assert_eq!(after["status"], "interrupted");
}

#[tokio::test]
async fn interrupt_says_whether_anything_ran() {
    let app = TestApp::start().await;
    let idle = app.call("comfyui_interrupt", json!({})).await;
    assert_eq!(idle["state"], "not_running", "{idle}");
    let (running, waiting, held) = two_jobs(&app).await;
    let other = app.call("comfyui_interrupt", json!({"prompt_id": waiting})).await;
    assert_eq!(other["state"], "not_running", "{other}");
    let (stopped, ()) = tokio::join!(app.call("comfyui_interrupt", json!({})), async {
        bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    assert_eq!((&stopped["state"], &stopped["prompt_id"]), (&json!("interrupted"), &json!(running)));
}

#[tokio::test]
async fn a_failed_job_names_node_class_and_exception() {
    let app = TestApp::start().await;
    app.sim.faults().out_of_memory("EmptyImage");
    let failed = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    assert_eq!(failed["status"], "error", "{failed}");
    let error = &failed["error"];
    assert_eq!((&error["kind"], &error["node_id"]), (&json!("out_of_memory"), &json!("1")), "{error}");
    assert_eq!(error["node_type"], "EmptyImage");
    assert!(error["hint"].as_str().unwrap().contains("smaller"));
    let job = app.call("comfyui_get_job", json!({"prompt_id": failed["prompt_id"]})).await;
    assert_eq!(job["status"], "failed");
    assert_eq!(job["error"]["node_id"], "1", "{job}");
    let missing = app.refused("comfyui_get_job", json!({"prompt_id": "never-heard-of"})).await;
    assert_eq!(missing.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_wait_that_ends_while_comfyui_is_away_says_so() {
    let app = TestApp::start().await;
    let held = app.sim.hold("RigSleep");
    let args = json!({"workflow": sleeping_workflow(5), "wait": true, "wait_seconds": 1});
    let (answer, ()) = tokio::join!(app.call("comfyui_run_workflow", args), async {
        bounded(held.reached()).await;
        app.sim.faults().down(true);
    });
    assert_eq!(answer["status"], "running", "{answer}");
    assert!(answer["warnings"].to_string().contains("does not answer"), "{answer}");
    app.sim.faults().down(false);
    held.release();
}
