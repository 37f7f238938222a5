//! The operator's settings that tools need: no credential of ComfyUI or of a caller is among them.

use std::path::PathBuf;

use url::Url;

use crate::config::{Config, Files, ModelSearch};
use comfywarden_policy::settings::Security;

/// Settings of tools, taken from the configuration at the start.
#[derive(Debug, Clone)]
pub struct ToolSettings {
    /// Rules for workflows, files and changes to the server.
    pub(crate) security: Security,
    /// Folders and hosts that tools may name.
    pub(crate) files: Files,
    /// Hubs that are searched for models.
    pub(crate) model_search: ModelSearch,
    /// Seconds that a tool waits for its job before it answers `running`.
    pub(crate) wait_seconds: u64,
    /// File of the users' defaults; other small files stand beside it.
    pub(crate) defaults_file: PathBuf,
    /// Address of ComfyUI.
    pub(crate) comfyui_url: Url,
    /// Address of ComfyUI that clients can open.
    pub(crate) external_url: Option<Url>,
}

impl From<&Config> for ToolSettings {
    fn from(config: &Config) -> Self {
        Self {
            security: config.security.clone(),
            files: config.files.clone(),
            model_search: config.model_search.clone(),
            wait_seconds: config.tools.wait_seconds,
            defaults_file: config.tools.defaults_file.clone(),
            comfyui_url: config.comfyui.url.clone(),
            external_url: config.comfyui.external_url.clone(),
        }
    }
}
