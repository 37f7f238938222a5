//! Refusals in one shape: what is no JSON-RPC message gets an answer that is one, everything else `kind` and `message`.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use rmcp::model::ProtocolVersion;
use serde_json::json;

use crate::app::redact_text;

/// JSON-RPC's code for a message that cannot be read.
const PARSE_ERROR: i32 = -32_700;
/// How rmcp refuses a revision. It repeats the header, which may be anything.
const UNKNOWN_REVISION: &str = "Unsupported MCP-Protocol-Version";
/// The longest text of a refusal that is passed on.
const MOST_TEXT: usize = 4_096;

/// Turns rmcp's answer to an unreadable body into a JSON-RPC error. The guard has refused other content types before,
/// so an unsupported one can only mean the content.
pub(super) async fn readable(request: Request, next: Next) -> Response {
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

/// The same refusal as JSON, unless it is JSON already, without secrets: it may name what the client sent.
pub(super) async fn shaped(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !response.status().is_client_error() || kind.is_some_and(|kind| !kind.starts_with(b"text/plain")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, MOST_TEXT).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let (kind, otherwise) = match parts.status {
        StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address; MCP is at /mcp"),
        StatusCode::METHOD_NOT_ALLOWED => ("invalid_input", "this address does not take that method"),
        _ => ("invalid_input", "the request cannot be used"),
    };
    let said = redact_text(said.trim());
    let message = if said.contains(UNKNOWN_REVISION) {
        format!("{UNKNOWN_REVISION}; spoken here are {}", revisions())
    } else if said.is_empty() {
        otherwise.to_owned()
    } else {
        said.into_owned()
    };
    let mut told = axum::Json(json!({ "kind": kind, "message": message })).into_response();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    told.headers_mut().extend(parts.headers);
    *told.status_mut() = parts.status;
    told
}
