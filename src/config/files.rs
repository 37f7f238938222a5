//! Section `files`: folders and hosts that tools may name.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Folders and hosts that tools may name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Absolute folders from which files may be uploaded by path.
    pub allowed_roots: Vec<PathBuf>,
    /// Absolute folders into which pictures may be published.
    pub publish_roots: Vec<PathBuf>,
    /// Hosts besides ComfyUI's own that links may name.
    #[schemars(inner(length(min = 1, max = 253)))]
    pub url_hosts: Vec<String>,
}
