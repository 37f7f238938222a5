//! Section `limits`: sizes and counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sizes and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest protocol message, on stdio and HTTP, in megabytes.
    #[schemars(range(min = 1, max = 1024))]
    pub max_message_mb: usize,
    /// Calls of one caller that may wait for a job at the same time.
    #[schemars(range(min = 1, max = 10_000))]
    pub waits_per_caller: usize,
    /// Calls of all callers that may wait for a job at the same time.
    #[schemars(range(min = 1, max = 100_000))]
    pub waits_in_total: usize,
    /// Jobs in ComfyUI's queue, whoever submitted them, beyond which no job is added.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_depth: usize,
    /// Jobs of one caller among those, where there are several callers.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_depth_per_caller: usize,
    /// Open HTTP connections of all clients, streams included.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections: usize,
    /// Open HTTP connections of one address; behind a proxy all clients have the same.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_address: usize,
    /// Open HTTP requests of one caller, streams included.
    #[schemars(range(min = 1, max = 100_000))]
    pub requests_per_caller: usize,
    /// Bodies of one caller's HTTP requests in memory at the same time, in megabytes; one message always fits.
    #[schemars(range(min = 1, max = 65_536))]
    pub bodies_per_caller_mb: usize,
    /// Bodies of all HTTP requests in memory at the same time, in megabytes; one message always fits.
    #[schemars(range(min = 1, max = 65_536))]
    pub bodies_in_total_mb: usize,
}

impl Limits {
    /// Returns [`Self::max_message_mb`] in bytes.
    pub fn max_message_bytes(&self) -> usize {
        bytes(self.max_message_mb)
    }

    /// Returns [`Self::bodies_per_caller_mb`] in bytes, and never less than one message.
    pub fn body_bytes_per_caller(&self) -> usize {
        bytes(self.bodies_per_caller_mb.max(self.max_message_mb))
    }

    /// Returns [`Self::bodies_in_total_mb`] in bytes, and never less than one message.
    pub fn body_bytes_in_total(&self) -> usize {
        bytes(self.bodies_in_total_mb.max(self.max_message_mb))
    }
}

fn bytes(megabytes: usize) -> usize {
    megabytes.saturating_mul(1024 * 1024)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_mb: 96,
            waits_per_caller: 16,
            waits_in_total: 128,
            queue_depth: 200,
            queue_depth_per_caller: 50,
            connections: 512,
            connections_per_address: 128,
            requests_per_caller: 128,
            bodies_per_caller_mb: 192,
            bodies_in_total_mb: 512,
        }
    }
}
