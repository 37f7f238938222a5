//! Pictures from text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Stop, Tool,
    envelope::Envelope,
    params::{Lora, Seed},
    picture_models::{PictureModels, Sampling, Wishes, as_object, resolve},
    submit::{Submit, submit},
    workflows::wait_time,
};
use crate::{
    security::Class,
    workflow::{
        ObjectInfo,
        families::Family,
        templates::{Model, Txt2Img, choose_model},
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
            "Draws pictures from text. Chooses model, size, steps, cfg and sampler unless given, and returns \
             what it used: a prompt_id at once, or the outputs with wait.",
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
    /// Longest wait (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
    /// -1: random
    #[serde(default)]
    seed: Option<Seed>,
    /// As the server has it
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    sampler_name: Option<String>,
    /// As the server has it
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
    #[serde(flatten)]
    sampling: Sampling,
}

impl Used {
    /// What the caller gave, else what the model's family wants, else ComfyUI's own defaults.
    fn choose(params: &GenerateImage, model: &Model, object_info: &ObjectInfo) -> Result<Self, Stop> {
        let (width, height) = model.preset().map_or((512, 512), |preset| (preset.width, preset.height));
        let wishes = Wishes {
            steps: params.steps,
            cfg: params.cfg,
            sampler_name: params.sampler_name.as_deref(),
            scheduler: params.scheduler.as_deref(),
        };
        Ok(Self {
            family: model.family().map(Family::as_str),
            width: params.width.unwrap_or(width),
            height: params.height.unwrap_or(height),
            sampling: Sampling::choose(&wishes, model, object_info)?,
        })
    }
}

async fn generate_image(call: Call, params: GenerateImage) -> Handled<Envelope> {
    let object_info = call.comfy.object_info().await?;
    let library = PictureModels::fetch(&call).await?;
    let model = choose_model(library.installed(), Some(&params.model))?;
    let loras = library.loras(&call, &params.loras).await?;
    let vae = resolve(&library.vaes, &params.vae, "VAE", "vae")?;
    let used = Used::choose(&params, &model, &object_info)?;
    let seed = Seed::resolve(params.seed, call.resumed_seed());
    let clip_skip = model.preset().map_or(1, |preset| preset.clip_skip);
    let model_name = model.name().to_owned();
    let workflow = Txt2Img {
        positive: params.prompt,
        negative: params.negative_prompt,
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
    let wait = params.wait.then(|| wait_time(&call, params.wait_seconds));
    let mut answer = submit(&call, workflow, Submit { wait, seed: Some(seed), ..Submit::default() }).await?;
    answer.output.seed = Some(seed);
    answer.output.model = Some(model_name);
    answer.output.settings = Some(as_object(&used));
    Ok(answer)
}
