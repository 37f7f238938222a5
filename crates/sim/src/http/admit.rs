//! Middleware of every route: origin, body limit, journal, faults.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::Response,
};
use futures::StreamExt;

use super::answer;
use crate::{faults::RouteFault, holds::HoldPoint, journal, listener::Connection, server::Server};

/// Bodies above this are not kept in the journal.
const MAX_KEPT: usize = 4 << 20;

/// Checks the origin, reads the body, writes the journal, applies the faults, and lets the route answer.
pub(super) async fn admit(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let raw_path = parts.uri.path().to_owned();
    let path =
        raw_path.strip_prefix("/api").filter(|rest| rest.starts_with('/')).unwrap_or(&raw_path).to_owned();
    let read = read(body, server.options.max_body).await;
    let body = read.clone().unwrap_or_default();
    server.journal.record(journal::Request {
        method: parts.method.to_string(),
        path: path.clone(),
        raw_path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: named(&parts.headers),
        json: (body.len() <= MAX_KEPT).then(|| serde_json::from_slice(&body).ok()).flatten(),
        body_bytes: body.len(),
        opens_socket: path == "/ws" && parts.headers.contains_key(header::UPGRADE),
    });
    if let Some(refusal) = refusal(&server, &parts.headers) {
        return refusal;
    }
    if read.is_none() {
        return answer::text(413, format!("Maximum request body size {} exceeded.", server.options.max_body));
    }
    let fault = server.faults.take_route(&path).unwrap_or_default();
    if let Some(response) = instead(&fault).await {
        return response;
    }
    let method = parts.method.clone();
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    server.holds.pass(HoldPoint::Route(path)).await;
    if fault.lost_replies > 0 {
        connection.cut();
    }
    finish(response, &method, &fault).await
}

/// The whole body, or nothing when it is above the limit. The rest is read all the same, so that the
/// client gets to see the answer.
async fn read(body: Body, limit: usize) -> Option<Bytes> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut total = 0_usize;
    while let Some(Ok(part)) = stream.next().await {
        total = total.saturating_add(part.len());
        if total <= limit {
            bytes.extend_from_slice(&part);
        }
    }
    (total <= limit).then(|| Bytes::from(bytes))
}

fn named(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// ComfyUI compares Origin with Host only when Host is a loopback name.
fn refusal(server: &Server, headers: &HeaderMap) -> Option<Response> {
    let header = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some((name, value)) = &server.options.auth_header
        && headers.get(name).is_none_or(|given| given.as_bytes() != value.as_bytes())
    {
        return Some(answer::text(401, "401: Unauthorized"));
    }
    let (host, origin) = (header(header::HOST)?, header(header::ORIGIN)?);
    let (host_name, host_port) = split_port(host);
    if !matches!(host_name, "127.0.0.1" | "localhost" | "[::1]") || origin == "null" {
        return None;
    }
    let (origin_name, origin_port) = split_port(origin.split_once("://").map_or(origin, |(_, rest)| rest));
    let differs = origin_name != host_name || origin_port.is_some_and(|port| Some(port) != host_port);
    differs.then(|| answer::empty(403))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (authority, None),
    }
}

/// A fault that takes the route's place.
async fn instead(fault: &RouteFault) -> Option<Response> {
    if let Some(delay) = fault.delay {
        tokio::time::sleep(delay).await;
    }
    if fault.failures > 0 {
        return Some(answer::text(fault.status, format!("{}: simulated failure", fault.status)));
    }
    fault.body.as_ref().map(|(status, body)| answer::text(*status, body.clone()))
}

/// Gives 405 its text, and an oversize answer its size.
async fn finish(response: Response, method: &Method, fault: &RouteFault) -> Response {
    if response.status().as_u16() == 405 && *method != Method::OPTIONS {
        let allow = response.headers().get(header::ALLOW).cloned();
        let mut text = answer::text(405, "405: Method Not Allowed");
        if let Some(allow) = allow {
            text.headers_mut().insert(header::ALLOW, allow);
        }
        return text;
    }
    let Some(size) = fault.padding else { return response };
    let (mut parts, body) = response.into_parts();
    let mut bytes = read(body, usize::MAX).await.unwrap_or_default().to_vec();
    bytes.resize(bytes.len().max(size), b' ');
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}
