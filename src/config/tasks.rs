//! Section `tasks`: read so that files of the Python reference load; MCP tasks come later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tasks, kept for files of the Python reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tasks {
    /// No effect yet.
    pub enabled: bool,
    /// No effect yet.
    pub backend_url: String,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { enabled: false, backend_url: "memory://".to_owned() }
    }
}
