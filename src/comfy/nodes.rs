//! The node catalogue, fetched once and shared.

use std::sync::Arc;

use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{Client, Error, Result, endpoint::Endpoint};
use crate::workflow::object_info::{NodeClass, ObjectInfo};

/// The catalogue and when it was fetched.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    kept: Mutex<Option<(Instant, Arc<ObjectInfo>)>>,
}

impl Client {
    /// The whole catalogue. Fetched when there is none or it is old; callers at the same time share one fetch.
    pub async fn object_info(&self) -> Result<Arc<ObjectInfo>> {
        let mut kept = self.inner.catalogue.kept.lock().await;
        if let Some((fetched, info)) = kept.as_ref()
            && fetched.elapsed() < self.inner.config.pace.keep_catalogue
        {
            return Ok(Arc::clone(info));
        }
        let endpoint = Endpoint::ObjectInfo;
        let answer = self.inner.transport.get(&endpoint).await?.ok(&endpoint)?;
        let info = Arc::new(parse(&answer.body, &endpoint)?);
        *kept = Some((Instant::now(), Arc::clone(&info)));
        Ok(info)
    }

    /// Drops the catalogue, as after an installation or a restart.
    pub async fn forget_object_info(&self) {
        *self.inner.catalogue.kept.lock().await = None;
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

    /// The rules by which the server replaces nodes. `None` on servers without such rules.
    pub async fn node_replacements(&self) -> Result<Option<Value>> {
        let endpoint = Endpoint::NodeReplacements;
        let answer = self.inner.transport.get(&endpoint).await?;
        match answer.status {
            404 | 405 => Ok(None),
            _ => answer.ok(&endpoint)?.json(&endpoint).map(Some),
        }
    }
}

fn parse(body: &[u8], endpoint: &Endpoint<'_>) -> Result<ObjectInfo> {
    ObjectInfo::parse(body).map_err(|e| Error::Malformed { what: endpoint.name(), reason: e.to_string() })
}
