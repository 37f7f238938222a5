//! The error of this crate.

use serde_json::Value;

use comfywarden_error::JsonObject;

/// The result of workflow code.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A workflow that cannot be read, or an operation on it that cannot be done.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    node: Option<String>,
    details: Box<JsonObject>,
}

impl Error {
    /// An error whose message names the place and the rule.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, node: None, details: Box::default() }
    }

    /// Adds the next step for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the node concerned.
    #[must_use]
    pub fn node(mut self, node_id: impl Into<String>) -> Self {
        self.node = Some(node_id.into());
        self
    }

    /// Adds a machine-readable field beside the message (`missing_types`, `line`, …).
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the machine-readable fields.
    pub fn details(&self) -> &JsonObject {
        &self.details
    }

    /// Returns the node concerned, if it is one.
    pub fn node_id(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Returns the next step for the user.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<Error> for comfywarden_error::Error {
    fn from(error: Error) -> Self {
        let mut outer = Self::invalid_input(error.message);
        if let Some(hint) = error.hint {
            outer = outer.hint(hint);
        }
        if let Some(node) = error.node {
            outer = outer.detail("node_id", node);
        }
        for (key, value) in *error.details {
            outer = outer.detail(&key, value);
        }
        outer
    }
}
