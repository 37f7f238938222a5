//! One request to the Internet: its redirects, its caps, its answer.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use reqwest::Response;
use url::Url;

use super::{FetchRules, Resolver, dial::Dialer, resolver::SystemResolver};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::strict_url::StrictUrl;

/// Limit for a redirect's target that a message or a check has to look at.
const MAX_LOCATION: usize = 4_096;

/// Fetches from the public Internet and from nowhere else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    dialer: Arc<Dialer>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Fetched {
    /// The body.
    pub bytes: Bytes,
    /// Content type that the server claims.
    pub content_type: Option<String>,
    /// The `Link` field of the answer, where hubs name the next page.
    pub link: Option<String>,
    /// Address that delivered it, after all redirects.
    pub final_url: Url,
}

/// A download whose redirects were walked, without its body.
#[derive(Debug)]
pub struct Traced {
    /// Every URL on the way; the last one delivers.
    pub hops: Vec<StrictUrl>,
    /// The header fields of each answer on the way.
    pub headers: Vec<HeaderMap>,
}

impl Default for Fetcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Fetcher {
    /// The usual one: names are looked up by the machine, only public addresses are contacted.
    pub fn new() -> Self {
        Self::with_resolver(Arc::new(SystemResolver))
    }

    /// Uses another resolver; its answers are checked like those of the machine.
    pub fn with_resolver(resolver: Arc<dyn Resolver>) -> Self {
        let dialer = Dialer { resolver, loopback: false, stand_ins: HashMap::new(), tls: OnceLock::new() };
        Self { dialer: Arc::new(dialer) }
    }

    /// For tests: names that resolve to loopback addresses only may be contacted.
    #[must_use]
    pub fn permit_loopback(self) -> Self {
        self.changed(|dialer| dialer.loopback = true)
    }

    /// For tests: requests for `host` go, unencrypted, to a server on this machine. All other rules hold.
    #[must_use]
    pub fn stand_in(self, host: &str, address: SocketAddr) -> Self {
        self.changed(|dialer| {
            dialer.stand_ins.insert(host.to_owned(), address);
        })
    }

    fn changed(self, change: impl FnOnce(&mut Dialer)) -> Self {
        let mut dialer = Dialer {
            resolver: Arc::clone(&self.dialer.resolver),
            loopback: self.dialer.loopback,
            stand_ins: self.dialer.stand_ins.clone(),
            tls: OnceLock::new(),
        };
        change(&mut dialer);
        Self { dialer: Arc::new(dialer) }
    }

    /// Fetches one file or document. Check a caller's text with [`StrictUrl`] before it becomes a [`Url`].
    pub async fn fetch(&self, url: &Url, rules: &FetchRules) -> Result<Fetched> {
        let url = StrictUrl::parse(url.as_str())?;
        let host = url.host().to_owned();
        self.in_time(&host, rules, async {
            let (response, walked) = self.walk(url, rules, None).await?;
            let last = walked.hops.last().ok_or_else(|| Error::internal("an answer without a request"))?;
            let text_of = |name| response.headers().get(name)?.to_str().ok().map(str::to_owned);
            let (content_type, link) = (text_of(header::CONTENT_TYPE), text_of(header::LINK));
            let final_url = last.as_url().clone();
            let bytes = collect(last, response, rules.max_bytes).await?;
            Ok(Fetched { bytes, content_type, link, final_url })
        })
        .await
    }

    /// Walks the redirects of a download and stops where its body would begin.
    pub async fn trace(&self, url: &StrictUrl, rules: &FetchRules) -> Result<Traced> {
        let walk = async { Ok(self.walk(url.clone(), rules, Some("bytes=0-0")).await?.1) };
        self.in_time(url.host(), rules, walk).await
    }

    async fn in_time<T>(
        &self,
        host: &str,
        rules: &FetchRules,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::time::timeout(rules.deadline, work).await.unwrap_or_else(|_| {
            let seconds = rules.deadline.as_secs_f32();
            Err(Error::new(Kind::Timeout, format!("`{host}` did not answer within {seconds} s"))
                .hint("try again later"))
        })
    }

    async fn walk(
        &self,
        url: StrictUrl,
        rules: &FetchRules,
        range: Option<&'static str>,
    ) -> Result<(Response, Traced)> {
        let mut walked = Traced { hops: vec![url.clone()], headers: Vec::new() };
        let mut at = url;
        loop {
            let response = self.dialer.get(&at, rules, walked.hops.len() == 1, range).await?;
            walked.headers.push(response.headers().clone());
            let status = response.status();
            if status.is_success() {
                return Ok((response, walked));
            }
            if !status.is_redirection() {
                return Err(refusal(&at, status.as_u16()));
            }
            at = rules.next_hop(&walked.hops, location(&at, &response)?)?;
            walked.hops.push(at.clone());
        }
    }
}

fn location<'a>(at: &StrictUrl, response: &'a Response) -> Result<&'a str> {
    response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .filter(|location| location.len() <= MAX_LOCATION)
        .ok_or_else(|| {
            Error::new(Kind::Upstream, format!("`{}` redirects to nowhere that can be read", at.host()))
        })
}

fn refusal(at: &StrictUrl, status: u16) -> Error {
    let host = at.host();
    let error = match status {
        401 | 403 => Error::new(Kind::Upstream, format!("`{host}` wants a credential for this (status {status})"))
            .hint("set the token for this host in the configuration under `model_search`, and accept the terms of the model on its page if it has any"),
        404 | 410 => Error::not_found(format!("`{host}` has no such file or page (status {status})"))
            .hint("check the URL"),
        429 => Error::new(Kind::Upstream, format!("`{host}` gets too many requests from here (status 429)"))
            .hint("wait a minute, or set a token for this host under `model_search`"),
        _ => Error::new(Kind::Upstream, format!("`{host}` answered with status {status}"))
            .hint("try again later"),
    };
    error.detail("status", status)
}

async fn collect(at: &StrictUrl, mut response: Response, limit: usize) -> Result<Bytes> {
    let too_large =
        || Error::new(Kind::Upstream, format!("the answer of `{}` is larger than {limit} bytes", at.host()));
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(announced);
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            Error::new(Kind::Upstream, format!("the answer of `{}` broke off", at.host()))
                .hint("try again")
                .source(error.without_url())
        })?;
        let Some(chunk) = chunk else { return Ok(body.freeze()) };
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}
