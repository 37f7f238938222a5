//! Model files, as far as ComfyUI lists them.

use super::{Client, Error, Result, endpoint::Endpoint};
use crate::{
    error::JsonObject,
    security::path::{ModelFolder, ModelName},
};

/// Folders in ComfyUI's list that hold no models.
const NOT_MODELS: [&str; 2] = ["configs", "custom_nodes"];

impl Client {
    /// The files of a model folder, names relative to it.
    pub async fn models(&self, folder: &ModelFolder) -> Result<Vec<String>> {
        let endpoint = Endpoint::Models(folder);
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 {
            let known = self.model_folders().await.unwrap_or_default().join(", ");
            let folder = folder.as_str();
            return Err(Error::NotFound(format!(
                "no model folder `{folder}` on this server; there are: {known}"
            )));
        }
        answer.ok(&endpoint)?.json(&endpoint)
    }

    /// The folders that can hold models.
    pub async fn model_folders(&self) -> Result<Vec<String>> {
        let mut folders: Vec<String> = self.inner.transport.get_json(&Endpoint::ModelFolders).await?;
        folders.retain(|folder| !NOT_MODELS.contains(&folder.as_str()));
        Ok(folders)
    }

    /// The names of the embeddings, without extension.
    pub async fn embeddings(&self) -> Result<Vec<String>> {
        self.inner.transport.get_json(&Endpoint::Embeddings).await
    }

    /// The metadata in the header of a safetensors file. `None` without one, and for other formats.
    pub async fn view_metadata(&self, folder: &ModelFolder, name: &ModelName) -> Result<Option<JsonObject>> {
        let endpoint = Endpoint::ModelMetadata { folder, name };
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 || answer.body.is_empty() {
            return Ok(None);
        }
        answer.ok(&endpoint)?.json(&endpoint)
    }
}
