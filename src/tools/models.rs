//! What is installed on the server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Tool,
    params::{Page, default_limit},
};
use crate::security::{Class, path::ModelFolder};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_list_models",
            Class::Read,
            "Installed models",
            "Lists the model files of one folder: checkpoints, loras, vae, diffusion_models, text_encoders, \
             controlnet, upscale_models, embeddings and others.",
            list_models,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true })
        .always_load(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListModels {
    /// Model folder; default checkpoints
    #[serde(default)]
    folder: Option<ModelFolder>,
    /// Most items
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Items to skip
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: u32,
}

/// One page of file names.
#[derive(Debug, Serialize, JsonSchema)]
struct Names {
    items: Vec<String>,
    #[serde(flatten)]
    page: Page,
}

async fn list_models(call: Call, params: ListModels) -> Handled<Names> {
    let folder = params.folder.map_or_else(|| ModelFolder::parse("checkpoints"), Ok)?;
    let names = call.comfy.models(&folder).await?;
    let (items, page) = Page::cut(names, params.limit, params.offset);
    Ok(Names { items, page }.into())
}
