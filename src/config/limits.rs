//! Section `limits`: sizes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest protocol message, on stdio and HTTP, in megabytes.
    #[schemars(range(min = 1, max = 1024))]
    pub max_message_mb: usize,
}

impl Limits {
    /// [`Self::max_message_mb`] in bytes.
    pub fn max_message_bytes(&self) -> usize {
        self.max_message_mb.saturating_mul(1024 * 1024)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message_mb: 96 }
    }
}
