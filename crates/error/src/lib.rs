//! The error that leaves comfywarden: a stable kind, a message, and what to do next.
//!
//! Modules have error types of their own (`comfy::Error`, `workflow::Error`, …); each converts into
//! [`Error`] beside its definition. `source` is for the log and never leaves the process.

use std::fmt;

use serde_json::{Map, Value};

/// A JSON object, in the order of its text.
pub type JsonObject = Map<String, Value>;

/// The result of everything that a caller can see.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, as a word that clients may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The arguments are wrong; the message names the field and what it accepts.
    InvalidInput,
    /// There is no such tool, prompt, model or node.
    NotFound,
    /// A rule refused; the message names it.
    Denied,
    /// The credential is missing or wrong.
    Unauthenticated,
    /// A token bucket is empty; the details carry `retry_after_ms`.
    RateLimited,
    /// The present state does not allow it.
    Conflict,
    /// ComfyUI, or a plug-in it needs, cannot be reached.
    Unavailable,
    /// ComfyUI answered with an error, or with nonsense.
    Upstream,
    /// A request to ComfyUI took too long.
    Timeout,
    /// A fault of comfywarden itself.
    Internal,
}

impl Kind {
    /// The spelling on the wire, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::RateLimited => "rate_limited",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failure, ready to be shown to a caller.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    details: JsonObject,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` is a lower-case fragment that names the thing.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, details: Map::new(), source: None }))
    }

    /// The arguments are wrong.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidInput, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// A rule refused.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(Kind::Denied, message)
    }

    /// A fault of our own.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Adds what the caller can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a machine-readable field beside kind, message and hint (`node_errors`, `retry_after_ms`, …).
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(key.to_owned(), value.into());
        self
    }

    /// Passes message, hint and every text of the details through `change`.
    #[must_use]
    pub fn map_texts(mut self, change: impl Fn(&str) -> String) -> Self {
        fn within(value: &mut Value, change: &impl Fn(&str) -> String) {
            match value {
                Value::String(text) => *text = change(text),
                Value::Array(items) => items.iter_mut().for_each(|item| within(item, change)),
                Value::Object(map) => {
                    let changed = std::mem::take(map).into_iter().map(|(key, mut item)| {
                        within(&mut item, change);
                        (change(&key), item)
                    });
                    *map = changed.collect();
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        self.0.message = change(&self.0.message);
        self.0.hint = self.0.hint.take().map(|hint| change(&hint));
        self.0.details.values_mut().for_each(|detail| within(detail, &change));
        self
    }

    /// Keeps the cause for the log; callers never see it.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The stable word for this failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the message: the thing, the rule and what is accepted.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the next step, where there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The machine-readable fields.
    pub fn details(&self) -> &JsonObject {
        &self.0.details
    }

    /// The object a client receives: `kind`, `message`, `hint` and the details.
    pub fn to_json(&self) -> JsonObject {
        let mut object = Map::new();
        object.insert("kind".into(), self.kind().as_str().into());
        object.insert("message".into(), self.message().into());
        if let Some(hint) = self.hint_text() {
            object.insert("hint".into(), hint.into());
        }
        for (key, value) in self.details() {
            object.entry(key.clone()).or_insert_with(|| value.clone());
        }
        object
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}
