//! What a file or text was, and the workflows in it.

use serde_json::Value;

use crate::workflow::{Error, Result, UiWorkflow, Workflow, convert::Remark, graph::kind_of, json};

/// Where a workflow was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Text in API format.
    Api,
    /// Text with the API format under `prompt`, as it is posted to ComfyUI.
    Envelope,
    /// Text in the editor's format.
    Ui,
}

impl Source {
    /// A word for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Envelope => "envelope",
            Self::Ui => "ui",
        }
    }
}

/// The workflows in a text or file: at least one of the two.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was read.
    pub format: Source,
    /// The API format, if it is there. In a file this is what ran.
    pub prompt: Option<Workflow>,
    /// The editor's format, if it is there.
    pub workflow: Option<UiWorkflow>,
    /// What was there and could not be read.
    pub notes: Vec<Remark>,
}

/// Reads a workflow from text or from a file's bytes.
pub fn read(bytes: &[u8]) -> Result<Found> {
    read_value(json::parse(bytes)?)
}

/// Reads a workflow from JSON that is already parsed.
pub fn read_value(value: Value) -> Result<Found> {
    let found = |format, prompt, workflow| Found { format, prompt, workflow, notes: Vec::new() };
    if UiWorkflow::looks_like(&value) {
        return Ok(found(Source::Ui, None, Some(UiWorkflow::from_value(value)?)));
    }
    let Value::Object(map) = &value else {
        return Err(Error::new(format!("the text is {}, not a workflow", kind_of(&value))));
    };
    if let Some(prompt @ Value::Object(_)) =
        map.get("prompt").filter(|prompt| prompt.get("class_type").is_none())
    {
        return Ok(found(Source::Envelope, Some(Workflow::from_value(prompt)?), None));
    }
    Ok(found(Source::Api, Some(Workflow::from_value(&value)?), None))
}
