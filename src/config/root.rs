//! The whole configuration, one field per section of the file.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{
    Auth, Comfyui, Files, Limits, Logging, ModelSearch, RateLimits, Tasks, Tools, Transport, Workflows,
};
use comfywarden_policy::settings::Security;

/// The settings of an operator.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The ComfyUI server behind comfywarden.
    pub comfyui: Comfyui,
    /// What may run.
    pub security: Security,
    /// Calls per minute, by class of tool.
    pub rate_limits: RateLimits,
    /// Keys and limits for searching models.
    pub model_search: ModelSearch,
    /// The audit log and the diagnostic log.
    pub logging: Logging,
    /// How clients reach comfywarden.
    pub transport: Transport,
    /// Tasks, kept for files of the Python reference.
    pub tasks: Tasks,
    /// Folders and hosts that tools may name.
    pub files: Files,
    /// Workflow files that become tools.
    pub workflows: Workflows,
    /// Which tools are offered.
    pub tools: Tools,
    /// Sizes and counts.
    pub limits: Limits,
}

impl Config {
    /// Lists every secret in it, so that logs can be searched for them.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let upstream = match &self.comfyui.auth {
            Auth::None => None,
            Auth::Bearer(secret)
            | Auth::Basic { password: secret, .. }
            | Auth::Header { value: secret, .. }
            | Auth::Query { value: secret, .. } => Some(secret),
        };
        let hubs = [&self.model_search.huggingface_token, &self.model_search.civitai_api_key];
        let remote = &self.transport.remote;
        upstream.into_iter().chain(hubs).chain(&remote.tokens).chain([&remote.replica_key])
    }
}
