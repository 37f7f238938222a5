//! The shapes of what a check finds.

use serde_json::{Value, json};

/// A check that failed: the error of the answer and those of the nodes.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Value,
    pub(crate) node_errors: Value,
}

impl Refused {
    pub(super) fn with_error(error: Value) -> Box<Self> {
        Box::new(Self { error, node_errors: json!({}) })
    }
}

/// `{type, message, details, extra_info}`.
pub(crate) fn error(kind: &str, message: &str, details: &str, extra_info: Value) -> Value {
    let entry = [
        ("type", Value::from(kind)),
        ("message", message.into()),
        ("details", details.into()),
        ("extra_info", extra_info),
    ];
    Value::Object(entry.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A line of a Python traceback in the file that does the checks.
pub(super) fn traced(line: u32, function: &str) -> String {
    format!("  File \"/srv/comfyui/execution.py\", line {line}, in {function}\n")
}
