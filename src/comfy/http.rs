//! Sends the requests: credential, time limits, byte caps, retries. No proxy, no redirects, no decoding.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use reqwest::{Method, RequestBuilder, Response, redirect, retry};
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    ClientConfig, Error, Result,
    auth::Credential,
    backoff::Backoff,
    endpoint::Endpoint,
    tls::{self, Trust},
    tolerant, trim,
};
use crate::telemetry::trace;

/// Limit for attempts of one GET.
const ATTEMPTS: u32 = 3;
/// Limit for the text of an error that is kept.
const ERROR_TEXT: usize = 300;
/// Below the 75 s after which ComfyUI closes a quiet connection.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// The way to one server.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) credential: Credential,
    http: OnceLock<reqwest::Client>,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads the body as JSON, whatever the status.
    pub(crate) fn json<T: DeserializeOwned>(&self, endpoint: &Endpoint<'_>) -> Result<T> {
        tolerant::from_slice(&self.body)
            .map_err(|e| Error::Malformed { what: endpoint.name(), reason: in_plain_words(&e.to_string()) })
    }

    /// Reads the body as a JSON object. A list would fill the fields of a type in their order, or leave its defaults.
    pub(crate) fn object<T: DeserializeOwned>(&self, endpoint: &Endpoint<'_>) -> Result<T> {
        if self.body.trim_ascii_start().starts_with(b"[") {
            let reason = "a list where an object belongs".to_owned();
            return Err(Error::Malformed { what: endpoint.name(), reason });
        }
        self.json(endpoint)
    }

    /// The answer, if its status says that all is well.
    pub(crate) fn ok(self, endpoint: &Endpoint<'_>) -> Result<Self> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.refusal(endpoint)) }
    }

    /// The error that this answer is.
    pub(crate) fn refusal(&self, endpoint: &Endpoint<'_>) -> Error {
        let text = if (300..400).contains(&self.status) {
            "redirects are not followed".to_owned()
        } else {
            self.error_text()
        };
        Error::Status { what: endpoint.name(), status: self.status, text }
    }

    fn error_text(&self) -> String {
        let textual =
            self.content_type.as_deref().is_none_or(|t| t.starts_with("text/plain") || t.contains("json"));
        if !textual {
            return String::new();
        }
        let text =
            String::from_utf8_lossy(self.body.get(..ERROR_TEXT.min(self.body.len())).unwrap_or_default());
        trim::message(text.lines().next().unwrap_or_default())
    }
}

impl Transport {
    /// Checks the settings. Neither builds a connection pool nor reads a certificate.
    pub(crate) fn new(config: Arc<ClientConfig>) -> Result<Self> {
        let url = &config.base_url;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(Error::Config(format!(
                "comfyui.url: `{}:` is not an http or https address with a host",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Config(
                "comfyui.url: holds a user name or password; put them into `comfyui.auth`, kind `basic`"
                    .into(),
            ));
        }
        let credential = Credential::new(&config.auth)?;
        Ok(Self { config, credential, http: OnceLock::new(), tls: OnceLock::new() })
    }

    /// The base URL for messages: no query, no secrets.
    pub(crate) fn display_url(&self) -> String {
        let mut url = self.config.base_url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.as_str().trim_end_matches('/').to_owned()
    }

    /// The full address of a request, the credential of the query kind included.
    pub(crate) fn url(&self, endpoint: &Endpoint<'_>) -> Result<Url> {
        let target = endpoint.target()?;
        let mut url = self.config.base_url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        // A base such as https://cloud.comfy.org/api already holds the prefix of the newer routes.
        let doubled = prefix.ends_with("/api") && target.path.starts_with("/api/");
        let path = if doubled { target.path.trim_start_matches("/api") } else { &target.path };
        url.set_path(&format!("{prefix}{path}"));
        let mut query = target.query;
        self.credential.add_query(&mut query);
        url.set_query(if query.is_empty() { None } else { Some(&query) });
        url.set_fragment(None);
        Ok(url)
    }

    /// The TLS configuration, built at the first need.
    pub(crate) fn tls(&self) -> Result<Arc<rustls::ClientConfig>> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let trust = match (self.config.base_url.scheme(), self.config.tls_verify) {
            ("http", _) => Trust::Nobody,
            (_, true) => Trust::Machine,
            (_, false) => Trust::Everybody,
        };
        let tls = Arc::new(tls::configure(trust)?);
        Ok(Arc::clone(self.tls.get_or_init(|| tls)))
    }

    fn http(&self) -> Result<&reqwest::Client> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls()?.as_ref().clone())
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("comfywarden/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.config.connect_timeout)
            .read_timeout(self.config.read_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|e| Error::Config(format!("cannot set up HTTP: {}", root_cause(&e))))?;
        Ok(self.http.get_or_init(|| client))
    }

    fn request(&self, method: Method, endpoint: &Endpoint<'_>) -> Result<RequestBuilder> {
        let mut headers = HeaderMap::new();
        self.credential.add_header(&mut headers);
        headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
        if let Some(trace) = trace::current().and_then(|trace| header::HeaderValue::from_str(&trace).ok()) {
            headers.insert("traceparent", trace);
        }
        Ok(self.http()?.request(method, self.url(endpoint)?).headers(headers))
    }

    /// GET, repeated after connection failures and server errors. The status is for the caller to judge.
    pub(crate) async fn get(&self, endpoint: &Endpoint<'_>) -> Result<Answer> {
        self.get_at_most(endpoint, endpoint.answer_limit()).await
    }

    /// GET with a byte cap of its own.
    pub(crate) async fn get_at_most(&self, endpoint: &Endpoint<'_>, limit: usize) -> Result<Answer> {
        let mut backoff = Backoff::new(self.config.timing.first_retry, self.config.timing.longest_retry);
        for _ in 1..ATTEMPTS {
            match self.get_once(endpoint, limit).await {
                Ok(answer) if answer.status >= 500 => {}
                Err(Error::Unreachable { .. }) => {}
                settled => return settled,
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
        self.get_once(endpoint, limit).await
    }

    /// GET, sent once.
    pub(crate) async fn get_once(&self, endpoint: &Endpoint<'_>, limit: usize) -> Result<Answer> {
        self.exchange(endpoint, self.request(Method::GET, endpoint)?, limit).await
    }

    /// GET of JSON; an error status is an error.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, endpoint: &Endpoint<'_>) -> Result<T> {
        self.get(endpoint).await?.ok(endpoint)?.json(endpoint)
    }

    /// GET of a JSON object; an error status is an error.
    pub(crate) async fn get_object<T: DeserializeOwned>(&self, endpoint: &Endpoint<'_>) -> Result<T> {
        self.get(endpoint).await?.ok(endpoint)?.object(endpoint)
    }

    /// POST of JSON, sent once.
    pub(crate) async fn post(&self, endpoint: &Endpoint<'_>, body: Bytes) -> Result<Answer> {
        let request =
            self.request(Method::POST, endpoint)?.header(header::CONTENT_TYPE, "application/json").body(body);
        self.exchange(endpoint, request, endpoint.answer_limit()).await
    }

    /// POST of a form, sent once.
    pub(crate) async fn post_form(
        &self,
        endpoint: &Endpoint<'_>,
        form: reqwest::multipart::Form,
    ) -> Result<Answer> {
        let request = self.request(Method::POST, endpoint)?.multipart(form);
        self.exchange(endpoint, request, endpoint.answer_limit()).await
    }

    /// DELETE, sent once.
    pub(crate) async fn delete(&self, endpoint: &Endpoint<'_>) -> Result<Answer> {
        self.exchange(endpoint, self.request(Method::DELETE, endpoint)?, endpoint.answer_limit()).await
    }

    /// GET of an address outside the server, without the credential.
    pub(crate) async fn get_elsewhere(
        &self,
        endpoint: &Endpoint<'_>,
        url: Url,
        limit: usize,
    ) -> Result<Answer> {
        let request = self.http()?.get(url).header(header::ACCEPT_ENCODING, "identity");
        self.exchange(endpoint, request, limit).await
    }

    /// GET whose body is still to be read, repeated as [`get`](Self::get) is; `range` is the first and the last
    /// byte wanted.
    pub(crate) async fn open(&self, endpoint: &Endpoint<'_>, range: Option<(u64, u64)>) -> Result<Response> {
        let mut backoff = Backoff::new(self.config.timing.first_retry, self.config.timing.longest_retry);
        for _ in 1..ATTEMPTS {
            match self.open_once(endpoint, range).await {
                Ok(response) if response.status().is_server_error() => {}
                Err(Error::Unreachable { .. }) => {}
                settled => return settled,
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
        self.open_once(endpoint, range).await
    }

    async fn open_once(&self, endpoint: &Endpoint<'_>, range: Option<(u64, u64)>) -> Result<Response> {
        let request = ranged(self.request(Method::GET, endpoint)?, range);
        request.send().await.map_err(|e| self.failure(endpoint, e))
    }

    /// Opens an address outside the server, without the credential.
    pub(crate) async fn open_elsewhere(
        &self,
        endpoint: &Endpoint<'_>,
        url: Url,
        range: Option<(u64, u64)>,
    ) -> Result<Response> {
        let request = self.http()?.get(url).header(header::ACCEPT_ENCODING, "identity");
        ranged(request, range).send().await.map_err(|e| self.failure(endpoint, e))
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint<'_>,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Answer> {
        let response = request.send().await.map_err(|e| self.failure(endpoint, e))?;
        self.collect(endpoint, response, limit).await
    }

    /// The rest of an answer, if it has at most `limit` bytes.
    pub(crate) async fn collect(
        &self,
        endpoint: &Endpoint<'_>,
        mut response: Response,
        limit: usize,
    ) -> Result<Answer> {
        let too_large = || Error::TooLarge { what: endpoint.name(), limit };
        let announced = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if announced > limit {
            return Err(too_large());
        }
        let text_of = |name| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let (content_type, location) = (text_of(header::CONTENT_TYPE), text_of(header::LOCATION));
        let status = response.status().as_u16();
        let mut body = BytesMut::with_capacity(announced);
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(endpoint, e))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, content_type, location, body: body.freeze() })
    }

    /// Translates a broken exchange into an error.
    pub(crate) fn failure(&self, endpoint: &Endpoint<'_>, error: reqwest::Error) -> Error {
        let (url, what) = (self.display_url(), endpoint.name());
        let sent = !error.is_connect();
        if error.is_timeout() && sent {
            return Error::Timeout { url, what, after: self.config.read_timeout };
        }
        if error.is_timeout() {
            let seconds = self.config.connect_timeout.as_secs();
            return Error::Unreachable { url, reason: format!("no connection within {seconds} s"), sent };
        }
        // The address may hold a credential in its query.
        let error = error.without_url();
        Error::Unreachable { url, reason: root_cause(&error), sent }
    }
}

fn ranged(request: RequestBuilder, range: Option<(u64, u64)>) -> RequestBuilder {
    match range {
        Some((from, to)) => request.header(header::RANGE, format!("bytes={from}-{to}")),
        None => request,
    }
}

/// Describes the expectation without the names of our types: `expected struct RawQueue` is `expected an object`.
fn in_plain_words(reason: &str) -> String {
    let Some((before, after)) = reason.split_once("struct ") else { return reason.to_owned() };
    let rest = after.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
    let rest = rest.strip_prefix(" with ").map_or(rest.to_owned(), |more| format!(" of {more}"));
    format!("{before}an object{rest}")
}

/// The innermost cause: the network's own words.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comfy::{Auth, PromptId};

    fn transport(base: &str, auth: Auth) -> Transport {
        let config = ClientConfig { auth, ..ClientConfig::at(Url::parse(base).unwrap()) };
        Transport::new(Arc::new(config)).unwrap()
    }

    #[test]
    fn keeps_the_path_prefix_and_adds_the_credential_of_the_query() {
        let auth = Auth::Query { name: "key".into(), value: "s&t".into() };
        let transport = transport("https://host:8443/comfy/?old=1#x", auth);
        let url = transport.url(&Endpoint::Socket { client_id: "a b" }).unwrap();
        assert_eq!(url.as_str(), "https://host:8443/comfy/ws?clientId=a%20b&key=s%26t");
        assert_eq!(transport.display_url(), "https://host:8443/comfy");
    }

    #[test]
    fn does_not_double_the_prefix_of_the_newer_routes() {
        let id = PromptId::parse("x").unwrap();
        let with = |base| transport(base, Auth::None).url(&Endpoint::Job(&id)).unwrap().to_string();
        assert_eq!(with("https://host/api"), "https://host/api/jobs/x");
        assert_eq!(with("https://host/"), "https://host/api/jobs/x");
        assert_eq!(with("https://host/apix/"), "https://host/apix/api/jobs/x");
    }
}
