//! Is ComfyUI-Manager there, and which language does it speak? `/features` cannot be asked: it claims support also
//! without the Manager.

mod packs;
mod restart;
mod route;
mod tasks;

use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{Client, Result, endpoint::Endpoint};

pub(crate) use packs::PackCache;
pub use packs::{InstalledPack, Pack, PackIndex};
pub use restart::Restarted;
pub(crate) use route::ManagerRoute;
pub use tasks::{ManagerTask, QueueCounts, QueuedTask, TaskEnd};

/// Limit for a text that is taken for a version.
const MAX_VERSION: usize = 64;

/// A ComfyUI-Manager that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Its version, as it tells it.
    pub version: String,
    /// Dialect that it speaks.
    pub dialect: Dialect,
}

/// Dialect of a Manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Version 4: one route for all tasks.
    Tasks,
    /// Version 4 with its older interface: a route for each action.
    Actions,
    /// Version 3: the same, and not below `/v2`.
    OldActions,
}

impl Manager {
    pub(crate) fn endpoint<'a>(&self, route: ManagerRoute<'a>) -> Endpoint<'a> {
        Endpoint::Manager { route, v2: self.dialect != Dialect::OldActions }
    }
}

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct ManagerProbe {
    known: Mutex<Option<(Instant, Option<Manager>)>>,
}

impl Client {
    /// The Manager's version. `None` when it is not installed, which is asked again after a few seconds.
    pub async fn manager_version(&self) -> Result<Option<String>> {
        Ok(self.manager().await?.map(|manager| manager.version))
    }

    /// The Manager. `None` when it is not installed, which is asked again after a few seconds.
    pub async fn manager(&self) -> Result<Option<Manager>> {
        let mut known = self.inner.manager.known.lock().await;
        if let Some((asked, manager)) = known.as_ref() {
            let fresh = asked.elapsed() < self.inner.config.timing.forget_absence;
            if manager.is_some() || fresh {
                return Ok(manager.clone());
            }
        }
        let manager = self.find_manager().await?;
        *known = Some((Instant::now(), manager.clone()));
        Ok(manager)
    }

    /// Asks anew at the next question, as after a restart.
    pub(crate) async fn forget_manager(&self) {
        *self.inner.manager.known.lock().await = None;
    }

    async fn find_manager(&self) -> Result<Option<Manager>> {
        for v2 in [true, false] {
            let Some(version) = self.version_at(v2).await? else { continue };
            let dialect = match v2 {
                true if self.has_older_interface(&version).await? => Dialect::Actions,
                true => Dialect::Tasks,
                false => Dialect::OldActions,
            };
            return Ok(Some(Manager { version, dialect }));
        }
        Ok(None)
    }

    async fn version_at(&self, v2: bool) -> Result<Option<String>> {
        let endpoint = Endpoint::Manager { route: ManagerRoute::Version, v2 };
        let answer = self.inner.transport.get(&endpoint).await?;
        match answer.status {
            404 | 405 => Ok(None),
            _ => Ok(read_version(&answer.ok(&endpoint)?.body)),
        }
    }

    async fn has_older_interface(&self, version: &str) -> Result<bool> {
        let endpoint = Endpoint::Manager { route: ManagerRoute::LegacyUi, v2: true };
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 {
            return Ok(version.trim_start_matches(['V', 'v']).starts_with('3'));
        }
        let told: Value = answer.ok(&endpoint)?.json(&endpoint)?;
        Ok(told.get("is_legacy_manager_ui").and_then(Value::as_bool).unwrap_or(false))
    }
}

/// A login page or the editor's index page is not a version.
fn read_version(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim().trim_matches('"');
    let plausible = !text.is_empty()
        && text.len() <= MAX_VERSION
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+_ ".contains(c));
    plausible.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_version_and_nothing_else() {
        assert_eq!(read_version(b"V4.1").as_deref(), Some("V4.1"));
        assert_eq!(read_version(b"\"3.39.2\"\n").as_deref(), Some("3.39.2"));
        for other in [&b""[..], b"<!doctype html><html></html>", b"\xff\xfe", &[b'1'; 65]] {
            assert_eq!(read_version(other), None);
        }
    }
}
