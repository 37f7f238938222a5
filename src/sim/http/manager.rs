//! `ComfyUI-Manager` 4: its version and its task queue. Tasks only pretend.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use crate::{
    error::JsonObject,
    sim::{
        engine, events,
        server::{Server, lock},
    },
};

/// The one batch that tasks belong to.
const BATCH: &str = "batch_20260101_000000_00000000";

#[derive(Debug, Default)]
struct Tasks {
    waiting: Vec<Value>,
    done: usize,
    total: usize,
    snapshots: Vec<String>,
}

/// The Manager's task queue.
#[derive(Debug, Default)]
pub(in crate::sim) struct TaskQueue(Mutex<Tasks>);

impl TaskQueue {
    /// Forgets everything, as when the process ends.
    pub(in crate::sim) fn clear(&self) {
        *lock(&self.0) = Tasks::default();
    }
}

/// The Manager's routes.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v2/manager/version", get(version))
        .route("/v2/manager/queue/status", get(status))
        .route("/v2/manager/queue/task", post(task))
        .route("/v2/manager/queue/install_model", post(install_model))
        .route("/v2/manager/queue/start", get(start))
        .route("/v2/manager/queue/reset", get(reset))
        .route("/v2/manager/queue/history", get(history))
        .route("/v2/manager/queue/history_list", get(history_list))
        .route("/v2/manager/reboot", get(reboot))
        .route("/v2/manager/is_legacy_manager_ui", get(legacy))
        .route("/v2/customnode/installed", get(installed))
        .route("/v2/customnode/getmappings", get(mappings))
        .route("/v2/customnode/fetch_updates", get(gone))
        .route("/v2/snapshot/getlist", get(snapshots))
        .route("/v2/snapshot/save", get(save_snapshot))
}

async fn version() -> Response {
    answer::text(200, "V4.1")
}

async fn legacy() -> Response {
    answer::ok(&json!({"is_legacy_manager_ui": false}))
}

async fn gone() -> Response {
    answer::empty(410)
}

#[derive(Debug, Deserialize)]
struct OfClient {
    client_id: Option<String>,
    ui_id: Option<String>,
}

async fn status(State(server): State<Arc<Server>>, Query(of): Query<OfClient>) -> Response {
    let tasks = lock(&server.tasks.0);
    let mut status = json!({
        "total_count": tasks.total, "done_count": tasks.done, "in_progress_count": 0,
        "pending_count": tasks.waiting.len(), "is_processing": false,
    });
    if let (Some(client), Some(map)) = (of.client_id, status.as_object_mut()) {
        map.shift_insert(0, "client_id".into(), client.into());
    }
    answer::ok(&status)
}

async fn task(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let missing: Vec<&str> =
        ["ui_id", "client_id", "kind", "params"].into_iter().filter(|key| body.get(*key).is_none()).collect();
    if !missing.is_empty() {
        return answer::text(400, complaint(&missing, &body));
    }
    put(&server, body);
    answer::empty(200)
}

fn complaint(missing: &[&str], body: &Value) -> String {
    let errors = if missing.len() == 1 { "error" } else { "errors" };
    let head = format!("Invalid task data: {} validation {errors} for QueueTaskItem", missing.len());
    let shown = crate::sim::python::repr(body);
    missing.iter().fold(head, |text, key| {
        text + &format!(
            "\n{key}\n  Field required [type=missing, input_value={shown}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.14/v/missing"
        )
    })
}

async fn install_model(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    for key in ["client_id", "ui_id"] {
        if body.get(key).is_none() {
            return answer::text(400, format!("Missing required field: {key}"));
        }
    }
    let ids = json!({
        "ui_id": body.get("ui_id"), "client_id": body.get("client_id"), "kind": "install-model", "params": body,
    });
    put(&server, ids);
    answer::empty(200)
}

fn put(server: &Server, task: Value) {
    let mut tasks = lock(&server.tasks.0);
    tasks.waiting.push(task);
    tasks.total += 1;
}

/// Runs what waits, one after the other, with the events a real one sends.
async fn start(State(server): State<Arc<Server>>) -> Response {
    let mut waiting = std::mem::take(&mut lock(&server.tasks.0).waiting);
    if waiting.is_empty() {
        return answer::empty(201);
    }
    let mut history = JsonObject::new();
    while !waiting.is_empty() {
        let task = waiting.remove(0);
        run(&server, &task, &waiting, &mut history);
    }
    lock(&server.tasks.0).done += history.len();
    server.sockets.to_all(&events::text("cm-queue-status", &json!({"status": "all-done"})));
    answer::empty(200)
}

/// A task whose target has “missing” or “nonexistent” in its name fails; the others succeed.
fn run(server: &Server, task: &Value, waiting: &[Value], history: &mut JsonObject) {
    let (ui_id, kind) = (task.get("ui_id"), task.get("kind"));
    let params = task.get("params").map(Value::to_string).unwrap_or_default();
    let fails = params.contains("missing") || params.contains("nonexistent");
    let (result, status) =
        if fails { ("Cannot resolve install target", "error") } else { ("success", "success") };
    let messages = if fails { vec![result] } else { Vec::new() };
    let status = json!({"status_str": status, "completed": true, "messages": messages});
    let now = || chrono::Local::now().format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let state = |history: &JsonObject, running: &[&Value]| json!({"history": history, "running_queue": running, "pending_queue": waiting, "installed_packs": {}});
    let started = json!({"ui_id": ui_id, "kind": kind, "timestamp": now(), "state": state(history, &[task])});
    server.sockets.to_all(&events::text("cm-task-started", &started));
    let entry = json!({
        "ui_id": ui_id, "client_id": task.get("client_id"), "kind": kind, "timestamp": now(), "result": result,
        "status": status, "batch_id": BATCH, "end_time": now(),
    });
    history.insert(ui_id.map(crate::sim::python::str).unwrap_or_default(), entry);
    let done = json!({
        "ui_id": ui_id, "result": result, "kind": kind, "status": status, "timestamp": now(),
        "state": state(history, &[]),
    });
    server.sockets.to_all(&events::text("cm-task-completed", &done));
}

async fn reset(State(server): State<Arc<Server>>) -> Response {
    let mut tasks = lock(&server.tasks.0);
    tasks.waiting.clear();
    tasks.total = tasks.done;
    answer::empty(200)
}

/// Answers 400 as soon as there is something to answer, as the real one does.
async fn history(State(server): State<Arc<Server>>, Query(of): Query<OfClient>) -> Response {
    if lock(&server.tasks.0).done > 0 && (of.client_id.is_some() || of.ui_id.is_some()) {
        return answer::empty(400);
    }
    answer::ok(&json!({"history": {}}))
}

async fn history_list(State(server): State<Arc<Server>>) -> Response {
    let ids = if lock(&server.tasks.0).done > 0 { vec![BATCH] } else { Vec::new() };
    answer::ok(&json!({"ids": ids}))
}

/// The connection drops at once; queue and history are gone.
async fn reboot(State(server): State<Arc<Server>>) -> Response {
    engine::restart(&server);
    answer::empty(200)
}

async fn installed() -> Response {
    answer::ok(&json!({
        "sim_test_nodes": {"ver": "1.0.0", "cnr_id": "sim-test-nodes", "aux_id": null, "enabled": true},
    }))
}

async fn mappings() -> Response {
    let url = "https://github.com/example/sim-test-nodes";
    answer::ok(&json!({
        url: [["RigSleep", "RigFail", "RigBlock"], {"title_aux": "Simulated test nodes", "title": "sim test nodes"}],
    }))
}

async fn snapshots(State(server): State<Arc<Server>>) -> Response {
    answer::ok(&json!({"items": lock(&server.tasks.0).snapshots}))
}

async fn save_snapshot(State(server): State<Arc<Server>>) -> Response {
    let name = chrono::Local::now().format("%Y-%m-%d_%H-%M-%S_snapshot").to_string();
    lock(&server.tasks.0).snapshots.push(name);
    answer::empty(200)
}
