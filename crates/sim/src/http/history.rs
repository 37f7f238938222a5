//! `/history`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer, queue::truthy};
use crate::server::Server;
use comfywarden_error::JsonObject;

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    max_items: Option<String>,
    offset: Option<String>,
}

/// Entries from the oldest on; without an offset, the newest `max_items`.
pub(super) async fn list(State(server): State<Arc<Server>>, Query(page): Query<Page>) -> Response {
    let number = |text: &Option<String>| text.as_ref().map(|text| text.trim().parse::<i64>()).transpose();
    let (Ok(max), Ok(offset)) = (number(&page.max_items), number(&page.offset)) else {
        return answer::crash();
    };
    let all = server.queue.history();
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let from = match (offset.unwrap_or(-1), max) {
        (offset, Some(max)) if offset < 0 => count.saturating_sub(max),
        (offset, _) => offset,
    };
    let from = usize::try_from(from).unwrap_or(0);
    let max = max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(1).max(1));
    let entries: JsonObject = all.into_iter().skip(from).take(max).collect();
    answer::ok(&Value::Object(entries))
}

/// One entry under its id, or `{}`.
pub(super) async fn one(State(server): State<Arc<Server>>, Path(prompt_id): Path<String>) -> Response {
    if server.faults.misses_history() {
        return answer::ok(&json!({}));
    }
    let mut found = JsonObject::new();
    if let Some(entry) = server.queue.history_entry(&prompt_id) {
        found.insert(prompt_id, entry);
    }
    answer::ok(&Value::Object(found))
}

/// Forgets entries.
pub(super) async fn change(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&body) else { return answer::crash() };
    if body.get("clear").is_some_and(truthy) {
        server.queue.clear_history();
    }
    for id in body.get("delete").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        server.queue.delete_history(id);
    }
    answer::empty(200)
}
