//! `/healthz`: we run. `/readyz`: ComfyUI answers too.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use crate::app::App;

pub(super) fn routes(app: Arc<App>) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(app)
}

async fn alive() -> Json<Value> {
    Json(json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let reachable = app.comfyui_answers().await;
    let status = if reachable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": reachable, "comfyui": { "reachable": reachable } })))
}
