//! The node catalogue, fetched once and shared.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{sync::Mutex, time::Instant};

use super::{Client, Error, Result, endpoint::Endpoint, tolerant};
use comfywarden_workflow::object_info::{NodeClass, ObjectInfo};

/// The catalogue as it was fetched last.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    cached: Mutex<Option<CachedCatalogue>>,
    /// One more than the closed sockets at the time when the server had no rules of replacement; 0 when it was not asked.
    no_replacements: AtomicU64,
}

#[derive(Debug)]
struct CachedCatalogue {
    fetched: Instant,
    /// Number of closed sockets at that time: ComfyUI may have restarted with other nodes since.
    closings: u64,
    /// Text of the answer: the same text again leaves everything that was read from it in place.
    digest: [u8; 32],
    info: Arc<ObjectInfo>,
}

impl Client {
    /// The whole catalogue. Fetched when there is none, when it is old, and when the socket closed since;
    /// callers at the same time share one fetch.
    pub async fn object_info(&self) -> Result<Arc<ObjectInfo>> {
        let mut cached = self.inner.catalogue.cached.lock().await;
        let closings = self.inner.feed.stats().closings;
        match cached.as_ref() {
            Some(known)
                if known.closings == closings
                    && known.fetched.elapsed() < self.inner.config.timing.keep_catalogue =>
            {
                Ok(Arc::clone(&known.info))
            }
            _ => self.fetch_catalogue(&mut cached, closings).await,
        }
    }

    /// The whole catalogue as the server gives it now.
    pub async fn fresh_object_info(&self) -> Result<Arc<ObjectInfo>> {
        let mut cached = self.inner.catalogue.cached.lock().await;
        let closings = self.inner.feed.stats().closings;
        self.fetch_catalogue(&mut cached, closings).await
    }

    /// The catalogue that was fetched last, however old; nothing is sent.
    pub fn kept_object_info(&self) -> Option<Arc<ObjectInfo>> {
        let cached = self.inner.catalogue.cached.try_lock().ok()?;
        cached.as_ref().map(|cached| Arc::clone(&cached.info))
    }

    /// Drops the catalogue, as after an installation or a restart.
    pub async fn forget_object_info(&self) {
        *self.inner.catalogue.cached.lock().await = None;
    }

    async fn fetch_catalogue(
        &self,
        cached: &mut Option<CachedCatalogue>,
        closings: u64,
    ) -> Result<Arc<ObjectInfo>> {
        let endpoint = Endpoint::ObjectInfo;
        let answer = self.inner.transport.get(&endpoint).await?.ok(&endpoint)?;
        let known = cached.as_ref().map(|known| (known.digest, Arc::clone(&known.info)));
        // Hashing and splitting megabytes takes longer than other calls on this thread should wait.
        let read = tokio::task::spawn_blocking(move || read(&answer.body, known));
        let (digest, info) = read.await.map_err(|error| Error::Malformed {
            what: Endpoint::ObjectInfo.name(),
            reason: error.to_string(),
        })??;
        *cached =
            Some(CachedCatalogue { fetched: Instant::now(), closings, digest, info: Arc::clone(&info) });
        Ok(info)
    }

    /// One class, fresh from the server. `None` when the server has no such class.
    pub async fn object_info_class(&self, class_type: &str) -> Result<Option<NodeClass>> {
        let endpoint = Endpoint::ObjectInfoClass(class_type);
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = answer.ok(&endpoint)?;
        Ok(parse(&answer.body, &endpoint)?.get(class_type).cloned())
    }

    /// The rules by which the server replaces nodes. `None` on servers without such rules, which are asked once.
    pub async fn node_replacements(&self) -> Result<Option<Value>> {
        if self.inner.catalogue.no_replacements.load(Ordering::Relaxed)
            == self.inner.feed.stats().closings + 1
        {
            return Ok(None);
        }
        let endpoint = Endpoint::NodeReplacements;
        let answer = self.inner.transport.get(&endpoint).await?;
        match answer.status {
            404 | 405 => {
                // A newer ComfyUI may come up in its place.
                let seen = self.inner.feed.stats().closings + 1;
                self.inner.catalogue.no_replacements.store(seen, Ordering::Relaxed);
                Ok(None)
            }
            _ => answer.ok(&endpoint)?.json(&endpoint).map(Some),
        }
    }
}

type Read = ([u8; 32], Arc<ObjectInfo>);

/// The catalogue in `body`, or the known one when the text is the same.
fn read(body: &Bytes, known: Option<Read>) -> Result<Read> {
    let digest: [u8; 32] = Sha256::digest(body).into();
    match known {
        Some((before, info)) if before == digest => Ok((digest, info)),
        _ => Ok((digest, Arc::new(parse(body, &Endpoint::ObjectInfo)?))),
    }
}

fn parse(body: &[u8], endpoint: &Endpoint<'_>) -> Result<ObjectInfo> {
    let wrong = |reason: String| Error::Malformed { what: endpoint.name(), reason };
    // Nodes declare bounds such as float("inf"), and one of them must not hide all the others.
    let parsed = ObjectInfo::parse(body).or_else(|error| match tolerant::without_non_finite(body) {
        Some(plain) => ObjectInfo::parse(&plain),
        None => Err(error),
    });
    let info = parsed.map_err(|error| wrong(error.to_string()))?;
    let text = |name: &String| info.raw(name).unwrap_or_default();
    // Something else may send an object too. One broken class among good ones is that class's own fault.
    if !info.names().is_empty() && !info.names().iter().any(|name| text(name).contains("\"input\"")) {
        return Err(wrong("no entry is a description of a node class".to_owned()));
    }
    Ok(info)
}
