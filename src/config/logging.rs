//! Section `logging`: the audit log and the diagnostic log.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The audit log and the diagnostic log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The audit log: one JSON record per line. A relative path starts at the configuration file's folder.
    #[schemars(length(min = 1))]
    pub audit_file: PathBuf,
    /// When the audit log cannot be written: `warn` goes on, `closed` refuses the call. Unset means `warn`
    /// on stdio and `closed` over HTTP.
    pub audit_fail: AuditFail,
    /// Megabytes after which the audit log is put away under a dated name and a new file begun.
    #[schemars(range(min = 1, max = 10_240))]
    pub audit_rotate_mb: u64,
    /// Days after which the audit log is put away, however small it is.
    #[schemars(range(min = 1, max = 3_650))]
    pub audit_rotate_days: u64,
    /// Free megabytes on the disk below which no audit record is written; 0 writes to the last byte.
    #[schemars(range(max = 1_048_576))]
    pub audit_free_mb: u64,
    /// What the diagnostic log on stderr shows: `error`, `warn`, `info`, `debug`, `trace`, or a filter such
    /// as `warn,comfywarden=debug`.
    #[schemars(length(min = 1))]
    pub level: String,
    /// How the diagnostic log is written.
    pub format: LogFormat,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            audit_file: PathBuf::from("~/.comfywarden/audit.jsonl"),
            audit_fail: AuditFail::Warn,
            audit_rotate_mb: 64,
            audit_rotate_days: 30,
            audit_free_mb: 64,
            level: "warn".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// What happens to a call whose audit record cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditFail {
    /// It runs, with a warning in the diagnostic log.
    #[default]
    Warn,
    /// It is refused.
    Closed,
}

/// The form of the diagnostic log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}
