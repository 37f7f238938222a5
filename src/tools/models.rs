//! Models that are installed on the server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Answer, Block, Call, Handled, Hints, Tool,
    params::{Names, Page, Paging},
    preview,
    shown::{show_map, shown},
};
use crate::{comfy::ModelFile, gate::Class};
use comfywarden_error::{Error, JsonObject};
use comfywarden_policy::path::{ModelFolder, ModelName};
use comfywarden_workflow::nearest;

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// The longest file name that a result shows.
const MAX_NAME: usize = 1_024;
/// The longest single value of a file's metadata that a result shows.
const MAX_VALUE: usize = 20_000;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_list_models",
            Class::Read,
            "Installed models",
            "Lists the model files of a folder: checkpoints, loras, vae, diffusion_models, text_encoders, \
             controlnet, upscale_models and others.",
            list_models,
        )
        .hints(LOOK)
        .always_load(),
        Tool::new(
            "comfyui_list_model_folders",
            Class::Read,
            "Model folders",
            "Lists the folders that can hold models; each is a folder for comfyui_list_models.",
            list_model_folders,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_list_models_detailed",
            Class::Read,
            "Model files",
            "Lists the model files of one folder with size and times. For names only use comfyui_list_models.",
            list_models_detailed,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_model_metadata",
            Class::Read,
            "Model metadata",
            "Shows what a safetensors file says of itself: base model, training tags, title. Long values are \
             cut; key shows one whole.",
            get_model_metadata,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_model_preview",
            Class::Read,
            "Model preview",
            "Shows the preview picture beside a model file, if there is one.",
            get_model_preview,
        )
        .hints(LOOK),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListModels {
    /// Model folder; default checkpoints
    #[serde(default)]
    folder: Option<ModelFolder>,
    #[serde(flatten)]
    paging: Paging,
}

fn or_checkpoints(folder: Option<ModelFolder>) -> Result<ModelFolder, Error> {
    folder.map_or_else(|| ModelFolder::parse("checkpoints"), Ok)
}

fn page_of_names(names: Vec<String>, paging: Paging) -> Names {
    let (items, page) = paging.cut(names);
    Names { items: items.iter().map(|name| shown(name, MAX_NAME)).collect(), page }
}

async fn list_models(call: Call, params: ListModels) -> Handled<Names> {
    let names = call.backend().models(&or_checkpoints(params.folder)?).await?;
    Ok(page_of_names(names, params.paging).into())
}

async fn list_model_folders(call: Call, paging: Paging) -> Handled<Names> {
    let folders = call.backend().model_folders().await?;
    Ok(page_of_names(folders, paging).into())
}

/// The files of one folder.
#[derive(Debug, Serialize, JsonSchema)]
struct Files {
    folder: String,
    models: Vec<File>,
    /// On this page
    count: usize,
    #[serde(flatten)]
    page: Page,
}

/// One file; times in Unix seconds.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct File {
    name: String,
    path_index: u32,
    modified: f64,
    created: f64,
    size: u64,
}

impl From<ModelFile> for File {
    fn from(file: ModelFile) -> Self {
        let ModelFile { name, path_index, modified, created, size } = file;
        Self { name: shown(&name, MAX_NAME), path_index, modified, created, size }
    }
}

async fn list_models_detailed(call: Call, params: ListModels) -> Handled<Files> {
    let folder = or_checkpoints(params.folder)?;
    let files = call.backend().model_files(&folder).await?;
    let (files, page) = params.paging.cut(files);
    let models: Vec<File> = files.into_iter().map(File::from).collect();
    Ok(Files { folder: folder.as_str().to_owned(), count: models.len(), models, page }.into())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetModelMetadata {
    /// Model folder, such as loras
    folder: ModelFolder,
    /// File name as listed; may hold a subfolder
    filename: ModelName,
    /// Show only this key, its value at length
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    key: Option<String>,
}

/// Metadata in a file.
#[derive(Debug, Serialize, JsonSchema)]
struct Metadata {
    #[serde(flatten)]
    values: JsonObject,
    /// Keys whose values are cut
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shortened: Vec<String>,
}

async fn get_model_metadata(call: Call, params: GetModelMetadata) -> Handled<Metadata> {
    let (folder, name) = (&params.folder, &params.filename);
    let Some(mut values) = call.backend().view_metadata(folder, name).await? else {
        return Err(no_metadata(&call, folder, name).await?.into());
    };
    if let Some(key) = &params.key {
        let Some(value) = values.shift_remove(key) else {
            return Err(no_key(key, &values).into());
        };
        let mut values = JsonObject::from_iter([(key.clone(), value)]);
        show_map(&mut values, MAX_VALUE);
        return Ok(Metadata { values, shortened: Vec::new() }.into());
    }
    let shortened = shorten(&mut values);
    Ok(Metadata { values, shortened }.into())
}

fn no_key(wanted: &str, values: &JsonObject) -> Error {
    let keys: Vec<&str> = values.keys().map(String::as_str).collect();
    let near = nearest::did_you_mean(wanted, keys.iter().copied());
    let hint = near.unwrap_or_else(|| format!("its keys are: {}", nearest::list(&keys, 30)));
    Error::not_found(format!("the metadata has no key `{}`", shown(wanted, 200))).hint(shown(&hint, 1_000))
}

/// Cuts long values until the whole fits a default answer. Training tags and thumbnails run to megabytes.
fn shorten(values: &mut JsonObject) -> Vec<String> {
    const BUDGET: usize = 6_500;
    const MAX_KEYS: usize = 150;
    let rest: Vec<String> = values.keys().skip(MAX_KEYS).cloned().collect();
    for key in rest {
        values.shift_remove(&key);
    }
    let mut cut = Vec::new();
    for limit in [2_000, 500, 200, 60, 20] {
        for (key, value) in values.iter_mut() {
            let text = match &*value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if text.chars().count() > limit {
                *value = shown(&text, limit).into();
                let key = shown(key, 80);
                if !cut.contains(&key) {
                    cut.push(key);
                }
            }
        }
        show_map(values, limit.max(80) + 1);
        if serde_json::to_string(values).is_ok_and(|text| text.len() <= BUDGET) {
            break;
        }
    }
    cut.truncate(20);
    cut
}

/// ComfyUI answers 404 for everything it has no metadata for; what it was is found out here.
async fn no_metadata(call: &Call, folder: &ModelFolder, name: &ModelName) -> Result<Error, Error> {
    let known = call.backend().models(folder).await?;
    let (folder, name) = (folder.as_str(), name.as_str());
    if known.iter().any(|other| other == name) {
        let message = format!("`{name}` in `{folder}` carries no metadata");
        return Ok(Error::not_found(message).hint("only safetensors files can, and not all of them do"));
    }
    let near = nearest::did_you_mean(name, known.iter().map(String::as_str));
    let hint = near
        .map_or_else(|| "comfyui_list_models lists what is installed".to_owned(), |near| shown(&near, 800));
    Ok(Error::not_found(format!("no model `{name}` in `{folder}` on this server")).hint(hint))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetModelPreview {
    /// Model folder, such as loras
    folder: ModelFolder,
    /// pathIndex from comfyui_list_models_detailed
    #[schemars(range(max = 1000))]
    path_index: u32,
    /// File name as listed; may hold a subfolder
    filename: ModelName,
}

/// The picture travels beside this.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Preview {
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    /// Of the picture as ComfyUI has it
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

/// Quality of a preview that has to be made smaller.
const QUALITY: u8 = 85;

async fn get_model_preview(call: Call, params: GetModelPreview) -> Handled<Preview> {
    let found = call.backend().model_preview(&params.folder, params.path_index, &params.filename).await;
    let Some(bytes) = found.map_err(|error| preview_failed(error, params.path_index))? else {
        return Ok(Preview::default().into());
    };
    let size = bytes.len();
    let picture = tokio::task::spawn_blocking(move || preview::inline(&bytes, QUALITY))
        .await
        .map_err(|error| Error::internal("the preview was not made").source(error))??;
    let shown = Preview {
        available: true,
        mime_type: Some(picture.mime_type.to_owned()),
        size_bytes: Some(size),
        width: Some(picture.original.0),
        height: Some(picture.original.1),
    };
    let block = Block::Image { bytes: picture.bytes, mime_type: picture.mime_type.to_owned() };
    Ok(Answer::from(shown).block(block))
}

/// ComfyUI 0.12.2 crashes over a place that the folder does not have.
fn preview_failed(error: crate::comfy::Error, path_index: u32) -> Error {
    let crashed = matches!(&error, crate::comfy::Error::Status { status: 500, .. });
    let edge = Error::from(error);
    if crashed {
        edge.hint(format!(
            "`path_index` {path_index} may not exist; comfyui_list_models_detailed gives it as pathIndex"
        ))
    } else {
        edge
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_metadata_is_cut_to_fit_and_says_where() {
        let mut values = JsonObject::new();
        values.insert("ss_base_model_version".into(), "sdxl".into());
        values.insert("ss_tag_frequency".into(), "x".repeat(300_000).into());
        values.insert("modelspec.thumbnail".into(), "data:image/jpeg;base64,".to_owned().into());
        for n in 0..400 {
            values.insert(format!("key {n}"), json!({"nested": "y".repeat(400)}));
        }
        let cut = shorten(&mut values);
        assert!(serde_json::to_string(&values).unwrap().len() <= 8_000);
        assert_eq!(values["ss_base_model_version"], "sdxl");
        assert_eq!(cut.first().map(String::as_str), Some("ss_tag_frequency"));
    }
}
