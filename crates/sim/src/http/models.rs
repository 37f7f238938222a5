//! `/models`, `/embeddings`, `/view_metadata`, `/experiment/models`.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use crate::{
    models::FOLDERS,
    server::{Server, lock},
};

/// The folder names.
pub(super) async fn folders() -> Response {
    answer::ok(&json!(FOLDERS))
}

/// The files of one folder.
pub(super) async fn files(State(server): State<Arc<Server>>, Path(folder): Path<String>) -> Response {
    match lock(&server.models).list(&folder) {
        Some(names) => answer::ok(&json!(names)),
        None => answer::empty(404),
    }
}

/// The embeddings without their extensions.
pub(super) async fn embeddings(State(server): State<Arc<Server>>) -> Response {
    let models = lock(&server.models);
    let stem =
        |name: &String| name.rsplit_once('.').map_or_else(|| name.clone(), |(stem, _)| stem.to_owned());
    let names: Vec<String> = models.list("embeddings").unwrap_or_default().iter().map(stem).collect();
    answer::ok(&json!(names))
}

#[derive(Debug, Deserialize)]
pub(super) struct MetadataQuery {
    filename: Option<String>,
}

/// The metadata in the head of a safetensors file.
pub(super) async fn metadata(
    State(server): State<Arc<Server>>,
    Path(folder): Path<String>,
    Query(query): Query<MetadataQuery>,
) -> Response {
    let models = lock(&server.models);
    match query.filename.as_deref().and_then(|name| models.metadata(&folder, name)) {
        Some(metadata) => answer::ok(metadata),
        None => answer::empty(404),
    }
}

/// The folders with the paths they stand for.
pub(super) async fn experiment_folders() -> Response {
    let shown = FOLDERS.iter().filter(|folder| !matches!(**folder, "configs" | "custom_nodes"));
    let listed: Vec<Value> = shown
        .map(|folder| json!({"name": folder, "folders": [format!("/srv/comfyui/models/{folder}")]}))
        .collect();
    answer::ok(&json!(listed))
}

/// The files of one folder with sizes and times.
pub(super) async fn experiment_files(
    State(server): State<Arc<Server>>,
    Path(folder): Path<String>,
) -> Response {
    let listed = |name: &String| json!({"name": name, "pathIndex": 0, "modified": 1_795_235_610.5, "created": 1_795_235_611.5, "size": 2_132_625_262_u64});
    match lock(&server.models).list(&folder) {
        Some(names) => answer::ok(&Value::Array(names.iter().map(listed).collect())),
        None => answer::empty(404),
    }
}

/// The picture beside a model. An index beyond the folder's places crashes the handler, as in 0.12.2.
pub(super) async fn preview(
    State(server): State<Arc<Server>>,
    Path((folder, index, name)): Path<(String, String, String)>,
) -> Response {
    let models = lock(&server.models);
    if models.list(&folder).is_none() {
        return answer::empty(404);
    }
    if index != "0" {
        return answer::crash();
    }
    match models.preview(&folder, &name) {
        Some(bytes) => ([(CONTENT_TYPE, "image/webp")], bytes.clone()).into_response(),
        None => answer::empty(404),
    }
}
