//! `ComfyUI-Manager` 4: its version and its task queue. Tasks only pretend.

use std::sync::Arc;

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
    engine, events, packs,
    server::{Server, lock},
};
use comfywarden_error::JsonObject;

/// The one batch that tasks belong to.
const BATCH: &str = "batch_20260101_000000_00000000";

/// The Manager's routes.
pub(super) fn routes() -> Router<Arc<Server>> {
    shared("/v2")
        .route("/v2/manager/version", get(version))
        .route("/v2/manager/queue/task", post(task))
        .route("/v2/manager/queue/install_model", post(install_model))
        .route("/v2/manager/queue/history", get(history))
        .route("/v2/manager/queue/history_list", get(history_list))
        .route("/v2/manager/is_legacy_manager_ui", get(legacy))
        .route("/v2/customnode/fetch_updates", get(gone))
        .route("/v2/snapshot/getlist", get(snapshots))
        .route("/v2/snapshot/save", get(save_snapshot))
}

/// The routes of version 3: not below `/v2`, one for each action.
pub(super) fn old_routes() -> Router<Arc<Server>> {
    shared("")
        .route("/manager/version", get(async || answer::text(200, "V3.37.1")))
        .route("/manager/queue/install", post(install))
        .route("/manager/queue/uninstall", post(uninstall))
        .route("/manager/queue/update", post(update))
        .route("/manager/queue/install_model", post(install_model))
        .route("/customnode/getlist", get(listing))
}

/// The routes that both versions have.
fn shared(below: &str) -> Router<Arc<Server>> {
    let path = |rest: &str| format!("{below}{rest}");
    Router::new()
        .route(&path("/manager/queue/status"), get(status))
        .route(&path("/manager/queue/start"), get(start))
        .route(&path("/manager/queue/reset"), get(reset))
        .route(&path("/manager/reboot"), get(reboot))
        .route(&path("/customnode/installed"), get(installed))
        .route(&path("/customnode/getmappings"), get(mappings))
}

async fn install(state: State<Arc<Server>>, body: Bytes) -> Response {
    action(&state, "install", &body)
}

async fn uninstall(state: State<Arc<Server>>, body: Bytes) -> Response {
    action(&state, "uninstall", &body)
}

async fn update(state: State<Arc<Server>>, body: Bytes) -> Response {
    action(&state, "update", &body)
}

/// Version 3 reads `version` without asking whether it is there.
fn action(server: &Server, kind: &str, body: &Bytes) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(id), Some(_)) = (body.get("id"), body.get("version")) else { return answer::crash() };
    let params = json!({"id": id, "node_name": id, "version": body.get("version")});
    put(server, json!({"ui_id": body.get("ui_id"), "client_id": "", "kind": kind, "params": params}));
    answer::empty(200)
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
    id: Option<String>,
}

async fn status(State(server): State<Arc<Server>>, Query(of): Query<OfClient>) -> Response {
    let tasks = server.tasks.lock();
    let Some(client) = of.client_id else {
        return answer::ok(&json!({
            "total_count": tasks.total, "done_count": tasks.done.len(), "in_progress_count": 0,
            "pending_count": tasks.waiting.len(), "is_processing": false,
        }));
    };
    let own = |tasks: &[Value]| {
        tasks.iter().filter(|task| task.get("client_id").and_then(Value::as_str) == Some(&client)).count()
    };
    let waiting = own(&tasks.waiting);
    answer::ok(&json!({
        "client_id": client, "total_count": waiting, "done_count": own(&tasks.done), "in_progress_count": 0,
        "pending_count": waiting, "is_processing": false,
    }))
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
    let shown = crate::python::repr(body);
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
    let mut tasks = server.tasks.lock();
    tasks.waiting.push(task);
    tasks.total += 1;
}

/// Runs what waits, one after the other, with the events a real one sends.
async fn start(State(server): State<Arc<Server>>) -> Response {
    let mut waiting = std::mem::take(&mut server.tasks.lock().waiting);
    if waiting.is_empty() {
        return answer::empty(201);
    }
    let mut history = JsonObject::new();
    let mut results = JsonObject::new();
    while !waiting.is_empty() {
        let task = waiting.remove(0);
        let result = run(&server, &task, &waiting, &mut history);
        results.insert(id_of(&task), result.into());
    }
    let done = history.into_iter().map(|(_, entry)| entry);
    server.tasks.lock().done.extend(done);
    let status = match server.options.manager {
        crate::Manager::V3 => json!({"status": "done", "nodepack_result": results, "model_result": {}}),
        _ => json!({"status": "all-done"}),
    };
    server.sockets.to_all(&events::text("cm-queue-status", &status));
    answer::empty(200)
}

fn id_of(task: &Value) -> String {
    task.get("ui_id").map(crate::python::str).unwrap_or_default()
}

/// A task whose target has “missing” or “nonexistent” in its name fails; the others succeed.
fn run(server: &Server, task: &Value, waiting: &[Value], history: &mut JsonObject) -> &'static str {
    let (ui_id, kind) = (task.get("ui_id"), task.get("kind"));
    let params = task.get("params").map(Value::to_string).unwrap_or_default();
    let fails = params.contains("missing") || params.contains("nonexistent");
    let (result, status) =
        if fails { ("Cannot resolve install target", "error") } else { ("success", "success") };
    if !fails {
        lock(&server.packs).apply(task);
    }
    let messages = if fails { vec![result] } else { Vec::new() };
    let status = json!({"status_str": status, "completed": true, "messages": messages});
    let now = || chrono::Local::now().format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let entry = json!({
        "ui_id": ui_id, "client_id": task.get("client_id"), "kind": kind, "timestamp": now(), "result": result,
        "status": status, "batch_id": BATCH, "end_time": now(),
    });
    if server.options.manager == crate::Manager::V3 {
        history.insert(id_of(task), entry);
        return result;
    }
    let state = |history: &JsonObject, running: &[&Value]| json!({"history": history, "running_queue": running, "pending_queue": waiting, "installed_packs": {}});
    let started = json!({"ui_id": ui_id, "kind": kind, "timestamp": now(), "state": state(history, &[task])});
    server.sockets.to_all(&events::text("cm-task-started", &started));
    history.insert(id_of(task), entry);
    let done = json!({
        "ui_id": ui_id, "result": result, "kind": kind, "status": status, "timestamp": now(),
        "state": state(history, &[]),
    });
    server.sockets.to_all(&events::text("cm-task-completed", &done));
    result
}

async fn reset(State(server): State<Arc<Server>>) -> Response {
    let mut tasks = server.tasks.lock();
    tasks.waiting.clear();
    tasks.total = tasks.done.len();
    answer::empty(200)
}

/// Answers 400 as soon as there is something to answer, as the real one does.
async fn history(State(server): State<Arc<Server>>, Query(of): Query<OfClient>) -> Response {
    let done = server.tasks.lock().done.clone();
    if let Some(id) = &of.id {
        return if id == BATCH && !done.is_empty() { answer::ok(&batch(&done)) } else { answer::empty(400) };
    }
    if !done.is_empty() && (of.client_id.is_some() || of.ui_id.is_some()) {
        return answer::empty(400);
    }
    answer::ok(&json!({"history": {}}))
}

/// The file that a batch leaves behind.
fn batch(done: &[Value]) -> Value {
    let operations: Vec<Value> = done
        .iter()
        .map(|task| {
            let failed = task.pointer("/status/status_str").and_then(Value::as_str) == Some("error");
            json!({
                "operation_id": task.get("ui_id"), "operation_type": task.get("kind"),
                "target": format!("task_{}", id_of(task)), "result": if failed { "failed" } else { "success" },
                "error_message": null, "start_time": task.get("timestamp"), "end_time": task.get("end_time"),
                "client_id": task.get("client_id"),
            })
        })
        .collect();
    json!({"batch_id": BATCH, "operations": operations, "total_operations": operations.len()})
}

async fn history_list(State(server): State<Arc<Server>>) -> Response {
    let ids = if server.tasks.lock().done.is_empty() { Vec::new() } else { vec![BATCH] };
    answer::ok(&json!({"ids": ids}))
}

/// The connection drops at once; queue and history are gone.
async fn reboot(State(server): State<Arc<Server>>) -> Response {
    engine::restart(&server);
    answer::empty(200)
}

async fn installed(State(server): State<Arc<Server>>) -> Response {
    answer::ok(&lock(&server.packs).installed())
}

async fn mappings() -> Response {
    answer::ok(&packs::mappings())
}

async fn listing() -> Response {
    answer::ok(&packs::listing())
}

async fn snapshots(State(server): State<Arc<Server>>) -> Response {
    answer::ok(&json!({"items": server.tasks.lock().snapshots}))
}

async fn save_snapshot(State(server): State<Arc<Server>>) -> Response {
    let name = chrono::Local::now().format("%Y-%m-%d_%H-%M-%S_snapshot").to_string();
    server.tasks.lock().snapshots.push(name);
    answer::empty(200)
}
