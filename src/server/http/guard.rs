//! What every HTTP request must be before anything looks at it: for us, and not sent by a foreign web page.
//!
//! Stops DNS rebinding (Host) and cross-site requests (Origin, `Sec-Fetch-Site`, content type); the rules are
//! those of `docs/architecture.md`, “HTTP”.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::app::Remote;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_mins(1);

/// What every answer tells browsers: show nothing of it, frame it nowhere, and guess nothing about it.
const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The names we answer to and the web origins we talk to.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(super) fn new(remote: &Remote, address: SocketAddr) -> Self {
        let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
        hosts.push(match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        });
        hosts.extend(remote.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()));
        let origins = remote.allowed_origins.iter().map(|origin| origin.to_ascii_lowercase()).collect();
        Self { hosts, origins }
    }

    /// The rule a request breaks, if it breaks one.
    fn refusal(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<(StatusCode, String)> {
        let host =
            uri.authority().map(|authority| authority.as_str().to_owned()).or_else(|| text(headers, "host"));
        let Some(host) = host else {
            return Some((StatusCode::BAD_REQUEST, "the request names no host".into()));
        };
        if !self.is_ours(&host) {
            return Some((
                StatusCode::FORBIDDEN,
                format!(
                    "`{}` is not a name of this server; add it to transport.remote.allowed_hosts",
                    shown(&host)
                ),
            ));
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
            // A page of our own address cannot be a stranger's: the name was checked above.
            let ours = origin.strip_prefix("http://").is_some_and(|rest| rest.eq_ignore_ascii_case(&host));
            if !ours && !self.origins.contains(&origin) {
                return Some((
                    StatusCode::FORBIDDEN,
                    format!(
                        "requests from the web origin `{}` are refused; add it to transport.remote.allowed_origins",
                        shown(&origin)
                    ),
                ));
            }
        } else if text(headers, "sec-fetch-site").is_some_and(|site| site == "cross-site") {
            return Some((StatusCode::FORBIDDEN, "cross-site requests are refused".into()));
        }
        if method == Method::POST && !is_json(headers) {
            return Some((
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send the body as Content-Type: application/json".into(),
            ));
        }
        None
    }

    /// True for our names, with any port.
    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host.as_str(),
        };
        self.hosts.iter().any(|ours| ours == name || *ours == host)
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_ascii_lowercase)
}

fn is_json(headers: &HeaderMap) -> bool {
    text(headers, "content-type")
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == "application/json")
}

/// At most 80 printable characters of something a stranger sent.
fn shown(value: &str) -> String {
    value.chars().filter(char::is_ascii_graphic).take(80).collect()
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(request.method(), request.uri(), request.headers()) {
        Some((status, message)) => refusal(status, &message),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "kind": "denied", "message": message }))).into_response()
}

/// The largest body of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimit(pub(super) usize);

/// Reads the whole body before anything else runs, within a size and a time: a body that drips in holds a
/// connection and nothing more.
pub(super) async fn read_body(State(limit): State<BodyLimit>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, limit.0)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, bytes.into())).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, "A request body could not be read.");
            let message = format!("the body is not whole, or larger than {} bytes", limit.0);
            refusal(StatusCode::PAYLOAD_TOO_LARGE, &message)
        }
        Err(_) => refusal(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    }
}
