//! Public keys of the OAuth server: fetched on demand, cached, and fetched again when they rotate.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use crate::front::auth::jwt::KeySet;
use comfywarden_error::{Error, Result};

/// Age up to which the keys are used without asking the issuer.
const MAX_AGE: Duration = Duration::from_mins(10);
/// Age up to which they are used while the issuer does not answer.
const MAX_STALE_AGE: Duration = Duration::from_hours(24);
/// Shortest time between two fetches, whatever tokens come in: strangers must not make this server flood the issuer.
const MIN_REFETCH_INTERVAL: Duration = Duration::from_secs(30);
/// Timeout of one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Size limit of a key set.
const MAX_BYTES: usize = 256 << 10;

/// Caches the keys of one issuer.
#[derive(Debug)]
pub(super) struct PublishedKeys {
    url: Url,
    client: reqwest::Client,
    state: Mutex<FetchedKeys>,
}

#[derive(Debug, Default)]
struct FetchedKeys {
    keys: Option<(Arc<KeySet>, Instant)>,
    tried: Option<Instant>,
}

impl PublishedKeys {
    /// Prepares to fetch from `url`. Nothing is fetched yet.
    pub(super) fn at(url: Url) -> Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(&url)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(FETCH_TIMEOUT)
            .timeout(FETCH_TIMEOUT)
            .build()
            .map_err(unbuildable)?;
        Ok(Self { url, client, state: Mutex::default() })
    }

    /// Returns the current keys; `None` while they cannot be fetched.
    pub(super) async fn current(&self) -> Option<Arc<KeySet>> {
        self.get(MAX_AGE).await
    }

    /// Returns the keys after another fetch, for a token whose key is not among the current ones.
    pub(super) async fn rotated(&self) -> Option<Arc<KeySet>> {
        self.get(Duration::ZERO).await
    }

    /// Returns keys that are younger than `fresh`. One task fetches, the others wait for it.
    async fn get(&self, fresh: Duration) -> Option<Arc<KeySet>> {
        let mut state = self.state.lock().await;
        let age = state.keys.as_ref().map(|(_, at)| at.elapsed());
        let due = age.is_none_or(|age| age >= fresh)
            && state.tried.is_none_or(|at| at.elapsed() >= MIN_REFETCH_INTERVAL);
        if due {
            state.tried = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => state.keys = Some((Arc::new(keys), Instant::now())),
                Err(reason) => tracing::warn!(%reason, "The keys of the OAuth server cannot be fetched."),
            }
        }
        state.keys.as_ref().filter(|(_, at)| at.elapsed() < MAX_STALE_AGE).map(|(keys, _)| Arc::clone(keys))
    }

    async fn fetch(&self) -> std::result::Result<KeySet, String> {
        let mut answer = self.client.get(self.url.clone()).send().await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the answer has status {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(format!("the answer is larger than {MAX_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let keys = KeySet::parse(&body).ok_or("the answer is no key set")?;
        if keys.is_empty() { Err("the key set holds no key for signatures".into()) } else { Ok(keys) }
    }
}

/// Configures TLS with the one crypto provider of this program. The authorities of the machine are read for `https` only.
fn tls(url: &Url) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unbuildable)?;
    if url.scheme() != "https" {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(unbuildable)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn unbuildable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("the client for the issuer's keys cannot be built").source(error)
}
