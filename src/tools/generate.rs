//! Pictures from text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Call, Handled, Hints, Stop, Tool,
    envelope::Envelope,
    params::{Lora, Seed},
    submit::{Submit, submit},
    workflows::wait_time,
};
use crate::{
    error::{Error, JsonObject},
    security::{Class, path::ModelFolder},
    workflow::{
        ObjectInfo,
        nearest::did_you_mean,
        templates::{Installed, Model, Txt2Img, choose::find, choose_model},
    },
};

/// The most pictures of one run (`shared/spec/tools.md`, tool 3).
const MAX_BATCH: u32 = 4;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_generate_image",
            Class::Generation,
            "Generate an image",
            "Draws pictures from text. Picks an installed model and the size, steps, cfg and sampler it wants \
             unless given, and returns what it used. Returns a prompt_id at once, or the outputs with wait.",
            generate_image,
        )
        .hints(Hints { read_only: false, destructive: false, idempotent: false, open_world: true })
        .always_load(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GenerateImage {
    /// What to draw
    #[schemars(length(min = 1, max = 20_000))]
    prompt: String,
    /// What to avoid
    #[serde(default = "default_negative")]
    #[schemars(length(max = 20_000))]
    negative_prompt: String,
    /// Pixels; default: what the model wants
    #[serde(default)]
    #[schemars(range(min = 64, max = 4096))]
    width: Option<u32>,
    /// Pixels; default: what the model wants
    #[serde(default)]
    #[schemars(range(min = 64, max = 4096))]
    height: Option<u32>,
    /// Sampling steps
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    steps: Option<u32>,
    /// Guidance scale
    #[serde(default)]
    #[schemars(range(min = 1.0, max = 30.0))]
    cfg: Option<f64>,
    /// Checkpoint or diffusion model; empty: choose from what is installed
    #[serde(default)]
    #[schemars(length(max = 255))]
    model: String,
    /// Wait for the picture
    #[serde(default)]
    wait: bool,
    /// Longest wait, then status running (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
    /// -1 or absent: random
    #[serde(default)]
    seed: Option<Seed>,
    /// As the server lists it
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    sampler_name: Option<String>,
    /// As the server lists it
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    scheduler: Option<String>,
    /// Pictures per run
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = MAX_BATCH))]
    batch_size: u32,
    /// Applied in order
    #[serde(default)]
    #[schemars(length(max = 16))]
    loras: Vec<Lora>,
    /// VAE file; empty: the model's own
    #[serde(default)]
    #[schemars(length(max = 255))]
    vae: String,
}

fn default_negative() -> String {
    "bad quality, blurry".to_owned()
}

fn one() -> u32 {
    1
}

/// The settings of a run besides seed and model.
#[derive(Debug, Serialize)]
struct Used {
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'static str>,
    width: u32,
    height: u32,
    steps: u32,
    cfg: f64,
    sampler_name: String,
    scheduler: String,
}

async fn generate_image(call: Call, params: GenerateImage) -> Handled<Envelope> {
    let object_info = call.comfy.object_info().await?;
    let library = Library::fetch(&call).await?;
    let model = choose_model(library.installed(), Some(&params.model))?;
    let loras = library.loras(&call, &params.loras).await?;
    let vae = resolve(&library.vaes, &params.vae, "VAE", "vae")?;
    let used = settings(&params, &model, &object_info)?;
    let seed = Seed::resolve(params.seed, call.resumed_seed());
    let clip_skip = model.preset().map_or(1, |preset| preset.clip_skip);
    let model_name = model.name().to_owned();
    let workflow = Txt2Img {
        positive: params.prompt,
        negative: params.negative_prompt,
        width: used.width,
        height: used.height,
        steps: used.steps,
        cfg: used.cfg,
        sampler_name: used.sampler_name.clone(),
        scheduler: used.scheduler.clone(),
        denoise: 1.0,
        seed,
        batch_size: params.batch_size,
        model,
        loras,
        vae,
        prefix: "comfyui-mcp".to_owned(),
        clip_skip,
        guidance: None,
    }
    .build();
    let wait = params.wait.then(|| wait_time(&call, params.wait_seconds));
    let mut answer = submit(&call, workflow, Submit { wait, seed: Some(seed), ..Submit::default() }).await?;
    answer.output.seed = Some(seed);
    answer.output.model = Some(model_name);
    answer.output.settings = Some(as_object(&used));
    Ok(answer)
}

fn as_object(used: &Used) -> JsonObject {
    match serde_json::to_value(used) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}

/// What the caller gave, else what the model's family wants, else ComfyUI's own defaults.
fn settings(params: &GenerateImage, model: &Model, object_info: &ObjectInfo) -> Result<Used, Stop> {
    let preset = model.preset();
    let (width, height) = preset.map_or((512, 512), |preset| (preset.width, preset.height));
    let wanted = |given: &Option<String>, preset: Option<&str>, fallback: &str| {
        given.clone().unwrap_or_else(|| preset.unwrap_or(fallback).to_owned())
    };
    Ok(Used {
        family: model.family().map(crate::workflow::families::Family::as_str),
        width: params.width.unwrap_or(width),
        height: params.height.unwrap_or(height),
        steps: params.steps.unwrap_or_else(|| preset.map_or(20, |preset| preset.steps)),
        cfg: params.cfg.unwrap_or_else(|| preset.map_or(7.0, |preset| preset.cfg)),
        sampler_name: listed(
            object_info,
            "sampler_name",
            wanted(&params.sampler_name, preset.map(|preset| preset.sampler_name), "euler"),
        )?,
        scheduler: listed(
            object_info,
            "scheduler",
            wanted(&params.scheduler, preset.map(|preset| preset.scheduler), "normal"),
        )?,
    })
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
struct Library {
    checkpoints: Vec<String>,
    diffusion_models: Vec<String>,
    text_encoders: Vec<String>,
    vaes: Vec<String>,
}

impl Library {
    /// Asks for all four folders at once; a server without one of them simply has no such models.
    async fn fetch(call: &Call) -> Result<Self, Stop> {
        let (checkpoints, diffusion_models, text_encoders, vaes) = tokio::try_join!(
            names(call, "checkpoints"),
            names(call, "diffusion_models"),
            names(call, "text_encoders"),
            names(call, "vae"),
        )?;
        Ok(Self { checkpoints, diffusion_models, text_encoders, vaes })
    }

    fn installed(&self) -> Installed<'_> {
        Installed {
            checkpoints: &self.checkpoints,
            diffusion_models: &self.diffusion_models,
            text_encoders: &self.text_encoders,
            vaes: &self.vaes,
        }
    }

    /// The LoRAs by the names under which the server lists them.
    async fn loras(&self, call: &Call, wanted: &[Lora]) -> Result<Vec<(String, f64)>, Stop> {
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

async fn names(call: &Call, folder: &str) -> Result<Vec<String>, Error> {
    match call.comfy.models(&ModelFolder::parse(folder)?).await {
        Ok(names) => Ok(names),
        Err(error) => match Error::from(error) {
            missing if missing.kind() == crate::error::Kind::NotFound => Ok(Vec::new()),
            other => Err(other),
        },
    }
}

/// The installed file that `wanted` means; nothing for an empty name.
fn resolve(installed: &[String], wanted: &str, what: &str, folder: &str) -> Result<Option<String>, Stop> {
    if wanted.is_empty() {
        return Ok(None);
    }
    if let Some(found) = find(installed, wanted)? {
        return Ok(Some(found.to_owned()));
    }
    let near = did_you_mean(wanted, installed.iter().map(String::as_str));
    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::not_found(format!("no {what} named `{wanted}` is installed{near}"))
        .hint(format!("{folder}: {}", crate::workflow::nearest::list(installed, 20)))
        .into())
}
