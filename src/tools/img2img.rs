//! Pictures from pictures: redrawn, repainted in part, enlarged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Call, Handled, Hints, Stop, Tool,
    drawing::{DrawingSettings, Words},
    envelope::Envelope,
    input_picture::InputPicture,
    params::Seed,
    picture_models::{PictureModels, Sampling, as_object, names, resolve},
    preview,
    submit::{Submit, submit},
};
use crate::{comfy::ViewOptions, gate::Class};
use comfywarden_error::{Error, JsonObject};
use comfywarden_workflow::{
    Workflow,
    families::Family,
    nearest,
    templates::{self, choose::find, choose_model},
};

const DRAWS: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };
/// The upscale model of the published contract; another one stands in where it is not installed.
const USUAL_UPSCALER: &str = "RealESRGAN_x4plus.pth";
/// The largest mask that is looked at for transparency, in bytes.
const MAX_MASK: usize = 32 * 1024 * 1024;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_transform_image",
            Class::Generation,
            "Redraw a picture",
            "Redraws a picture after a text; strength says how freely. To change only a part use \
             comfyui_inpaint_image.",
            transform_image,
        )
        .hints(DRAWS),
        Tool::new(
            "comfyui_inpaint_image",
            Class::Generation,
            "Repaint a part",
            "Repaints the white part of a mask after a text. To redraw the whole picture use \
             comfyui_transform_image.",
            inpaint_image,
        )
        .hints(DRAWS),
        Tool::new(
            "comfyui_upscale_image",
            Class::Generation,
            "Enlarge a picture",
            "Enlarges a picture with an upscale model, whose factor decides the size (x4 in most).",
            upscale_image,
        )
        .hints(DRAWS),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TransformImage {
    /// Input file, or `name [output]`
    image: InputPicture,
    #[serde(flatten)]
    words: Words,
    /// 0 keeps the picture, 1 ignores it
    #[serde(default = "three_quarters")]
    #[schemars(range(min = 0.0, max = 1.0))]
    strength: f64,
    #[serde(flatten)]
    settings: DrawingSettings,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct InpaintImage {
    /// Input file, or `name [output]`
    image: InputPicture,
    /// The same; white = repaint, black = keep
    mask: InputPicture,
    #[serde(flatten)]
    words: Words,
    /// 0 keeps the picture, 1 ignores it
    #[serde(default = "four_fifths")]
    #[schemars(range(min = 0.0, max = 1.0))]
    strength: f64,
    #[serde(flatten)]
    settings: DrawingSettings,
}

fn three_quarters() -> f64 {
    0.75
}

fn four_fifths() -> f64 {
    0.8
}

async fn transform_image(call: Call, params: TransformImage) -> Handled<Envelope> {
    params.image.must_exist(&call, "image").await?;
    let img2img = Img2Img {
        template: "img2img",
        pictures: vec![("image", params.image.as_str().into())],
        words: params.words,
        strength: params.strength,
        settings: params.settings,
        mask_channel: None,
    };
    img2img.run(&call).await
}

async fn inpaint_image(call: Call, params: InpaintImage) -> Handled<Envelope> {
    params.image.must_exist(&call, "image").await?;
    params.mask.must_exist(&call, "mask").await?;
    let channel = mask_channel(&call, &params.mask).await;
    let img2img = Img2Img {
        template: "inpaint",
        pictures: vec![
            ("image", params.image.as_str().into()),
            ("mask", params.mask.as_str().into()),
            ("mask_channel", channel.into()),
        ],
        words: params.words,
        strength: params.strength,
        settings: params.settings,
        mask_channel: Some(channel),
    };
    img2img.run(&call).await
}

/// Names the channel that holds the mask: transparency if there is any, else brightness.
async fn mask_channel(call: &Call, mask: &InputPicture) -> &'static str {
    let options = ViewOptions { preview: None, max_bytes: MAX_MASK };
    // A file that cannot be read here may still be one that ComfyUI reads; black and white is the rule.
    let Ok(viewed) = call.backend().view(mask.file(), options).await else { return "red" };
    let looked = tokio::task::spawn_blocking(move || preview::is_transparent(&viewed.bytes)).await;
    if matches!(looked, Ok(Ok(true))) { "alpha" } else { "red" }
}

/// A picture drawn over another one.
struct Img2Img {
    template: &'static str,
    /// Values for the template beside the settings of every drawing.
    pictures: Vec<(&'static str, Value)>,
    words: Words,
    strength: f64,
    settings: DrawingSettings,
    mask_channel: Option<&'static str>,
}

/// The settings of a run besides seed and model.
#[derive(Debug, Serialize)]
struct Used {
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'static str>,
    strength: f64,
    #[serde(flatten)]
    sampling: Sampling,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_channel: Option<&'static str>,
}

impl Img2Img {
    async fn run(self, call: &Call) -> Handled<Envelope> {
        let object_info = call.backend().object_info().await?;
        let installed = PictureModels::fetch(call).await?;
        let model = choose_model(installed.installed(), Some(&self.settings.model))?;
        let loras = installed.loras(call, &self.settings.loras).await?;
        let vae = resolve(&installed.vaes, &self.settings.vae, "VAE", "vae")?;
        let used = Used {
            family: model.family().map(Family::as_str),
            strength: self.strength,
            sampling: Sampling::choose(&self.settings.wishes(), &model, &object_info)?,
            mask_channel: self.mask_channel,
        };
        let seed = Seed::resolve(self.settings.seed, call.resumed_seed());
        let loras: Vec<Value> =
            loras.iter().map(|(name, strength)| json!({ "name": name, "strength": strength })).collect();
        let mut params = JsonObject::from_iter([
            ("prompt".to_owned(), self.words.prompt.into()),
            ("negative_prompt".to_owned(), self.words.negative_prompt.into()),
            ("denoise".to_owned(), self.strength.into()),
            ("steps".to_owned(), used.sampling.steps.into()),
            ("cfg".to_owned(), used.sampling.cfg.into()),
            ("sampler_name".to_owned(), used.sampling.sampler_name.as_str().into()),
            ("scheduler".to_owned(), used.sampling.scheduler.as_str().into()),
            ("seed".to_owned(), seed.into()),
            ("model".to_owned(), model.name().into()),
            ("loras".to_owned(), loras.into()),
            ("vae".to_owned(), vae.unwrap_or_default().into()),
            ("clip_skip".to_owned(), model.preset().map_or(1, |preset| preset.clip_skip).into()),
        ]);
        params.extend(self.pictures.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let workflow = build(call, self.template, &params, seed).await?;
        let mut answer = submit(call, workflow, self.settings.submit(call, seed)).await?;
        answer.output.seed = Some(seed);
        answer.output.model = Some(model.name().to_owned());
        answer.output.settings = Some(as_object(&used));
        Ok(answer)
    }
}

/// The graph of a template. What was installed since the catalogue was fetched is found in a fresh one.
async fn build(call: &Call, template: &str, params: &JsonObject, seed: u64) -> Result<Workflow, Stop> {
    let object_info = call.backend().object_info().await?;
    if let Ok(built) = templates::build(template, params, Some(&object_info), seed) {
        return Ok(built.workflow);
    }
    call.backend().forget_object_info().await;
    let object_info = call.backend().object_info().await?;
    Ok(templates::build(template, params, Some(&object_info), seed)?.workflow)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpscaleImage {
    /// Input file, or `name [output]`
    image: InputPicture,
    /// File in upscale_models; the only one where the default is missing
    #[serde(default = "usual_upscaler")]
    #[schemars(length(max = 255))]
    upscale_model: String,
    /// Wait for the picture
    #[serde(default)]
    wait: bool,
    /// Longest wait (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
}

fn usual_upscaler() -> String {
    USUAL_UPSCALER.to_owned()
}

async fn upscale_image(call: Call, params: UpscaleImage) -> Handled<Envelope> {
    params.image.must_exist(&call, "image").await?;
    let installed = names(&call, "upscale_models").await?;
    let model = choose_upscaler(&installed, &params.upscale_model)?;
    let values = JsonObject::from_iter([
        ("image".to_owned(), params.image.as_str().into()),
        ("model_name".to_owned(), model.as_str().into()),
    ]);
    let workflow = build(&call, "upscale", &values, 0).await?;
    let how = Submit::waiting(&call, params.wait, params.wait_seconds);
    let mut answer = submit(&call, workflow, how).await?;
    if model != params.upscale_model && params.upscale_model == USUAL_UPSCALER {
        let note =
            format!("`{USUAL_UPSCALER}` is not installed; `{model}`, the only upscale model, was used");
        answer.output.warnings.push(note);
    }
    answer.output.model = Some(model);
    Ok(answer)
}

/// The upscale model to use: the named one, or for the default name the only one there is.
fn choose_upscaler(installed: &[String], wanted: &str) -> Result<String, Stop> {
    let is_default = wanted.is_empty() || wanted == USUAL_UPSCALER;
    let name = if is_default { USUAL_UPSCALER } else { wanted };
    if let Some(found) = find(installed, name)? {
        return Ok(found.to_owned());
    }
    let hint = match installed {
        [only] if is_default => return Ok(only.clone()),
        [] => "the folder upscale_models is empty: find one with comfyui_search_models and fetch it with \
             comfyui_download_model"
            .to_owned(),
        several => format!("give upscale_model one of: {}", nearest::list(several, 20)),
    };
    let near = nearest::did_you_mean(name, installed.iter().map(String::as_str));
    let near = near.filter(|_| !is_default).map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::not_found(format!("no upscale model named `{name}` is installed{near}")).hint(hint).into())
}
