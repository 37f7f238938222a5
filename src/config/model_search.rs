//! Section `model_search`: keys and limits for searching models.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::secret;

/// Keys and limits for searching models.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSearch {
    /// Token for Hugging Face; empty means none.
    #[serde(serialize_with = "secret::masked")]
    #[schemars(with = "String")]
    pub huggingface_token: SecretString,
    /// Key for Civitai; empty means none.
    #[serde(serialize_with = "secret::masked")]
    #[schemars(with = "String")]
    pub civitai_api_key: SecretString,
    /// Results of one search.
    #[schemars(range(min = 1, max = 100))]
    pub max_search_results: u32,
}

impl Default for ModelSearch {
    fn default() -> Self {
        Self {
            huggingface_token: SecretString::default(),
            civitai_api_key: SecretString::default(),
            max_search_results: 10,
        }
    }
}
