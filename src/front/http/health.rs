//! Health routes: `/healthz` answers while the process runs, `/readyz` when ComfyUI answers too.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    routing::{MethodRouter, get},
};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use crate::app::App;

/// Age up to which an answer of ComfyUI is reused: anybody may ask, so requests must not reach ComfyUI more often.
const MAX_AGE: Duration = Duration::from_secs(3);

pub(super) fn routes(app: &Arc<App>) -> Vec<(String, MethodRouter)> {
    let readiness = Readiness { app: Arc::clone(app), known: Arc::default() };
    let ready = get(ready).with_state(readiness);
    vec![("/healthz".to_owned(), get(alive)), ("/readyz".to_owned(), ready)]
}

/// Caches whether ComfyUI answers.
#[derive(Debug, Clone)]
struct Readiness {
    app: Arc<App>,
    known: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Readiness {
    /// True when ComfyUI answers. Concurrent requests wait for the same probe.
    async fn reachable(self) -> bool {
        let mut known = self.known.lock_owned().await;
        if let Some((asked, reachable)) = *known
            && asked.elapsed() < MAX_AGE
        {
            return reachable;
        }
        // On its own, so that a stranger who hangs up does not make the next one ask anew.
        let asking = tokio::spawn(async move {
            let reachable = self.app.comfyui_answers().await;
            *known = Some((Instant::now(), reachable));
            reachable
        });
        asking.await.unwrap_or(false)
    }
}

async fn alive() -> Json<Value> {
    Json(json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, Json<Value>) {
    let reachable = readiness.reachable().await;
    let status = if reachable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": reachable, "comfyui": { "reachable": reachable } })))
}
