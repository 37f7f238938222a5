//! Rules for the addresses that results may be posted to.

use super::{
    address::{is_internal_name, is_public},
    strict_url::StrictUrl,
};
use comfywarden_error::{Error, Result};

/// Ports that are accepted with any public host.
const PUBLIC_PORTS: [u16; 2] = [443, 8_443];

/// The operator's rules for webhooks. Redirects are never followed, and addresses are checked after resolving with
/// [`super::strict_url::check_addresses`].
#[derive(Debug, Clone)]
pub enum WebhookRules {
    /// These hosts only; `*.example.net` stands for every name below `example.net`.
    Allowlist(Vec<String>),
    /// Any public host but our own.
    Public {
        /// The names of this server.
        own_hosts: Vec<String>,
    },
}

impl WebhookRules {
    /// Accepts a URL to post to, or names the rule that refuses it.
    pub fn check(&self, url: &str) -> Result<StrictUrl> {
        let url = StrictUrl::parse(url)?;
        let host = url.host();
        match self {
            Self::Allowlist(hosts) => {
                let listed = hosts.iter().any(|entry| match entry.strip_prefix("*.") {
                    Some(parent) => {
                        host.strip_suffix(parent).is_some_and(|label| label.len() > 1 && label.ends_with('.'))
                    }
                    None => entry == host,
                });
                if !listed || url.port() != 443 {
                    return Err(refuse(host, "it is not on the operator's list, or not on port 443"));
                }
            }
            Self::Public { own_hosts } => {
                if !PUBLIC_PORTS.contains(&url.port()) {
                    return Err(refuse(host, "its port is not 443 or 8443"));
                }
                if own_hosts.iter().any(|own| own == host) {
                    return Err(refuse(host, "it leads back to this server"));
                }
                let inside = match url.address() {
                    Some(address) => !is_public(address),
                    None => is_internal_name(host),
                };
                if inside {
                    return Err(refuse(host, "it is not on the public Internet"));
                }
            }
        }
        Ok(url)
    }
}

fn refuse(host: &str, why: &str) -> Error {
    Error::denied(format!("a webhook to `{host}` is refused: {why}"))
        .hint("the operator lists the hosts that webhooks may name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_means_exactly_these_names() {
        let rules =
            WebhookRules::Allowlist(vec!["hooks.example.com".into(), "*.callbacks.example.net".into()]);
        for url in ["https://hooks.example.com/cb", "https://team.callbacks.example.net/in"] {
            rules.check(url).unwrap();
        }
        for url in [
            "https://x.hooks.example.com/",
            "https://callbacks.example.net/",
            "https://evilcallbacks.example.net/",
            "https://hooks.example.com:8443/",
        ] {
            assert!(rules.check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn public_means_public() {
        let rules = WebhookRules::Public { own_hosts: vec!["self.example".into()] };
        rules.check("https://n8n.example.io:8443/x").unwrap();
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://nas.local/",
            "https://self.example/",
            "https://example.org:22/",
        ] {
            assert!(rules.check(url).is_err(), "{url}");
        }
    }
}
