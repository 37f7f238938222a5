//! Asks an address which program answers there.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::config::{Auth, Comfyui};
use comfywarden_error::Error;

/// The limit of one request: shorter than the wait for a job.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// The largest answer in bytes; a larger one is none that was asked for.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The kind of program that answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// ComfyUI, with its system statistics.
    ComfyUi(Value),
    /// Something that wants a credential, or another one.
    Unauthorized(StatusCode),
    /// Something that sends us elsewhere, such as a login page.
    Redirected(String),
    /// Something that is not ComfyUI.
    Other { status: StatusCode, server: Option<String> },
    /// Nobody.
    Unreachable(String),
}

/// A client for one address.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    client: Client,
    base: Url,
    auth: Auth,
}

impl Probe {
    pub(super) fn new(comfyui: &Comfyui) -> Result<Self, Error> {
        let client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tls_danger_accept_invalid_certs(!comfyui.tls_verify)
            .build()
            .map_err(|error| Error::internal("cannot make an HTTP client").source(error))?;
        Ok(Self { client, base: comfyui.url.clone(), auth: comfyui.auth.clone() })
    }

    /// Returns a probe of the same address without a credential.
    pub(super) fn anonymous(&self) -> Self {
        Self { auth: Auth::None, ..self.clone() }
    }

    /// Returns a probe of another port, without the credential, which belongs to the first address only.
    pub(super) fn at_port(&self, port: u16) -> Self {
        let mut probe = self.anonymous();
        let _ = probe.base.set_port(Some(port));
        probe.base.set_path("/");
        probe
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    fn get(&self, path: &str) -> RequestBuilder {
        let address = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let request = self.client.get(address);
        match &self.auth {
            Auth::None => request,
            Auth::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Auth::Basic { user, password } => request.basic_auth(user, Some(password.expose_secret())),
            Auth::Header { name, value } => request.header(name, value.expose_secret()),
            Auth::Query { name, value } => request.query(&[(name, value.expose_secret())]),
        }
    }

    /// Finds out which program answers.
    pub(super) async fn identify(&self) -> Answer {
        let response = match self.get("/system_stats").send().await {
            Ok(response) => response,
            Err(error) => return Answer::Unreachable(reason(&error)),
        };
        let status = response.status();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (server, location) = (header("server"), header("location"));
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Answer::Unauthorized(status);
        }
        if status.is_redirection() {
            return Answer::Redirected(location.unwrap_or_default());
        }
        match body(response).await {
            Some(stats) if status.is_success() && stats.pointer("/system").is_some() => {
                Answer::ComfyUi(stats)
            }
            _ => Answer::Other { status, server },
        }
    }

    /// Reads the JSON at `path`, if there is some.
    pub(super) async fn json(&self, path: &str) -> Option<Value> {
        let response = self.get(path).send().await.ok()?.error_for_status().ok()?;
        body(response).await
    }

    /// Returns whether `path` exists.
    pub(super) async fn exists(&self, path: &str) -> bool {
        self.get(path).send().await.is_ok_and(|response| response.status().is_success())
    }

    /// Returns whether the event socket opens.
    pub(super) async fn socket_opens(&self) -> bool {
        let upgrade = self
            .get("/ws")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "Y29tZnl3YXJkZW4gZG9jdA==");
        upgrade.send().await.is_ok_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS)
    }
}

async fn body(mut response: reqwest::Response) -> Option<Value> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            return None;
        }
    }
    serde_json::from_slice(&bytes).ok()
}

/// Returns the innermost cause of a failed request, without the address, which may carry a key.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", REQUEST_TIMEOUT.as_secs());
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
