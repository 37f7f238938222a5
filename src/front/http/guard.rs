//! Checks every HTTP request first: it must be addressed to this server and not come from a foreign web page.
//!
//! Stops DNS rebinding (Host) and cross-site requests (Origin, `Sec-Fetch-Site`, content type); the rules are
//! those of `docs/architecture.md`, “HTTP”.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::errors::{refusal, shaped};
use crate::config::Remote;
use comfywarden_error::Error;
use comfywarden_policy::redact::redact_text;

/// Headers that keep browsers from rendering, framing or sniffing any response.
const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Status and error for a request that breaks a rule.
type Rejection = (StatusCode, Error);

/// Host names of this server and the web origins that may call it.
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

    /// Finds the rule that a request breaks.
    fn rejection(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Rejection> {
        let host = match self.named(uri, headers) {
            Ok(host) => host,
            Err(rejection) => return Some(rejection),
        };
        self.foreign(&host, headers).or_else(|| unreadable(method, headers))
    }

    /// Reads the host name of a request, from `Host` and from an absolute target; both must be names of this server.
    fn named(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Rejection> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(Ok(host)), None) = (hosts.next().map(HeaderValue::to_str), hosts.next()) else {
            let error = Error::invalid_input("the request has no Host header, or several of them");
            return Err((StatusCode::BAD_REQUEST, error.hint("send one Host header")));
        };
        // Behind a proxy the two may differ; a name that is not ours is none in either place.
        for name in std::iter::once(host).chain(uri.authority().map(Authority::as_str)) {
            if !self.is_ours(name) {
                let error = Error::denied(format!("`{}` is not a name of this server", shown(name)))
                    .hint("the operator adds names to `transport.remote.allowed_hosts`");
                return Err((StatusCode::FORBIDDEN, error));
            }
        }
        Ok(host.to_ascii_lowercase())
    }

    /// Rejects a request from a foreign web page.
    fn foreign(&self, host: &str, headers: &HeaderMap) -> Option<Rejection> {
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        if origins.peek().is_none() {
            let mut sites = headers.get_all("sec-fetch-site").iter();
            let error = || {
                Error::denied("requests from other web sites are refused")
                    .hint("send the request from a program, or from an origin in `transport.remote.allowed_origins`")
            };
            return sites
                .any(|site| site.as_bytes().trim_ascii().eq_ignore_ascii_case(b"cross-site"))
                .then(|| (StatusCode::FORBIDDEN, error()));
        }
        let mut texts = origins.map(|origin| origin.to_str().unwrap_or_default().to_ascii_lowercase());
        let stranger = texts.find(|origin| {
            // A page of our own address cannot be a stranger's: the name was checked before.
            let ours = origin.strip_prefix("http://").is_some_and(|rest| rest == host);
            !ours && !self.origins.contains(origin)
        })?;
        let error = Error::denied(format!("requests from the web origin `{}` are refused", shown(&stranger)))
            .hint("the operator adds origins to `transport.remote.allowed_origins`");
        Some((StatusCode::FORBIDDEN, error))
    }

    /// True for names of this server, with any port.
    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host.as_str(),
        };
        self.hosts.iter().any(|ours| ours == name || *ours == host)
    }
}

/// Rejects any body that is not plain JSON.
fn unreadable(method: &Method, headers: &HeaderMap) -> Option<Rejection> {
    let coded = |name: HeaderName, plain: &[u8]| {
        headers.get_all(name).iter().any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(plain))
    };
    if coded(header::TRANSFER_ENCODING, b"chunked") {
        let error = Error::invalid_input("the only transfer coding that is read is chunked")
            .hint("send the body with Content-Length");
        return Some((StatusCode::NOT_IMPLEMENTED, error));
    }
    if coded(header::CONTENT_ENCODING, b"identity") {
        let error = Error::invalid_input("a body with a Content-Encoding is not read")
            .hint("send the body as it is, without Content-Encoding");
        return Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
    }
    (method == Method::POST && !is_json(headers)).then(|| {
        let error = Error::invalid_input("the Content-Type of the body is not application/json");
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, error.hint("send JSON as Content-Type: application/json"))
    })
}

/// True for a content type that is JSON, and nothing else besides.
fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter().peekable();
    kinds.peek().is_some()
        && kinds.all(|kind| {
            let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/json")
        })
}

/// Shows at most 80 characters of a name that a client sent, if it looks like a name: people paste tokens into the
/// wrong field, and nothing else of a refusal would hide them.
fn shown(value: &str) -> String {
    let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:/[]".contains(c);
    if !value.chars().all(of_a_name) {
        return "(not shown)".to_owned();
    }
    redact_text(value).chars().take(80).collect()
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.rejection(request.method(), request.uri(), request.headers()) {
        Some((status, error)) => refusal(status, &error),
        None => shaped(next.run(request).await).await,
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
