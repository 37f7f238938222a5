//! The names ComfyUI knows: of prompts and of sockets.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// Limit for the length of a foreign prompt id that is passed on.
const MAX_PROMPT_ID: usize = 200;

/// The name of one queued execution. Ours are UUIDs; those of other clients are any text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PromptId(Arc<str>);

impl PromptId {
    /// A fresh id of ours, a random UUID.
    pub fn generate() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// Takes an id from outside. Refuses what cannot be one path segment.
    pub fn parse(text: &str) -> Result<Self> {
        let rule = if text.is_empty() {
            "it is empty"
        } else if text.len() > MAX_PROMPT_ID {
            "it is longer than 200 bytes"
        } else if text.chars().any(char::is_control) {
            "it holds a control character"
        } else if text == "." || text == ".." {
            "it is a directory reference"
        } else {
            return Ok(Self(text.into()));
        };
        Err(Error::InvalidInput(format!("prompt_id: {rule}; give the id that the submit returned")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PromptId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<PromptId> for String {
    fn from(id: PromptId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl schemars::JsonSchema for PromptId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PromptId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_PROMPT_ID})
    }
}

/// The name of one WebSocket connection, never used for a second one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// The name of the connection number `number` of the client `instance`.
    pub(crate) fn numbered(instance: &str, number: u64) -> Self {
        Self(format!("{instance}-{number}").into())
    }

    /// A name for one task, used by nothing else.
    pub(crate) fn for_task(id: &str) -> Self {
        Self(format!("comfywarden-task-{id}").into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_any_single_segment_and_refuses_the_rest() {
        for good in ["my-own-id-1", "a/b", "ü ?#%", "..."] {
            assert_eq!(PromptId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a\nb", &"x".repeat(201)] {
            assert!(PromptId::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn generated_ids_are_distinct_uuids() {
        let (a, b) = (PromptId::generate(), PromptId::generate());
        assert_ne!(a, b);
        assert!(uuid::Uuid::parse_str(a.as_str()).is_ok());
    }
}
