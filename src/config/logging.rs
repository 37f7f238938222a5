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
