//! Models that are not installed yet: finding them on the hubs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Handled, Hints, Tool};
use crate::{
    gate::Class,
    web::{Hub, Hubs, ModelHit, Search, Token},
};
use comfywarden_error::Error;

/// Results when the caller does not say.
const USUAL_LIMIT: u32 = 5;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_search_models",
            Class::Read,
            "Search for models",
            "Searches Civitai or Hugging Face: download URL, file, size, base model. Installed models: \
             comfyui_list_models.",
            search_models,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true }),
    ]
}

/// The hubs with the operator's keys.
pub(super) fn hubs(call: &Call) -> Hubs {
    Hubs::new(
        call.web.clone(),
        call.settings.model_search.clone(),
        &call.settings.security.allowed_model_extensions,
    )
}

/// The credential for a host, if it is a hub's.
pub(super) fn hub_token(call: &Call, host: &str) -> Option<Token> {
    hubs(call).token_for(host)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchModels {
    /// Words of the name
    #[schemars(length(min = 1, max = 200))]
    query: String,
    /// Where to look
    #[serde(default)]
    source: Hub,
    /// Civitai: Checkpoint, LORA, VAE…; Hugging Face: pipeline tag
    #[serde(default)]
    #[schemars(length(max = 100))]
    model_type: String,
    /// Most results; 0: default 5
    #[serde(default = "usual_limit")]
    #[schemars(range(max = 1000))]
    limit: u32,
    /// Results to skip
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: u32,
}

fn usual_limit() -> u32 {
    USUAL_LIMIT
}

/// One page of models.
#[derive(Debug, Serialize, JsonSchema)]
struct Models {
    items: Vec<ModelHit>,
    /// All matches, where the source tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    offset: usize,
    limit: usize,
    has_more: bool,
    query: String,
    source: Hub,
}

async fn search_models(call: Call, params: SearchModels) -> Handled<Models> {
    let query = params.query.trim().to_owned();
    if query.is_empty() {
        return Err(Error::invalid_input("`query` holds nothing but blanks")
            .hint("give words of the model's name")
            .detail("field", "query")
            .into());
    }
    let wanted = if params.limit == 0 { USUAL_LIMIT } else { params.limit };
    let search = Search {
        query: query.clone(),
        kind: params.model_type.trim().to_owned(),
        limit: wanted.min(call.settings.model_search.max_search_results) as usize,
        offset: params.offset as usize,
    };
    let found = hubs(&call).search(params.source, &search).await?;
    Ok(Answer::from(Models {
        items: found.hits,
        total: found.total,
        offset: search.offset,
        limit: search.limit,
        has_more: found.has_more,
        query,
        source: params.source,
    }))
}
