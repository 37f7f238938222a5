//! A ComfyUI behind a path prefix and a credential in the query, and one that sends us elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    extract::{State, WebSocketUpgrade},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use comfywarden::comfy::{Auth, Error, FileType, OutputRef, ViewOptions};
use comfywarden_policy::path::{OutputName, Subfolder};
use serde_json::json;

use crate::support::comfy::{TestResult, client, picture, submit};

type Seen = Arc<Mutex<Vec<String>>>;

fn note(seen: &Seen, uri: &Uri) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(uri.to_string());
}

async fn queue(State(seen): State<Seen>, uri: Uri) -> Response {
    note(&seen, &uri);
    Json(json!({"queue_running": [], "queue_pending": []})).into_response()
}

async fn prompt(State(seen): State<Seen>, uri: Uri, Json(body): Json<serde_json::Value>) -> Response {
    note(&seen, &uri);
    Json(json!({"prompt_id": body.get("prompt_id"), "number": 3, "node_errors": {}})).into_response()
}

async fn socket(State(seen): State<Seen>, uri: Uri, upgrade: WebSocketUpgrade) -> Response {
    note(&seen, &uri);
    upgrade.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
}

async fn elsewhere(State(seen): State<Seen>, uri: Uri) -> Response {
    note(&seen, &uri);
    (StatusCode::FOUND, [(header::LOCATION, "/comfy/queue")]).into_response()
}

/// Serves on a free port; gives the address and what was asked.
async fn serve() -> TestResult<(String, Seen)> {
    let seen = Seen::default();
    let router = Router::new()
        .route("/comfy/queue", get(queue))
        .route("/comfy/prompt", any(prompt))
        .route("/comfy/ws", get(socket))
        .route("/comfy/view", get(elsewhere))
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((format!("http://{address}/comfy/"), seen))
}

#[tokio::test]
async fn prefix_and_credential_hold_for_http_and_the_socket() -> TestResult {
    let (url, seen) = serve().await?;
    let client =
        client(&url, |config| config.auth = Auth::Query { name: "key".into(), value: "s e".into() })?;
    client.queue().await?;
    let submitted = submit(&client, &picture(1)).await?;
    assert!((submitted.number - 3.0).abs() < f64::EPSILON && client.feed_stats().open);
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(seen.first().map(String::as_str), Some("/comfy/queue?key=s%20e"));
    assert!(
        seen.iter().any(|uri| uri.starts_with("/comfy/ws?clientId=") && uri.ends_with("&key=s%20e")),
        "{seen:?}"
    );
    assert_eq!(seen.last().map(String::as_str), Some("/comfy/prompt?key=s%20e"));
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_an_error_and_not_followed() -> TestResult {
    let (url, seen) = serve().await?;
    let client = client(&url, |_| ())?;
    let file = OutputRef {
        filename: OutputName::parse("a.png")?,
        subfolder: Subfolder::parse("")?,
        kind: FileType::Output,
    };
    let error = client
        .view(&file, ViewOptions { preview: None, max_bytes: 1000 })
        .await
        .err()
        .ok_or("it was read")?;
    assert!(matches!(error, Error::Status { status: 302, .. }), "{error}");
    assert_eq!(seen.lock().unwrap_or_else(PoisonError::into_inner).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_login_page_is_not_taken_for_comfyui() -> TestResult {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let page = || async { ([(header::CONTENT_TYPE, "text/html")], "<html>Sign in</html>") };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await });
    let client = client(&url, |_| ())?;
    let error = comfywarden_error::Error::from(client.queue().await.err().ok_or("it was read")?);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("login page")), "{error}");
    Ok(())
}
