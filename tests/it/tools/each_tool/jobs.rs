//! Queue, jobs, history, and what stops them.

use comfywarden_error::Kind;
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::{TestApp, bounded, run_to_end, tiny_workflow, two_jobs};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_get_queue", get_queue),
        Scene::new("comfyui_get_queue_status", get_queue_status),
        Scene::new("comfyui_list_jobs", list_jobs),
        Scene::new("comfyui_get_job", get_job),
        Scene::new("comfyui_get_progress", get_progress),
        Scene::new("comfyui_get_history", get_history),
        Scene::new("comfyui_cancel_job", cancel_job),
        Scene::new("comfyui_cancel_jobs", cancel_jobs),
        Scene::new("comfyui_interrupt", interrupt),
        Scene::new("comfyui_clear_queue", clear_queue),
        Scene::new("comfyui_diagnose_job", diagnose_job),
    ]
}

async fn get_queue(show: Show) {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let means = [
        ("/queue_running/0/prompt_id", json!(running)),
        ("/queue_pending/0/prompt_id", json!(waiting)),
        ("/queue_pending/0/node_count", json!(2)),
    ];
    show.success(&app, json!({}), &means).await;
    held.release();
    app.sim.faults().down(true);
    show.failure(&app, json!({}), Kind::Unavailable, &["cannot reach ComfyUI at http"], &["comfyui.url"])
        .await;
}

async fn get_queue_status(show: Show) {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let means = [
        ("/exec_info/queue_remaining", json!(2)),
        ("/running_ids", json!([running])),
        ("/pending_ids", json!([waiting])),
    ];
    show.success(&app, json!({}), &means).await;
    held.release();
    app.sim.faults().answer("/queue", 200, "<html>login</html>");
    show.failure(&app, json!({}), Kind::Upstream, &["queue"], &["comfyui.url", "login page"]).await;
}

async fn list_jobs(show: Show) {
    let app = TestApp::start().await;
    let done = run_to_end(&app, tiny_workflow()).await;
    let (running, waiting, held) = two_jobs(&app).await;
    let completed = json!({"status": ["completed"]});
    let means = [
        ("/jobs/0/id", json!(done)),
        ("/jobs/0/status", json!("completed")),
        ("/jobs/0/outputs_count", json!(1)),
        ("/pagination", json!({"offset": 0, "limit": 25, "total": 1, "has_more": false})),
    ];
    show.success(&app, completed, &means).await;
    let all = show.success(&app, json!({}), &[("/pagination/total", json!(3))]).await;
    assert!([running, waiting].iter().all(|id| all.to_string().contains(id.as_str())), "{all}");
    held.release();
    app.sim.faults().fail_requests("/jobs", 10, 500);
    show.failure(&app, json!({}), Kind::Upstream, &["500", "jobs"], &["log"]).await;
}

async fn get_job(show: Show) {
    let app = TestApp::start().await;
    let done = run_to_end(&app, tiny_workflow()).await;
    let means = [
        ("/id", json!(done)),
        ("/status", json!("completed")),
        ("/outputs/0/filename", json!("tiny_00001_.png")),
        ("/outputs/0/node_id", json!("2")),
    ];
    show.success(&app, json!({"prompt_id": done}), &means).await;
    let unknown = json!({"prompt_id": NOBODY});
    show.failure(&app, unknown, Kind::NotFound, &[NOBODY], &["comfyui_list_jobs"]).await;
}

async fn get_progress(show: Show) {
    let app = TestApp::start().await;
    let (_, waiting, held) = two_jobs(&app).await;
    let means = [("/status", json!("queued")), ("/queue_position", json!(1))];
    show.success(&app, json!({"prompt_id": waiting}), &means).await;
    held.release();
    let means = [
        ("/status", json!("completed")),
        ("/outputs/0/type", json!("output")),
        ("/prompt_id", json!(waiting)),
    ];
    show.success(&app, json!({"prompt_id": waiting, "wait_seconds": 10}), &means).await;
    app.sim.faults().down(true);
    let args = json!({"prompt_id": waiting});
    show.failure(&app, args, Kind::Unavailable, &["ComfyUI"], &["comfyui.url"]).await;
}

async fn get_history(show: Show) {
    let app = TestApp::start().await;
    let older = run_to_end(&app, tiny_workflow()).await;
    let newer = run_to_end(&app, tiny_workflow()).await;
    let means =
        [("/items/0/prompt_id", json!(newer)), ("/items/1/prompt_id", json!(older)), ("/count", json!(2))];
    show.success(&app, json!({}), &means).await;
    app.sim.faults().answer("/history", 200, "[]");
    show.failure(&app, json!({}), Kind::Upstream, &["history"], &["comfyui.url"]).await;
}

async fn cancel_job(show: Show) {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let means = [("/state", json!("removed_from_queue")), ("/verified", json!(true))];
    show.success(&app, json!({"prompt_id": waiting}), &means).await;
    let left = app.call("comfyui_get_queue_status", json!({})).await;
    assert_eq!((&left["running_ids"], &left["pending"]), (&json!([running]), &json!(0)), "{left}");
    held.release();
    let unknown = json!({"prompt_id": NOBODY});
    show.failure(&app, unknown, Kind::NotFound, &["no job", NOBODY], &["comfyui_list_jobs"]).await;
}

async fn cancel_jobs(show: Show) {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let means = [
        ("/cancelled", json!(1)),
        ("/results/0", json!({"prompt_id": waiting, "state": "removed_from_queue", "verified": true})),
        ("/results/1", json!({"prompt_id": NOBODY, "state": "unknown", "verified": true})),
    ];
    show.success(&app, json!({"job_ids": [waiting, NOBODY]}), &means).await;
    app.sim.faults().down(true);
    let args = json!({"job_ids": [running]});
    show.failure(&app, args, Kind::Unavailable, &["ComfyUI"], &["comfyui.url"]).await;
    held.release();
}

async fn interrupt(show: Show) {
    let app = TestApp::start().await;
    show.success(&app, json!({}), &[("/state", json!("not_running"))]).await;
    let (running, waiting, held) = two_jobs(&app).await;
    let means = [
        ("/state", json!("interrupted")),
        ("/prompt_id", json!(running)),
        ("/result", json!(format!("job {running} was interrupted"))),
    ];
    tokio::join!(show.success(&app, json!({}), &means), async {
        bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    let after = app.call("comfyui_get_progress", json!({"prompt_id": waiting, "wait_seconds": 10})).await;
    assert_eq!(after["status"], "completed", "the next one ran: {after}");
    let (running, _, held) = two_jobs(&app).await;
    app.sim.faults().fail_requests("/interrupt", 10, 500);
    show.failure(&app, json!({}), Kind::Upstream, &["500", "interrupt"], &["log"]).await;
    let status = app.call("comfyui_get_queue_status", json!({})).await;
    assert_eq!(status["running_ids"], json!([running]), "nothing was stopped: {status}");
    held.release();
}

async fn clear_queue(show: Show) {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let means = [("/removed", json!(1)), ("/removed_ids", json!([waiting])), ("/still_running", json!(1))];
    show.success(&app, json!({}), &means).await;
    app.sim.faults().fail_requests("/queue", 10, 500);
    show.failure(&app, json!({}), Kind::Upstream, &["500", "queue"], &["log"]).await;
    app.sim.faults().clear();
    let left = app.call("comfyui_get_queue_status", json!({})).await;
    assert_eq!(left["running_ids"], json!([running]), "{left}");
    held.release();
}

async fn diagnose_job(show: Show) {
    let app = TestApp::start().await;
    app.sim.faults().out_of_memory("EmptyImage");
    let args = json!({"workflow": tiny_workflow(), "wait": true});
    let failed = app.call("comfyui_run_workflow", args).await;
    let means = [
        ("/verdict", json!("out_of_memory")),
        ("/node_type", json!("EmptyImage")),
        ("/prompt_id", failed["prompt_id"].clone()),
    ];
    let told = show.success(&app, json!({}), &means).await;
    assert!(told["try"].as_array().is_some_and(|steps| !steps.is_empty()), "{told}");
    let unknown: Value = json!({"prompt_id": NOBODY});
    show.failure(&app, unknown, Kind::NotFound, &[NOBODY], &["comfyui_list_jobs"]).await;
}
