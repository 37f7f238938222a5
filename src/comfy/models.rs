//! Model files, as far as ComfyUI lists them.

use bytes::Bytes;
use serde::Deserialize;

use super::{Client, Error, Result, endpoint::Endpoint};
use comfywarden_error::JsonObject;
use comfywarden_policy::path::{ModelFolder, ModelName};
use comfywarden_workflow::nearest;

/// Limit for the bytes of a preview picture.
const MAX_PREVIEW: usize = 16 << 20;

/// One model file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ModelFile {
    /// Its name, relative to the folder.
    pub name: String,
    /// Index of the path, among those that make up its folder, in which it lies; from 0.
    #[serde(default, rename = "pathIndex")]
    pub path_index: u32,
    /// Time of the last change, in Unix seconds.
    #[serde(default)]
    pub modified: f64,
    /// Time of creation, in Unix seconds.
    #[serde(default)]
    pub created: f64,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
}

/// Folders in ComfyUI's list that hold no models.
const NOT_MODELS: [&str; 2] = ["configs", "custom_nodes"];

impl Client {
    /// The files of a model folder, names relative to it.
    pub async fn models(&self, folder: &ModelFolder) -> Result<Vec<String>> {
        let endpoint = Endpoint::Models(folder);
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 {
            return Err(self.no_folder(folder).await);
        }
        answer.ok(&endpoint)?.json(&endpoint)
    }

    /// Lists the models of a folder with sizes and times.
    pub async fn model_files(&self, folder: &ModelFolder) -> Result<Vec<ModelFile>> {
        let endpoint = Endpoint::ModelFiles(folder);
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 {
            return Err(self.no_folder(folder).await);
        }
        answer.ok(&endpoint)?.json(&endpoint)
    }

    /// The preview picture beside a model, re-encoded by ComfyUI. `None` without one.
    pub async fn model_preview(
        &self,
        folder: &ModelFolder,
        path_index: u32,
        name: &ModelName,
    ) -> Result<Option<Bytes>> {
        let endpoint = Endpoint::ModelPreview { folder, path_index, name };
        // Asked once: a ComfyUI that fails over a preview fails again.
        let answer = self.inner.transport.get_once(&endpoint, MAX_PREVIEW).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let body = answer.ok(&endpoint)?.body;
        Ok((!body.is_empty()).then_some(body))
    }

    async fn no_folder(&self, folder: &ModelFolder) -> Error {
        let known = self.model_folders().await.unwrap_or_default();
        let folder = folder.as_str();
        let near = nearest::did_you_mean(folder, known.iter().map(String::as_str));
        let near = near.map(|near| format!("{near} ")).unwrap_or_default();
        let known = nearest::list(&known, 40);
        let message = format!("no model folder `{folder}` on this server; {near}there are: {known}");
        Error::NotFound { message, next: "comfyui_list_model_folders lists them all" }
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
