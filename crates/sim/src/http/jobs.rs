//! `/api/jobs`: queue and history in one view.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use crate::{queue::Item, server::Server};
use comfywarden_error::JsonObject;

const STATUSES: [&str; 5] = ["pending", "in_progress", "completed", "failed", "cancelled"];

#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    status: Option<String>,
    limit: Option<String>,
    offset: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    workflow_id: Option<String>,
}

/// Jobs, newest first unless asked otherwise.
pub(super) async fn list(State(server): State<Arc<Server>>, Query(wanted): Query<Wanted>) -> Response {
    match page(&server, &wanted) {
        Ok(page) => answer::ok(&page),
        Err(message) => answer::error(400, &message),
    }
}

fn page(server: &Server, wanted: &Wanted) -> Result<Value, String> {
    let statuses: Option<Vec<&str>> =
        wanted.status.as_deref().map(|text| text.split(',').map(str::trim).collect());
    let unknown: Vec<&str> =
        statuses.iter().flatten().filter(|status| !STATUSES.contains(status)).copied().collect();
    if !unknown.is_empty() {
        return Err(format!(
            "Invalid status value(s): {}. Valid values: {}",
            unknown.join(", "),
            STATUSES.join(", ")
        ));
    }
    let limit = match wanted.limit.as_deref().map(str::parse::<usize>) {
        None => None,
        Some(Ok(limit)) if limit > 0 => Some(limit),
        Some(Ok(_)) => return Err("limit must be a positive integer".into()),
        Some(Err(_)) => return Err("limit must be an integer".into()),
    };
    let offset = match wanted.offset.as_deref().map(str::parse::<i64>) {
        None => 0,
        Some(Ok(offset)) => usize::try_from(offset).unwrap_or(0),
        Some(Err(_)) => return Err("offset must be an integer".into()),
    };
    let by = wanted.sort_by.as_deref().unwrap_or("created_at");
    if !matches!(by, "created_at" | "execution_duration") {
        return Err("sort_by must be 'created_at' or 'execution_duration'".into());
    }
    let order = wanted.sort_order.as_deref().unwrap_or("desc");
    if !matches!(order, "asc" | "desc") {
        return Err("sort_order must be 'asc' or 'desc'".into());
    }
    let mut jobs = all(server);
    jobs.retain(|job| {
        let text = |key: &str| job.get(key).and_then(Value::as_str);
        statuses
            .as_ref()
            .is_none_or(|statuses| text("status").is_some_and(|status| statuses.contains(&status)))
            && wanted.workflow_id.as_deref().is_none_or(|id| text("workflow_id") == Some(id))
    });
    jobs.sort_by_key(|job| sort_key(job, by));
    if order == "desc" {
        jobs.reverse();
    }
    let total = jobs.len();
    let jobs: Vec<JsonObject> = jobs.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX)).collect();
    let has_more = offset + jobs.len() < total;
    Ok(json!({
        "jobs": jobs,
        "pagination": {"offset": offset, "limit": limit, "total": total, "has_more": has_more},
    }))
}

fn sort_key(job: &JsonObject, by: &str) -> i64 {
    let time = |key: &str| job.get(key).and_then(Value::as_i64).unwrap_or(0);
    if by == "created_at" {
        time("create_time")
    } else {
        time("execution_end_time") - time("execution_start_time")
    }
}

fn all(server: &Server) -> Vec<JsonObject> {
    let mut jobs: Vec<JsonObject> =
        server.queue.history().iter().map(|(id, entry)| finished(id, entry)).collect();
    jobs.extend(server.queue.running().map(|item| waiting(&item, "in_progress")));
    jobs.extend(server.queue.pending().iter().rev().map(|item| waiting(item, "pending")));
    jobs
}

/// One job with all there is to know.
pub(super) async fn one(State(server): State<Arc<Server>>, Path(job_id): Path<String>) -> Response {
    match find(&server, &job_id) {
        Some(job) => answer::ok(&Value::Object(job)),
        None => answer::error(404, "Job not found"),
    }
}

fn find(server: &Server, id: &str) -> Option<JsonObject> {
    if let Some(item) = server.queue.running().filter(|item| item.prompt_id == id) {
        return Some(waiting(&item, "in_progress"));
    }
    if let Some(item) = server.queue.pending().iter().find(|item| item.prompt_id == id) {
        return Some(waiting(item, "pending"));
    }
    let entry = server.queue.history_entry(id)?;
    let mut job = finished(id, &entry);
    job.insert("outputs".into(), entry.get("outputs").cloned().unwrap_or_default());
    job.insert("execution_status".into(), entry.get("status").cloned().unwrap_or_default());
    let part = |at: usize| entry.get("prompt").and_then(|prompt| prompt.get(at)).cloned().unwrap_or_default();
    job.insert("workflow".into(), json!({"prompt": part(2), "extra_data": part(3)}));
    Some(job)
}

fn waiting(item: &Item, status: &str) -> JsonObject {
    let mut job = JsonObject::new();
    job.insert("id".into(), item.prompt_id.as_str().into());
    job.insert("status".into(), status.into());
    job.insert("priority".into(), Value::Number(item.number.clone()));
    job.insert("create_time".into(), item.extra_data.get("create_time").cloned().unwrap_or_default());
    job.insert("outputs_count".into(), 0.into());
    add_workflow_id(&mut job, Some(&item.extra_data));
    job
}

fn add_workflow_id(job: &mut JsonObject, extra_data: Option<&JsonObject>) {
    let extra = extra_data.and_then(|extra| extra.get("extra_pnginfo"));
    if let Some(id) = extra.and_then(|extra| extra.pointer("/workflow/id")) {
        job.insert("workflow_id".into(), id.clone());
    }
}

/// The data of the first message of one of these kinds.
fn message<'a>(entry: &'a Value, kinds: &[&str]) -> Option<&'a Value> {
    let messages = entry.pointer("/status/messages")?.as_array()?;
    let of_kind =
        |message: &&Value| message.get(0).and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind));
    messages.iter().find(of_kind)?.get(1)
}

fn finished(id: &str, entry: &Value) -> JsonObject {
    let success = entry.pointer("/status/status_str").and_then(Value::as_str) == Some("success");
    let interrupted = message(entry, &["execution_interrupted"]).is_some();
    let status = if success {
        "completed"
    } else if interrupted {
        "cancelled"
    } else {
        "failed"
    };
    let mut job = JsonObject::new();
    let extra_data = entry.pointer("/prompt/3").and_then(Value::as_object);
    job.insert("id".into(), id.into());
    job.insert("status".into(), status.into());
    job.insert("priority".into(), entry.pointer("/prompt/0").cloned().unwrap_or_default());
    let created = extra_data.and_then(|extra| extra.get("create_time")).cloned();
    job.insert("create_time".into(), created.unwrap_or_default());
    let ends = ["execution_success", "execution_error", "execution_interrupted"];
    for (key, kinds) in
        [("execution_start_time", &["execution_start"][..]), ("execution_end_time", &ends[..])]
    {
        if let Some(time) = message(entry, kinds).and_then(|data| data.get("timestamp")) {
            job.insert(key.into(), time.clone());
        }
    }
    if status == "failed"
        && let Some(error) = message(entry, &["execution_error"])
    {
        job.insert("execution_error".into(), error.clone());
    }
    let (count, preview) = outputs(entry);
    job.insert("outputs_count".into(), count.into());
    if let Some(preview) = preview {
        job.insert("preview_output".into(), preview);
    }
    add_workflow_id(&mut job, extra_data);
    job
}

/// Counts the outputs and picks the one to show: a file of `output` before any other.
fn outputs(entry: &Value) -> (usize, Option<Value>) {
    let mut count = 0;
    let (mut best, mut other) = (None, None);
    for (node_id, shown) in entry.get("outputs").and_then(Value::as_object).into_iter().flatten() {
        for (kind, items) in shown.as_object().into_iter().flatten().filter(|(kind, _)| *kind != "animated") {
            for item in items.as_array().into_iter().flatten() {
                count += 1;
                let Some(mut preview) = item.as_object().cloned() else { continue };
                preview.insert("nodeId".into(), node_id.as_str().into());
                preview.insert("mediaType".into(), kind.as_str().into());
                let slot = if preview.get("type").and_then(Value::as_str) == Some("output") {
                    &mut best
                } else {
                    &mut other
                };
                slot.get_or_insert(Value::Object(preview));
            }
        }
    }
    (count, best.or(other))
}

/// Stops a job wherever it is. Only newer servers have this.
pub(super) async fn cancel(State(server): State<Arc<Server>>, Path(job_id): Path<String>) -> Response {
    if find(&server, &job_id).is_none() {
        return answer::error(404, "Job not found");
    }
    answer::ok(&json!({"cancelled": stop(&server, &job_id)}))
}

/// Stops several; with an unknown id among them, none.
pub(super) async fn cancel_many(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let ids = body.get("job_ids").or_else(|| body.get("ids")).and_then(Value::as_array);
    let Some(ids) = ids else { return answer::error(400, "job_ids must be a list") };
    if ids.iter().filter_map(Value::as_str).any(|id| find(&server, id).is_none()) {
        return answer::error(404, "Job not found");
    }
    let stopped: Vec<&str> = ids.iter().filter_map(Value::as_str).filter(|id| stop(&server, id)).collect();
    answer::ok(&json!({"cancelled": stopped}))
}

/// Forgets a finished job.
pub(super) async fn remove(State(server): State<Arc<Server>>, Path(job_id): Path<String>) -> Response {
    server.queue.delete_history(&job_id);
    answer::empty(204)
}

fn stop(server: &Server, id: &str) -> bool {
    if server.queue.delete_pending(id) {
        server.announce_queue();
        return true;
    }
    let runs = server.queue.running().is_some_and(|item| item.prompt_id == id);
    if runs {
        server.interrupt.wish();
    }
    runs
}
