//! The workflow that a file carries.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    comfy::{FileType, OutputRef},
    tools::{Answer, Call, Handled, media::Pieces, resources::output_uri},
};
use comfywarden_policy::{
    path::{OutputName, Subfolder},
    strip_credentials,
};
use comfywarden_workflow::read;

/// Maximum number of characters of both formats together inside the result.
const MAX_CHARS: usize = 32_000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetWorkflow {
    /// A file that ComfyUI saved: picture, video or sound
    filename: OutputName,
    /// Its folder below the root
    #[serde(default)]
    subfolder: Subfolder,
    /// Its root
    #[serde(default, rename = "type")]
    file_type: FileType,
}

/// Metadata found in the file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Embedded {
    /// The editor's format.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Value>,
    /// The API format: what ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Value>,
    message: String,
}

pub(super) async fn get_workflow(call: Call, params: GetWorkflow) -> Handled<Embedded> {
    let file = OutputRef { filename: params.filename, subfolder: params.subfolder, kind: params.file_type };
    call.must_read(&file).await?;
    let pieces = Pieces::read(call.backend(), &file).await?;
    let container = pieces.container(call.backend(), &file).await?;
    let found = tokio::task::spawn_blocking(move || read::read(&container))
        .await
        .map_err(|error| comfywarden_error::Error::internal("the file was not read").source(error))??;
    let mut message = format!("found {} in the {} file", found.formats().join(" and "), found.format);
    for note in &found.notes {
        message.push_str("; ");
        message.push_str(&note.message);
    }
    let mut prompt = found.prompt.map(|prompt| prompt.to_value());
    let mut workflow = found.workflow.map(|workflow| Value::Object(workflow.as_json().clone()));
    for (name, graph) in [("prompt", &mut prompt), ("workflow", &mut workflow)] {
        let places = graph.as_mut().map(strip_credentials::strip).unwrap_or_default();
        if let Some(sentence) = strip_credentials::sentence(&places) {
            let _ = write!(message, "; `{name}`: {sentence}");
        }
    }
    let length = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
    let (of_prompt, of_workflow) = (length(&prompt), length(&workflow));
    let (keep_prompt, keep_workflow) = (of_prompt <= MAX_CHARS, of_prompt + of_workflow <= MAX_CHARS);
    if !(keep_prompt && keep_workflow) {
        let uri = output_uri(file.kind, file.subfolder.as_str(), file.filename.as_str());
        let left_out = match (keep_prompt, workflow.is_some()) {
            (true, _) => format!("`workflow` ({of_workflow} characters) is"),
            (false, false) => format!("`prompt` ({of_prompt} characters) is"),
            (false, true) => format!("`prompt` ({of_prompt} characters) and `workflow` ({of_workflow}) are"),
        };
        message.push_str("; ");
        message.push_str(&left_out);
        message.push_str(" left out here: pass \"");
        message.push_str(&uri);
        message.push_str("\" as `workflow` to any workflow tool, which reads the file itself");
    }
    let embedded = Embedded {
        workflow: workflow.filter(|_| keep_prompt && keep_workflow),
        prompt: prompt.filter(|_| keep_prompt),
        message,
    };
    Ok(Answer::from(embedded).exact(&["workflow", "prompt"]))
}
