//! Models and settings that a picture is made with: those asked for, checked against those installed.

use serde::Serialize;
use serde_json::Value;

use super::{Call, Stop, params::Lora};
use comfywarden_error::{Error, JsonObject, Kind};
use comfywarden_policy::path::ModelFolder;
use comfywarden_workflow::{
    ObjectInfo,
    nearest::{self, did_you_mean},
    templates::{Installed, Model, choose::find},
};

/// The caller's wishes about sampling.
#[derive(Debug, Default)]
pub(super) struct Wishes<'a> {
    pub(super) steps: Option<u32>,
    pub(super) cfg: Option<f64>,
    pub(super) sampler_name: Option<&'a str>,
    pub(super) scheduler: Option<&'a str>,
}

/// Sampling of a picture.
#[derive(Debug, Serialize)]
pub(super) struct Sampling {
    pub(super) steps: u32,
    pub(super) cfg: f64,
    pub(super) sampler_name: String,
    pub(super) scheduler: String,
}

impl Sampling {
    /// Chooses the sampling: the caller's, else that of the model's family, else ComfyUI's own defaults.
    pub(super) fn choose(wishes: &Wishes<'_>, model: &Model, object_info: &ObjectInfo) -> Result<Self, Stop> {
        let preset = model.preset();
        let preset = preset.as_ref();
        let wanted = |given: Option<&str>, preset: Option<&str>, fallback: &str| {
            given.or(preset).unwrap_or(fallback).to_owned()
        };
        let sampler = wanted(wishes.sampler_name, preset.map(|preset| preset.sampler_name), "euler");
        let scheduler = wanted(wishes.scheduler, preset.map(|preset| preset.scheduler), "normal");
        Ok(Self {
            steps: wishes.steps.unwrap_or_else(|| preset.map_or(20, |preset| preset.steps)),
            cfg: wishes.cfg.unwrap_or_else(|| preset.map_or(7.0, |preset| preset.cfg)),
            sampler_name: listed(object_info, "sampler_name", sampler)?,
            scheduler: listed(object_info, "scheduler", scheduler)?,
        })
    }
}

/// Settings as a result shows them.
pub(super) fn as_object(used: &impl Serialize) -> JsonObject {
    match serde_json::to_value(used) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}

/// A value of one of `KSampler`'s lists on this server.
fn listed(object_info: &ObjectInfo, input: &str, value: String) -> Result<String, Stop> {
    let choices = object_info.get("KSampler").and_then(|class| class.input(input)?.choices.clone());
    let Some(choices) = choices else { return Ok(value) };
    let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    if names.contains(&value.as_str()) {
        return Ok(value);
    }
    let near =
        did_you_mean(&value, names.iter().copied()).map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::invalid_input(format!("`{input}`: this server has no `{value}`{near}"))
        .hint(format!("accepted: {}", names.join(", ")))
        .detail("field", input)
        .into())
}

/// The model files a picture can be made of.
pub(super) struct PictureModels {
    checkpoints: Vec<String>,
    diffusion_models: Vec<String>,
    text_encoders: Vec<String>,
    pub(super) vaes: Vec<String>,
}

impl PictureModels {
    /// Asks for all four folders at once; a server without one of them simply has no such models.
    pub(super) async fn fetch(call: &Call) -> Result<Self, Stop> {
        let (checkpoints, diffusion_models, text_encoders, vaes) = tokio::try_join!(
            names(call, "checkpoints"),
            names(call, "diffusion_models"),
            names(call, "text_encoders"),
            names(call, "vae"),
        )?;
        Ok(Self { checkpoints, diffusion_models, text_encoders, vaes })
    }

    pub(super) fn installed(&self) -> Installed<'_> {
        Installed {
            checkpoints: &self.checkpoints,
            diffusion_models: &self.diffusion_models,
            text_encoders: &self.text_encoders,
            vaes: &self.vaes,
        }
    }

    /// The LoRAs by the names under which the server lists them.
    pub(super) async fn loras(&self, call: &Call, wanted: &[Lora]) -> Result<Vec<(String, f64)>, Stop> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let installed = names(call, "loras").await?;
        let mut found = Vec::with_capacity(wanted.len());
        for lora in wanted {
            let name = resolve(&installed, &lora.name, "LoRA", "loras")?;
            found.extend(name.map(|name| (name, lora.strength)));
        }
        Ok(found)
    }
}

pub(super) async fn names(call: &Call, folder: &str) -> Result<Vec<String>, Error> {
    match call.backend().models(&ModelFolder::parse(folder)?).await {
        Ok(names) => Ok(names),
        Err(error) => match Error::from(error) {
            missing if missing.kind() == Kind::NotFound => Ok(Vec::new()),
            other => Err(other),
        },
    }
}

/// The installed file that `wanted` means; nothing for an empty name.
pub(super) fn resolve(
    installed: &[String],
    wanted: &str,
    what: &str,
    folder: &str,
) -> Result<Option<String>, Stop> {
    if wanted.is_empty() {
        return Ok(None);
    }
    if let Some(found) = find(installed, wanted)? {
        return Ok(Some(found.to_owned()));
    }
    let near = did_you_mean(wanted, installed.iter().map(String::as_str));
    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::not_found(format!("no {what} named `{wanted}` is installed{near}"))
        .hint(format!("{folder}: {}", nearest::list(installed, 20)))
        .into())
}
