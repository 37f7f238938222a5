//! Section `workflows`: workflow files that become tools.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Workflow files that become tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workflows {
    /// Their folder. A relative path starts at the configuration file's folder.
    #[schemars(length(min = 1))]
    pub dir: PathBuf,
}

impl Default for Workflows {
    fn default() -> Self {
        Self { dir: PathBuf::from("./workflows") }
    }
}
