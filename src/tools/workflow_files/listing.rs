//! What the folder holds, in words for callers and for the operator.

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
    /// What it does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `api`, `ui`, `script`, `png`, `template`, …
    #[serde(skip_serializing_if = "str::is_empty")]
    pub format: &'static str,
    /// What callers can set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Why it is no tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What its author should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
