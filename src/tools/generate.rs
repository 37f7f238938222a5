//! Pictures from text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Stop, Tool,
    drawing::{DrawingSettings, Words},
    envelope::Envelope,
    params::Seed,
    picture_models::{PictureModels, Sampling, as_object, resolve},
    submit::submit,
};
use crate::gate::Class;
use comfywarden_workflow::{
    ObjectInfo,
    families::Family,
    templates::{Model, Txt2Img, cell, choose_model},
};

/// The most pictures of one run; each holds memory of the graphics card at once.
const MAX_BATCH: u32 = 4;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_generate_image",
            Class::Generation,
            "Generate an image",
            "Draws pictures from text. Chooses model, size, steps, cfg and sampler unless given, and returns \
             what it used: a prompt_id at once, or the outputs with wait.",
            generate_image,
        )
        .hints(Hints { read_only: false, destructive: false, idempotent: false, open_world: true })
        .always_load(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct GenerateImage {
    #[serde(flatten)]
    words: Words,
    /// Pixels; default: what the model wants
    #[serde(default)]
    #[schemars(range(min = 64, max = 4096))]
    width: Option<u32>,
    /// Pixels; default: what the model wants
    #[serde(default)]
    #[schemars(range(min = 64, max = 4096))]
    height: Option<u32>,
    #[serde(flatten)]
    settings: DrawingSettings,
    /// Pictures per run
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = MAX_BATCH))]
    batch_size: u32,
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
    #[serde(flatten)]
    sampling: Sampling,
}

impl Used {
    /// Chooses the settings: the caller's, else those of the model's family, else ComfyUI's own defaults.
    fn choose(params: &GenerateImage, model: &Model, object_info: &ObjectInfo) -> Result<Self, Stop> {
        let (width, height) = model.preset().map_or((512, 512), |preset| (preset.width, preset.height));
        let cell = cell(model.family());
        let real = |side: u32| side / cell * cell;
        Ok(Self {
            family: model.family().map(Family::as_str),
            width: real(params.width.unwrap_or(width)),
            height: real(params.height.unwrap_or(height)),
            sampling: Sampling::choose(&params.settings.wishes(), model, object_info)?,
        })
    }
}

/// Notes a size that the caller asked for and ComfyUI does not make.
fn resized(params: &GenerateImage, used: &Used, cell: u32) -> Option<String> {
    let differs = |wanted: Option<u32>, real: u32| wanted.is_some_and(|wanted| wanted != real);
    let changed = differs(params.width, used.width) || differs(params.height, used.height);
    changed.then(|| {
        format!(
            "The size is {}×{}, since this model makes pictures in steps of {cell} pixels",
            used.width, used.height
        )
    })
}

async fn generate_image(call: Call, params: GenerateImage) -> Handled<Envelope> {
    let object_info = call.backend().object_info().await?;
    let library = PictureModels::fetch(&call).await?;
    let model = choose_model(library.installed(), Some(&params.settings.model))?;
    let loras = library.loras(&call, &params.settings.loras).await?;
    let vae = resolve(&library.vaes, &params.settings.vae, "VAE", "vae")?;
    let used = Used::choose(&params, &model, &object_info)?;
    let resized = resized(&params, &used, cell(model.family()));
    let seed = Seed::resolve(params.settings.seed, call.resumed_seed());
    let clip_skip = model.preset().map_or(1, |preset| preset.clip_skip);
    let model_name = model.name().to_owned();
    let workflow = Txt2Img {
        positive: params.words.prompt,
        negative: params.words.negative_prompt,
        width: used.width,
        height: used.height,
        steps: used.sampling.steps,
        cfg: used.sampling.cfg,
        sampler_name: used.sampling.sampler_name.clone(),
        scheduler: used.sampling.scheduler.clone(),
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
    let mut answer = submit(&call, workflow, params.settings.submit(&call, seed)).await?;
    answer.output.warnings.extend(resized);
    answer.output.seed = Some(seed);
    answer.output.model = Some(model_name);
    answer.output.settings = Some(as_object(&used));
    Ok(answer)
}
