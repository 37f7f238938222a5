//! The server about itself, and its settings.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

use super::answer;
use crate::server::{Server, lock};

const MEMORY: u64 = 25_276_514_304;
const FREE: u64 = 21_962_895_360;

/// A word for whoever opens the address in a browser.
pub(super) async fn root() -> Response {
    Html("<!doctype html><title>ComfyUI (simulated)</title><p>A simulated ComfyUI. It has an API and no editor.")
        .into_response()
}

/// Describes the machine.
pub(super) async fn stats() -> Response {
    answer::ok(&json!({
        "system": {
            "os": "linux",
            "ram_total": MEMORY,
            "ram_free": FREE,
            "comfyui_version": "0.12.2",
            "required_frontend_version": "1.37.11",
            "installed_templates_version": "0.8.31",
            "required_templates_version": "0.8.31",
            "python_version": "3.11.7 (simulated)",
            "pytorch_version": "2.15.0+simulated",
            "embedded_python": false,
            "argv": ["main.py", "--cpu"],
        },
        "devices": [{
            "name": "simulated",
            "type": "cpu",
            "index": null,
            "vram_total": MEMORY,
            "vram_free": FREE,
            "torch_vram_total": MEMORY,
            "torch_vram_free": FREE,
        }],
    }))
}

/// Lists the features of the server.
pub(super) async fn features(State(server): State<Arc<Server>>) -> Response {
    answer::ok(&server.features())
}

/// The scripts of the editor.
pub(super) async fn extensions() -> Response {
    answer::ok(&json!(["/extensions/core/groupNode.js", "/extensions/core/clipspace.js"]))
}

/// The workflow templates that node packs bring.
pub(super) async fn templates() -> Response {
    answer::ok(&json!({"sim_test_nodes": ["sim_template"]}))
}

/// The subgraphs that node packs bring, without their graphs.
pub(super) async fn subgraphs(State(server): State<Arc<Server>>) -> Response {
    let mut listed = lock(&server.subgraphs).clone();
    for entry in listed.values_mut().filter_map(Value::as_object_mut) {
        entry.shift_remove("data");
    }
    answer::ok(&Value::Object(listed))
}

/// One subgraph with its graph, or null.
pub(super) async fn subgraph(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    answer::ok(lock(&server.subgraphs).get(&id).unwrap_or(&Value::Null))
}

pub(super) async fn empty_object() -> Response {
    answer::ok(&json!({}))
}

pub(super) async fn users() -> Response {
    answer::ok(&json!({"storage": "server", "migrated": true}))
}

/// All settings.
pub(super) async fn settings(State(server): State<Arc<Server>>) -> Response {
    answer::ok(&Value::Object(lock(&server.settings).clone()))
}

/// Several settings at once.
pub(super) async fn change_settings(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let Ok(Value::Object(changes)) = serde_json::from_slice::<Value>(&body) else { return answer::crash() };
    lock(&server.settings).extend(changes);
    answer::empty(200)
}

/// One setting, or null.
pub(super) async fn setting(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    answer::ok(lock(&server.settings).get(&id).unwrap_or(&Value::Null))
}

/// Sets one.
pub(super) async fn change_setting(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else { return answer::crash() };
    lock(&server.settings).insert(id, value);
    answer::empty(200)
}
