//! Section `comfyui`: the address of the server and how to talk to it.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::secret;

/// The ComfyUI server behind comfywarden.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Comfyui {
    /// Base address, http or https; a path prefix is kept for HTTP and WebSocket.
    #[schemars(with = "String", url)]
    pub url: Url,
    /// Address that clients can open, for links in answers; null or empty means none.
    #[schemars(with = "Option<String>", url)]
    #[serde(deserialize_with = "url_or_empty")]
    pub external_url: Option<Url>,
    /// Check the server's certificate.
    pub tls_verify: bool,
    /// Seconds to wait for a connection.
    #[schemars(range(min = 1, max = 600))]
    pub timeout_connect: u64,
    /// Seconds to wait for an answer; also the longest wait for a job inside one call.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_read: u64,
    /// Seconds a job may take.
    #[schemars(range(min = 1, max = 604_800))]
    pub job_timeout: u64,
    /// How comfywarden proves itself to the server or to the proxy before it.
    pub auth: Auth,
}

impl Comfyui {
    /// Returns [`Self::timeout_connect`] as a duration.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_connect)
    }

    /// Returns [`Self::timeout_read`] as a duration.
    pub fn read_timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_read)
    }

    /// Returns [`Self::job_timeout`] as a duration.
    pub fn max_job_duration(&self) -> Duration {
        Duration::from_secs(self.job_timeout)
    }
}

impl Default for Comfyui {
    fn default() -> Self {
        Self {
            url: default_url(),
            external_url: None,
            tls_verify: true,
            timeout_connect: 30,
            timeout_read: 300,
            job_timeout: 3600,
            auth: Auth::None,
        }
    }
}

#[expect(clippy::expect_used, reason = "a constant that every test of this crate parses")]
fn default_url() -> Url {
    Url::parse("http://127.0.0.1:8188").expect("the default address is a URL")
}

fn url_or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => Url::parse(text).map(Some).map_err(serde::de::Error::custom),
    }
}

/// A credential for ComfyUI; sent to its own host only.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// No credential.
    #[default]
    None,
    /// `Authorization: Bearer …`.
    #[serde(serialize_with = "secret::masked")]
    Bearer(#[schemars(with = "String")] SecretString),
    /// `Authorization: Basic …`.
    Basic {
        /// User name.
        #[schemars(length(min = 1))]
        user: String,
        /// Password.
        #[serde(serialize_with = "secret::masked")]
        #[schemars(with = "String")]
        password: SecretString,
    },
    /// A header of its own, for example `X-API-Key`.
    Header {
        /// Header name.
        #[schemars(length(min = 1))]
        name: String,
        /// Header value.
        #[serde(serialize_with = "secret::masked")]
        #[schemars(with = "String")]
        value: SecretString,
    },
    /// A query parameter; it shows in the server's own access log.
    Query {
        /// Parameter name.
        #[schemars(length(min = 1))]
        name: String,
        /// Parameter value.
        #[serde(serialize_with = "secret::masked")]
        #[schemars(with = "String")]
        value: SecretString,
    },
}
