//! `/healthz`: we run. `/readyz`: ComfyUI answers too.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    routing::{MethodRouter, get},
};
use serde_json::{Value, json};

use crate::app::App;

pub(super) fn routes(app: &Arc<App>) -> Vec<(String, MethodRouter)> {
    let ready = get(ready).with_state(Arc::clone(app));
    vec![("/healthz".to_owned(), get(alive)), ("/readyz".to_owned(), ready)]
}

async fn alive() -> Json<Value> {
    Json(json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let reachable = app.comfyui_answers().await;
    let status = if reachable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": reachable, "comfyui": { "reachable": reachable } })))
}
