//! Limits of one request.

use std::time::Duration;

use secrecy::SecretString;

use comfywarden_error::{Error, Result};
use comfywarden_policy::{download::DownloadRules, strict_url::StrictUrl};

/// Bounds of one request.
#[derive(Debug, Clone)]
pub struct FetchRules {
    /// Limit for the bytes of the body.
    pub max_bytes: usize,
    /// Time limit for everything together, redirects included.
    pub deadline: Duration,
    /// Limit for redirects; 0 makes every redirect an error.
    pub max_redirects: usize,
    /// Reach of redirects.
    pub hops: Hops,
    /// The ports that may be contacted.
    pub ports: Vec<u16>,
    /// The credential, for one host.
    pub token: Option<Token>,
}

/// Reach of redirects. The addresses of every hop are checked in any case.
#[derive(Debug, Clone, Default)]
pub enum Hops {
    /// To any https URL on the public Internet.
    #[default]
    Public,
    /// Within the hosts that deliver for the first one.
    Download(DownloadRules),
}

/// A credential for one host: sent with the first request to exactly this host, never after a redirect.
#[derive(Debug, Clone)]
pub struct Token {
    /// The host.
    pub host: String,
    /// The bearer token; empty sends nothing.
    pub value: SecretString,
}

impl FetchRules {
    /// At most `max_bytes` within `deadline`, three redirects, port 443, no credential.
    pub fn new(max_bytes: usize, deadline: Duration) -> Self {
        Self { max_bytes, deadline, max_redirects: 3, hops: Hops::Public, ports: vec![443], token: None }
    }

    /// The next hop, if the rules allow it. `so_far` are the URLs already requested.
    pub(super) fn next_hop(&self, so_far: &[StrictUrl], location: &str) -> Result<StrictUrl> {
        let refuse = |why: &str| Error::denied(format!("the download is refused: {why}"));
        if so_far.len() > self.max_redirects {
            return Err(match self.max_redirects {
                0 => refuse("a redirect where none is expected"),
                most => refuse(&format!("more than {most} redirects")),
            });
        }
        if let Hops::Download(rules) = &self.hops {
            return rules.check_hop(so_far, location);
        }
        let last = so_far.last().ok_or_else(|| Error::internal("a redirect without a request"))?;
        let next = last.join(location)?;
        if so_far.contains(&next) {
            return Err(refuse("the redirects go in a circle"));
        }
        Ok(next)
    }
}
