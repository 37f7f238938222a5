//! `/queue`, `/interrupt`, `/free`.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, response::Response};
use serde_json::{Value, json};

use super::answer;
use crate::server::Server;

/// Lists running and waiting prompts.
pub(super) async fn list(State(server): State<Arc<Server>>) -> Response {
    let running: Vec<Value> = server.queue.running().iter().map(|item| item.to_value()).collect();
    let pending: Vec<Value> = server.queue.pending().iter().map(|item| item.to_value()).collect();
    answer::ok(&json!({"queue_running": running, "queue_pending": pending}))
}

/// Takes pending prompts out. Always 200, whether or not there was anything to take.
pub(super) async fn change(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&body) else { return answer::crash() };
    if body.get("clear").is_some_and(truthy) {
        server.queue.clear_pending();
        server.announce_queue();
    }
    for id in body.get("delete").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if server.queue.delete_pending(id) {
            server.announce_queue();
        }
    }
    answer::empty(200)
}

/// Python's idea of true.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// Stops what runs; with a `prompt_id`, only if that is what runs.
pub(super) async fn interrupt(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let running = server.queue.running();
    match body.get("prompt_id").and_then(Value::as_str) {
        Some(wanted) if running.is_none_or(|item| item.prompt_id != wanted) => {}
        _ => server.interrupt.wish(),
    }
    answer::empty(200)
}

/// Would unload models.
pub(super) async fn free(body: Bytes) -> Response {
    if serde_json::from_slice::<Value>(&body).is_err() {
        return answer::crash();
    }
    answer::empty(200)
}
