//! Outputs of a job, with the ids under which other tools know them.

use schemars::JsonSchema;
use serde::Serialize;

use super::AssetId;
use crate::comfy::{OutputFile, OutputKind, PromptId};

/// An output of a job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Made {
    #[serde(flatten)]
    file: OutputFile,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset_id: Option<String>,
}

impl Made {
    /// True for a picture, film, sound or model that other tools can show.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self.file.kind, OutputKind::Text | OutputKind::Latent)
    }

    /// The outputs of this job. Texts are no assets.
    pub(crate) fn all(outputs: Vec<OutputFile>, id: &PromptId) -> Vec<Self> {
        let made = |file: OutputFile| Self { asset_id: AssetId::text_of(&file, id), file };
        outputs.into_iter().map(made).collect()
    }
}
