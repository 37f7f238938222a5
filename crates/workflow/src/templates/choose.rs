//! Chooses an installed model when the caller names none, or names one loosely.

use crate::families::{Family, Medium};
use crate::presets::Preset;
use crate::{Error, Result, nearest};

/// A model and the files it needs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Model {
    /// One file with everything in it, from `checkpoints`.
    Checkpoint {
        /// The file, as the server lists it.
        name: String,
    },
    /// A bare diffusion model with its text encoders and VAE.
    Diffusion {
        /// The file in `diffusion_models`.
        name: String,
        /// The family, which decides the graph.
        family: Family,
        /// Files in `text_encoders`, in the order the loader wants them.
        text_encoders: Vec<String>,
        /// The file in `vae`.
        vae: String,
    },
}

impl Model {
    /// Returns the file name, as the server lists it.
    pub fn name(&self) -> &str {
        match self {
            Self::Checkpoint { name } | Self::Diffusion { name, .. } => name,
        }
    }

    /// Returns the family, when the name tells.
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Checkpoint { name } => Family::of_file(name),
            Self::Diffusion { family, .. } => Some(*family),
        }
    }

    /// Returns the settings of the model's family, when that is known.
    pub fn preset(&self) -> Option<Preset> {
        Preset::of_file(self.name()).or_else(|| self.family().map(Preset::of))
    }
}

/// Names as the server lists them, per folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Installed<'a> {
    /// `checkpoints`.
    pub checkpoints: &'a [String],
    /// `diffusion_models` (or `unet`).
    pub diffusion_models: &'a [String],
    /// `text_encoders` (or `clip`).
    pub text_encoders: &'a [String],
    /// `vae`.
    pub vaes: &'a [String],
}

/// The families a text-to-image graph is built for from separate files, in order of preference.
const DIFFUSION_FAMILIES: &[Family] = &[
    Family::Flux,
    Family::ZImage,
    Family::QwenImage,
    Family::Sd3,
    Family::Flux2,
    Family::HiDream,
    Family::FluxKontext,
];

/// Chooses the model for a text-to-image graph, any one if `requested` is empty.
///
/// The same lists give the same choice, whatever their order.
pub fn choose_model(installed: Installed<'_>, requested: Option<&str>) -> Result<Model> {
    match requested.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => named(installed, name),
        None => best(installed),
    }
}

fn named(installed: Installed<'_>, name: &str) -> Result<Model> {
    if let Some(found) = find(installed.checkpoints, name)? {
        if let Some(family) = Family::of_file(found).filter(|family| family.medium() != Medium::Image) {
            return Err(Error::new(format!("`{found}` ({}) makes no pictures", family.as_str())).hint(
                "build a video or sound template with it (comfyui_create_workflow), or name a picture model",
            ));
        }
        return Ok(Model::Checkpoint { name: found.to_owned() });
    }
    if let Some(found) = find(installed.diffusion_models, name)? {
        return complete(installed, found);
    }
    let all = installed.checkpoints.iter().chain(installed.diffusion_models).map(String::as_str);
    let near = nearest::did_you_mean(name, all).map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::new(format!("no checkpoint or diffusion model named `{name}` is installed{near}"))
        .hint(inventory(installed)))
}

/// Finds the installed name that `wanted` means: the same, or the only one that differs in case, separators, folder
/// or extension.
pub fn find<'a>(names: &'a [String], wanted: &str) -> Result<Option<&'a str>> {
    if let Some(same) = names.iter().find(|name| *name == wanted) {
        return Ok(Some(same));
    }
    let path = |name: &str| name.replace('\\', "/").to_lowercase();
    let stem = |name: &str| {
        let path = path(name);
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        match file.rsplit_once('.') {
            Some((stem, "safetensors" | "ckpt" | "pt" | "pth" | "sft")) => stem.to_owned(),
            _ => file,
        }
    };
    let by = |key: &dyn Fn(&str) -> String| -> Vec<&'a str> {
        let wanted = key(wanted);
        names.iter().map(String::as_str).filter(|name| key(name) == wanted).collect()
    };
    for found in [by(&path), by(&stem)] {
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(one)),
            several => {
                return Err(Error::new(format!("`{wanted}` fits several installed files"))
                    .hint(format!("name one of: {}", nearest::list(several, 20))));
            }
        }
    }
    Ok(None)
}

fn best(installed: Installed<'_>) -> Result<Model> {
    let mut checkpoints: Vec<&String> = installed.checkpoints.iter().collect();
    checkpoints.sort();
    let ranked = checkpoints.iter().filter_map(|name| Some((rank(name)?, *name)));
    if let Some((_, name)) = ranked.min_by_key(|(rank, _)| *rank) {
        return Ok(Model::Checkpoint { name: name.clone() });
    }
    let mut models: Vec<&String> = installed.diffusion_models.iter().collect();
    models.sort();
    let mut failure = None;
    for family in DIFFUSION_FAMILIES {
        let of_family = |name: &&&String| Family::of_file(name) == Some(*family) && rank(name) != Some(2);
        for name in models.iter().filter(of_family) {
            match complete(installed, name) {
                Ok(model) => return Ok(model),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    Err(failure.unwrap_or_else(|| {
        Error::new("no model for text-to-image is installed on this ComfyUI").hint(inventory(installed))
    }))
}

/// Ranks a file: lower is better, `None` for files that make no pictures.
pub(super) fn rank(name: &str) -> Option<u8> {
    let lower = name.to_lowercase();
    let special =
        ["inpaint", "refiner", "stage_b", "stage_a", "pix2pix", "depth2img", "upscal", "fill", "edit"];
    let video = ["svd", "zero123", "hunyuan3d", "hunyuan_3d", "mochi", "cosmos", "video", "animatediff"];
    if video.iter().any(|word| lower.contains(word)) {
        return None;
    }
    match Family::of_file(name) {
        Some(family) if family.medium() != Medium::Image => None,
        _ if special.iter().any(|word| lower.contains(word)) => Some(2),
        Some(Family::Cascade | Family::FluxKontext) => Some(2),
        Some(_) => Some(0),
        None => Some(1),
    }
}

fn complete(installed: Installed<'_>, name: &str) -> Result<Model> {
    let Some(family) = Family::of_file(name).filter(|family| DIFFUSION_FAMILIES.contains(family)) else {
        return Err(Error::new(format!(
            "`{name}` is a diffusion model whose family has no text-to-image graph here"
        ))
        .hint(format!(
            "use a checkpoint, or a diffusion model of one of: {}",
            DIFFUSION_FAMILIES.iter().map(|family| family.as_str()).collect::<Vec<_>>().join(", ")
        )));
    };
    let companions = Companions::of(family, installed);
    let (text_encoders, vae) = companions.map_err(|missing| {
        Error::new(format!("`{name}` needs files that are not installed: {}", missing.join(", "))).hint(
            format!(
                "text_encoders: {}; vae: {}",
                nearest::list(installed.text_encoders, 20),
                nearest::list(installed.vaes, 20)
            ),
        )
    })?;
    Ok(Model::Diffusion { name: name.to_owned(), family, text_encoders, vae })
}

fn inventory(installed: Installed<'_>) -> String {
    format!(
        "checkpoints: {}; diffusion_models: {}",
        nearest::list(installed.checkpoints, 20),
        nearest::list(installed.diffusion_models, 20)
    )
}

/// The files a family needs beside its diffusion model, by the names they are published under.
#[derive(Debug)]
pub struct Companions;

/// A rule to recognise a file: words of which a folded file name must hold one, words it must not hold, and the
/// published file name.
pub type Wanted = (&'static [&'static str], &'static [&'static str], &'static str);

pub(super) const CLIP_L: Wanted = (&["clipl", "vitl14", "vitl"], &["vision"], "clip_l.safetensors");
pub(super) const CLIP_G: Wanted = (&["clipg", "bigg"], &["vision"], "clip_g.safetensors");
pub(super) const T5XXL: Wanted = (&["t5xxl", "t5v11xxl"], &["umt5", "old"], "t5xxl_fp8_e4m3fn.safetensors");
const LLAMA: Wanted = (&["llama318b", "llama31"], &[], "llama_3.1_8b_instruct_fp8_scaled.safetensors");
pub(super) const QWEN_VL: Wanted = (&["qwen25vl"], &[], "qwen_2.5_vl_7b_fp8_scaled.safetensors");
pub(super) const QWEN3: Wanted = (&["qwen34b", "qwen3"], &[], "qwen_3_4b.safetensors");
const MISTRAL: Wanted = (&["mistral"], &[], "mistral_3_small_flux2_fp8.safetensors");

impl Companions {
    /// Finds text encoders (in loader order) and VAE; otherwise the published names of what is missing.
    fn of(family: Family, installed: Installed<'_>) -> Result<(Vec<String>, String), Vec<String>> {
        let (encoders, vae) = Self::wanted(family);
        let mut missing = Vec::new();
        let mut found = Vec::new();
        for wanted in encoders {
            match pick(installed.text_encoders, wanted) {
                Some(name) => found.push(name),
                None => missing.push(format!("{} (text_encoders)", wanted.2)),
            }
        }
        let vae_found = pick(installed.vaes, &vae);
        if vae_found.is_none() {
            missing.push(format!("{} (vae)", vae.2));
        }
        match vae_found {
            Some(vae) if missing.is_empty() => Ok((found, vae)),
            _ => Err(missing),
        }
    }

    /// Returns the published names of a family's text encoders and VAE.
    pub fn published(family: Family) -> (Vec<&'static str>, &'static str) {
        let (encoders, vae) = Self::wanted(family);
        (encoders.iter().map(|wanted| wanted.2).collect(), vae.2)
    }

    pub(super) fn wanted(family: Family) -> (&'static [Wanted], Wanted) {
        let flux_vae: Wanted =
            (&["=ae", "fluxae", "fluxvae", "aeflux"], &["flux2", "qwen"], "ae.safetensors");
        match family {
            Family::Sd3 => (&[CLIP_L, CLIP_G, T5XXL], (&["sd3", "sd35"], &[], "sd3_vae.safetensors")),
            Family::QwenImage => {
                (&[QWEN_VL], (&["qwenimagevae", "qwenvae", "qwenimage"], &[], "qwen_image_vae.safetensors"))
            }
            Family::ZImage => (&[QWEN3], flux_vae),
            Family::HiDream => (&[CLIP_L, CLIP_G, T5XXL, LLAMA], flux_vae),
            Family::Flux2 => (&[MISTRAL], (&["flux2"], &[], "flux2-vae.safetensors")),
            _ => (&[CLIP_L, T5XXL], flux_vae),
        }
    }
}

/// Picks the first fitting name in alphabetical order. A word with `=` must be the whole name.
pub(super) fn pick(names: &[String], wanted: &Wanted) -> Option<String> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    let fits = |name: &&&String| {
        let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = nearest::fold(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
        let hit =
            |word: &str| word.strip_prefix('=').map_or_else(|| stem.contains(word), |whole| stem == whole);
        wanted.0.iter().any(|word| hit(word)) && !wanted.1.iter().any(|word| stem.contains(word))
    };
    sorted.iter().find(fits).map(|name| (*name).clone())
}

#[cfg(test)]
mod tests;
