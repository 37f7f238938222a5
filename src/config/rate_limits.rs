//! Section `rate_limits`: calls per minute, for each caller and for all callers of a class together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Calls per minute, by class of tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Tools that change the queue.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub workflow: u32,
    /// Tools that make pictures.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub generation: u32,
    /// Tools that read or write files.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub file_ops: u32,
    /// Tools that only look.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub read_only: u32,
    /// Tools that change the server.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub admin: u32,
    /// Megapixels times steps that count as one call of making pictures; larger work counts as several. 0 counts
    /// every call once.
    #[schemars(range(max = 1_000_000))]
    pub work_per_call: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { workflow: 10, generation: 10, file_ops: 30, read_only: 60, admin: 10, work_per_call: 100 }
    }
}
