//! Is ComfyUI-Manager there? `/features` cannot be asked: it claims support also without the Manager.

use tokio::{sync::Mutex, time::Instant};

use super::{Client, Result, endpoint::Endpoint};

/// The longest text that is taken for a version.
const MAX_VERSION: usize = 64;

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct ManagerProbe {
    known: Mutex<Option<(Instant, Option<String>)>>,
}

impl Client {
    /// The Manager's version. `None` when it is not installed, which is asked again after a few seconds.
    pub async fn manager_version(&self) -> Result<Option<String>> {
        let mut known = self.inner.manager.known.lock().await;
        if let Some((asked, version)) = known.as_ref() {
            let fresh = asked.elapsed() < self.inner.config.pace.forget_absence;
            if version.is_some() || fresh {
                return Ok(version.clone());
            }
        }
        let endpoint = Endpoint::ManagerVersion;
        let answer = self.inner.transport.get(&endpoint).await?;
        let version = match answer.status {
            404 | 405 => None,
            _ => read_version(&answer.ok(&endpoint)?.body),
        };
        *known = Some((Instant::now(), version.clone()));
        Ok(version)
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
