//! Listing of the folder, in words for callers and for the operator.

use schemars::JsonSchema;
use serde::Serialize;

/// One file of the folder.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listed {
    /// The file.
    pub file: String,
    /// The tool that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `api`, `ui`, `script`, `png`, `template`, …
    #[serde(skip_serializing_if = "str::is_empty")]
    pub format: &'static str,
    /// Parameters that callers can set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Reason why it is no tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Next step for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Notes for its author.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
