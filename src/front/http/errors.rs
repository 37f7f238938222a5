//! Error responses in one format: JSON-RPC for a body that is not a JSON-RPC message, otherwise `kind`, `message` and
//! `hint`.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use rmcp::model::ProtocolVersion;
use serde_json::json;

use comfywarden_error::{Error, Kind};
use comfywarden_policy::redact::redact_text;

/// JSON-RPC error code for a message that cannot be parsed.
const PARSE_ERROR: i32 = -32_700;
/// Text of rmcp's refusal of a protocol revision. It repeats the header, which may be anything.
const UNKNOWN_REVISION: &str = "Unsupported MCP-Protocol-Version";
/// Size limit for a refusal's text that is passed on.
const MAX_TEXT: usize = 4_096;

/// Builds an error response with the usual `kind`, `message` and `hint`.
pub(in crate::front) fn refusal(status: StatusCode, error: &Error) -> Response {
    (status, axum::Json(error.to_json())).into_response()
}

/// Builds an error response that asks the client to retry after `seconds`.
pub(in crate::front) fn refusal_for_now(status: StatusCode, error: Error, seconds: u64) -> Response {
    let mut response = refusal(status, &error.detail("retry_after_ms", seconds * 1_000));
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// Turns rmcp's answer to an unreadable body into a JSON-RPC error. The guard has refused other content types before,
/// so an unsupported one can only mean the content.
pub(in crate::front) async fn readable(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status() != StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return response;
    }
    let message = "the body is no JSON-RPC message: send one object with jsonrpc, id, method and params";
    let error = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": PARSE_ERROR, "message": message } });
    (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
}

fn revisions() -> String {
    let known: Vec<String> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ToString::to_string).collect();
    known.join(", ")
}

/// Kind, message and hint for a status whose response has no JSON.
fn meaning(status: StatusCode) -> (Kind, &'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => (
            Kind::NotFound,
            "there is nothing at this address",
            "MCP is at /mcp; a session that has ended is begun anew with initialize",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            Kind::InvalidInput,
            "this address does not take that method",
            "send messages with POST; GET opens a session's stream and DELETE ends the session",
        ),
        StatusCode::NOT_ACCEPTABLE => (
            Kind::InvalidInput,
            "the answer would have a form that the client does not accept",
            "send Accept: application/json, text/event-stream",
        ),
        status if status.is_server_error() => {
            (Kind::Internal, "the request could not be answered", "send it again")
        }
        _ => (
            Kind::InvalidInput,
            "the request cannot be used",
            "begin with initialize and send its Mcp-Session-Id along, or name a revision in MCP-Protocol-Version",
        ),
    }
}

/// Turns an error response into JSON without secrets, since it may repeat what the client sent.
pub(in crate::front) async fn shaped(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let refuses = response.status().is_client_error() || response.status().is_server_error();
    if !refuses || kind.is_some_and(|kind| !kind.starts_with(b"text/plain")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, MAX_TEXT).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let said = redact_text(said.trim());
    let (kind, otherwise, hint) = meaning(parts.status);
    let error = if said.contains(UNKNOWN_REVISION) {
        Error::new(kind, UNKNOWN_REVISION).hint(format!("spoken here are {}", revisions()))
    } else if said.is_empty() {
        Error::new(kind, otherwise).hint(hint)
    } else {
        Error::new(kind, said.into_owned()).hint(hint)
    };
    let mut told = refusal(parts.status, &error);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    told.headers_mut().extend(parts.headers);
    told
}
