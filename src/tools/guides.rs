//! Advice per model family: sampling settings and how to prompt. Asks no server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Handled, Hints, Tool, shown::shown};
use crate::gate::Class;
use comfywarden_error::Error;
use comfywarden_workflow::{
    families::Family,
    presets::{Guide, Preset},
};

const KNOWLEDGE: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: false };

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_model_presets",
            Class::Read,
            "Sampling settings",
            "Recommends sampler, scheduler, steps, cfg, size and clip skip for a model file or family; the \
             family wins.",
            get_model_presets,
        )
        .hints(KNOWLEDGE),
        Tool::new(
            "comfyui_get_prompting_guide",
            Class::Read,
            "Prompting guide",
            "Tells how to prompt a model family: structure, weights, quality words, negative prompt.",
            get_prompting_guide,
        )
        .hints(KNOWLEDGE),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetModelPresets {
    /// File name of a checkpoint or diffusion model
    #[serde(default)]
    #[schemars(length(max = 1024))]
    model_name: Option<String>,
    /// Family, such as sdxl, flux or wan
    #[serde(default)]
    #[schemars(length(max = 100))]
    model_family: Option<String>,
}

/// Settings for a family.
#[derive(Debug, Serialize, JsonSchema)]
struct Presets {
    family: &'static str,
    recommended: Recommended,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Recommended {
    sampler: &'static str,
    scheduler: &'static str,
    steps: u32,
    cfg: f64,
    resolution: String,
    clip_skip: u32,
    notes: &'static str,
}

impl From<Preset> for Presets {
    fn from(preset: Preset) -> Self {
        Self {
            family: preset.family.as_str(),
            recommended: Recommended {
                sampler: preset.sampler_name,
                scheduler: preset.scheduler,
                steps: preset.steps,
                cfg: preset.cfg,
                resolution: preset.resolution(),
                clip_skip: preset.clip_skip,
                notes: preset.notes,
            },
        }
    }
}

async fn get_model_presets(_: Call, params: GetModelPresets) -> Handled<Presets> {
    let given = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let preset = match (given(&params.model_family), given(&params.model_name)) {
        (Some(wanted), None) => Preset::of(family(&wanted)?),
        (Some(wanted), Some(model)) => {
            let family = family(&wanted)?;
            // A distilled file of that family says more than the family.
            Preset::of_file(&model)
                .filter(|preset| preset.family == family)
                .unwrap_or_else(|| Preset::of(family))
        }
        (None, Some(model)) => Preset::of_file(&model).ok_or_else(|| unknown(&model))?,
        (None, None) => {
            return Err(Error::invalid_input("one of `model_name` and `model_family` is needed")
                .hint(format!("known families: {}", families()))
                .into());
        }
    };
    Ok(Presets::from(preset).into())
}

/// Reads a family; what is none is shown without anything that hides.
fn family(wanted: &str) -> Result<Family, Error> {
    Ok(Family::parse(&shown(wanted, 100))?)
}

fn unknown(model: &str) -> Error {
    let model = shown(model, 200);
    Error::not_found(format!("the name `{model}` tells no model family"))
        .hint(format!("give `model_family`, one of: {}", families()))
}

fn families() -> String {
    Family::all().map(Family::as_str).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetPromptingGuide {
    /// Family, such as sdxl, flux or wan; or a model file name
    #[schemars(length(min = 1, max = 1024))]
    model_family: String,
}

/// Prompting guide of a model family.
#[derive(Debug, Serialize, JsonSchema)]
struct Prompting {
    family: &'static str,
    guide: Advice,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Advice {
    prompt_structure: &'static str,
    weight_syntax: &'static str,
    quality_tags: Vec<&'static str>,
    negative_prompt_tips: &'static str,
}

async fn get_prompting_guide(_: Call, params: GetPromptingGuide) -> Handled<Prompting> {
    let wanted = params.model_family.trim();
    let family = match family(wanted) {
        Ok(family) => family,
        Err(error) => Family::of_file(wanted).ok_or(error)?,
    };
    let guide = Guide::of(family);
    let guide = Advice {
        prompt_structure: guide.prompt_structure,
        weight_syntax: guide.weight_syntax,
        quality_tags: guide.quality_tags.to_vec(),
        negative_prompt_tips: guide.negative_prompt_tips,
    };
    Ok(Prompting { family: family.as_str(), guide }.into())
}
