//! Section `transport`: the HTTP door. Without it clients start comfywarden and speak over stdio.

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::secret;

/// How clients reach comfywarden.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Transport {
    /// The HTTP door.
    pub remote: Remote,
}

/// The HTTP door.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Remote {
    /// Serve Streamable HTTP in place of stdio.
    pub enabled: bool,
    /// Address to listen on; anything but loopback needs `tokens` or `oauth`.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Values of the `Host` header that are answered.
    #[schemars(inner(length(min = 1, max = 260)))]
    pub allowed_hosts: Vec<String>,
    /// Values of the `Origin` header that are answered; requests without one always are.
    #[schemars(inner(url))]
    pub allowed_origins: Vec<String>,
    /// Bearer tokens of clients: `sha256:` and 64 hex digits, perhaps with a blank and classes such as
    /// `read+generation` and a profile such as `profile:core` between `+`, or `${VAR}` with at least 16 characters.
    #[serde(serialize_with = "secret::masked_list")]
    #[schemars(with = "Vec<String>", inner(length(min = 16)))]
    pub tokens: Vec<SecretString>,
    /// Tokens issued by an OAuth server.
    pub oauth: Option<OAuth>,
    /// The same text, of at least 32 characters, on all replicas behind one address: then any of them can answer any
    /// request, and nothing is offered that lives in one process (sessions and tasks).
    #[serde(serialize_with = "secret::masked")]
    #[schemars(with = "String")]
    pub replica_key: SecretString,
}

impl Remote {
    /// True when there are other processes behind the same address.
    pub fn is_replica(&self) -> bool {
        !self.replica_key.expose_secret().is_empty()
    }
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            enabled: false,
            host: "127.0.0.1".to_owned(),
            port: 8080,
            allowed_hosts: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            allowed_origins: Vec::new(),
            tokens: Vec::new(),
            oauth: None,
            replica_key: SecretString::default(),
        }
    }
}

/// How tokens of an OAuth server are checked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// The issuer, as the token names it.
    #[schemars(url)]
    pub issuer: String,
    /// The audience that a token must name: the public address of comfywarden, such as `https://host/mcp`.
    #[schemars(length(min = 1))]
    pub audience: String,
    /// Where the issuer publishes its keys.
    #[schemars(with = "String", url)]
    pub jwks_url: Url,
    /// Scopes that a token must carry.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The longest life of a token, in seconds.
    #[serde(default = "quarter_of_an_hour")]
    #[schemars(range(min = 60, max = 86_400))]
    pub longest_life_seconds: u64,
}

fn quarter_of_an_hour() -> u64 {
    900
}
