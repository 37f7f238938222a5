//! Answers in the shapes aiohttp gives them.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// JSON.
pub(crate) fn json(code: u16, value: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    (status(code), [(CONTENT_TYPE, kind)], crate::python::json(value)).into_response()
}

/// JSON with status 200.
pub(crate) fn ok(value: &Value) -> Response {
    json(200, value)
}

/// `{"error": message}`.
pub(crate) fn error(code: u16, message: &str) -> Response {
    json(code, &json!({"error": message}))
}

/// Plain text.
pub(crate) fn text(code: u16, text: impl Into<String>) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (status(code), [(CONTENT_TYPE, kind)], text.into()).into_response()
}

/// An answer with a status and no body.
pub(crate) fn empty(code: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status(code);
    response
}

/// The answer of a handler that raised.
pub(crate) fn crash() -> Response {
    let mut response = text(500, "500 Internal Server Error\n\nServer got itself in trouble");
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
