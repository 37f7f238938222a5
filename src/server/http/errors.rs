//! A body that is no JSON-RPC message gets an answer that is one.

use axum::{
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// JSON-RPC's code for a message that cannot be read.
const PARSE_ERROR: i32 = -32_700;

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
