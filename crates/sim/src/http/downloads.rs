//! `ComfyUI-Model-Manager`: downloads that end when they are told to.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Multipart, Path, State},
    response::Response,
    routing::{delete, get, post},
};
use serde_json::{Value, json};

use super::answer;
use crate::server::{Server, lock};
use comfywarden_error::JsonObject;

/// The extension's routes.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/model-manager/models", get(folders))
        .route("/model-manager/model", post(create))
        .route("/model-manager/download/task", get(tasks))
        .route("/model-manager/download/{task_id}", delete(remove))
}

fn success(data: &Value) -> Response {
    answer::ok(&json!({"success": true, "data": data}))
}

fn failure(why: &str) -> Response {
    answer::ok(&json!({"success": false, "error": why}))
}

async fn folders(State(server): State<Arc<Server>>) -> Response {
    let models = lock(&server.models);
    let folders = crate::models::FOLDERS.iter().filter(|folder| models.list(folder).is_some());
    let entries = folders.map(|folder| ((*folder).to_owned(), json!([format!("/comfyui/models/{folder}")])));
    success(&Value::Object(entries.collect()))
}

/// Begins a download. Without a preview the task is dropped; without a description it never ends.
async fn create(State(server): State<Arc<Server>>, mut form: Multipart) -> Response {
    let mut fields = BTreeMap::new();
    while let Ok(Some(field)) = form.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        fields.insert(name, field.text().await.unwrap_or_default());
    }
    let Some(_) = fields.get("previewFile") else {
        return failure("Create model download task failed: 'NoneType' object has no attribute 'file'");
    };
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (folder, name) = (text("type"), text("fullname"));
    if lock(&server.models).list(&folder).is_none_or(|names| names.contains(&name)) {
        return failure(&format!(
            "Create model download task failed: File already exists: /comfyui/models/{folder}/{name}"
        ));
    }
    let mut downloads = lock(&server.downloads);
    let id = format!("{:032x}", downloads.forms.len() + 1);
    let total: f64 = text("sizeBytes").parse().unwrap_or_default();
    let task = json!({
        "taskId": id, "type": folder, "fullname": name, "preview": null, "status": "doing",
        "platform": text("downloadPlatform"), "downloadedSize": total / 4.0, "totalSize": total,
        "progress": 25.0, "bps": 1_000_000.0, "error": null,
    });
    downloads.tasks.push(task.as_object().cloned().unwrap_or_default());
    downloads.forms.push(fields);
    success(&json!({"taskId": id}))
}

async fn tasks(State(server): State<Arc<Server>>) -> Response {
    success(&json!(lock(&server.downloads).tasks.iter().rev().collect::<Vec<_>>()))
}

async fn remove(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    let mut downloads = lock(&server.downloads);
    let before = downloads.tasks.len();
    downloads.tasks.retain(|task| task.get("taskId").and_then(Value::as_str) != Some(&id));
    if downloads.tasks.len() == before {
        return failure(&format!("Delete download task failed: Task {id} not found"));
    }
    answer::ok(&json!({"success": true}))
}

/// A download ends as `pause`, whole or with an error.
pub(crate) fn end(server: &Server, id: &str, error: Option<&str>) {
    let mut downloads = lock(&server.downloads);
    let ours = |task: &&mut JsonObject| task.get("taskId").and_then(Value::as_str) == Some(id);
    let Some(task) = downloads.tasks.iter_mut().find(ours) else { return };
    task.insert("status".into(), json!("pause"));
    task.insert("error".into(), json!(error));
    if error.is_none() {
        task.insert("progress".into(), json!(100.0));
        let total = task.get("totalSize").cloned().unwrap_or_default();
        task.insert("downloadedSize".into(), total);
        let text = |key: &str| task.get(key).and_then(Value::as_str).unwrap_or_default();
        lock(&server.models).add(text("type"), text("fullname"));
    }
}
