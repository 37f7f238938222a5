//! Model families, and how file names tell the family of a model.

use serde::Serialize;

use super::{Error, Result, nearest};

/// A group of models that need the same settings and the same way of prompting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "&'static str")]
pub enum Family {
    /// Stable Diffusion 1.x.
    Sd15,
    /// Stable Diffusion XL.
    Sdxl,
    /// SDXL distilled to one to eight steps (Turbo).
    SdxlTurbo,
    /// SDXL distilled to a few steps (Lightning, Hyper, DMD2).
    SdxlLightning,
    /// Pony Diffusion, an SDXL branch with score tags.
    Pony,
    /// Illustrious and `NoobAI`, an SDXL branch for drawings.
    Illustrious,
    /// Stable Diffusion 3 and 3.5.
    Sd3,
    /// FLUX.1.
    Flux,
    /// FLUX.1 Kontext, which edits a picture.
    FluxKontext,
    /// FLUX.2.
    Flux2,
    /// Stable Cascade.
    Cascade,
    /// Qwen-Image.
    QwenImage,
    /// Z-Image.
    ZImage,
    /// HiDream-I1.
    HiDream,
    /// Wan video.
    Wan,
    /// LTX video.
    Ltxv,
    /// Hunyuan video.
    HunyuanVideo,
    /// ACE-Step music.
    AceStep,
    /// Stable Audio.
    StableAudio,
}

/// The medium that a family makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Still pictures.
    Image,
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
}

/// Families, their ids, and other spellings that are understood (folded: letters and digits only).
const TABLE: &[(Family, &str, &[&str])] = &[
    (Family::Sd15, "sd15", &["sd1", "stablediffusion15", "stablediffusion1", "stablediffusion"]),
    (Family::Sdxl, "sdxl", &["stablediffusionxl", "xl"]),
    (Family::SdxlTurbo, "sdxl-turbo", &["turbo"]),
    (Family::SdxlLightning, "sdxl-lightning", &["lightning", "sdxlhyper", "sdxldmd2"]),
    (Family::Pony, "pony", &["ponydiffusion", "ponyxl", "ponyv6"]),
    (Family::Illustrious, "illustrious", &["illustriousxl", "noobai", "noob", "ilxl"]),
    (Family::Sd3, "sd3", &["sd35", "stablediffusion3", "stablediffusion35"]),
    (Family::Flux, "flux", &["flux1", "flux1dev", "flux1schnell", "fluxdev", "fluxschnell"]),
    (Family::FluxKontext, "flux-kontext", &["kontext", "flux1kontext", "flux1kontextdev"]),
    (Family::Flux2, "flux2", &["flux2dev"]),
    (Family::Cascade, "cascade", &["stablecascade"]),
    (Family::QwenImage, "qwen-image", &["qwen"]),
    (Family::ZImage, "z-image", &["zimageturbo"]),
    (Family::HiDream, "hidream", &["hidreami1"]),
    (Family::Wan, "wan", &["wan2", "wan21", "wan22", "wanvideo"]),
    (Family::Ltxv, "ltxv", &["ltx", "ltxvideo", "ltx2"]),
    (Family::HunyuanVideo, "hunyuan-video", &["hunyuan"]),
    (Family::AceStep, "ace-step", &["ace"]),
    (Family::StableAudio, "stable-audio", &["stableaudioopen"]),
];

/// Base models that carry no family in their name.
const SD15_NAMES: &[&str] = &[
    "dreamshaper",
    "anything",
    "realisticvision",
    "deliberate",
    "epicrealism",
    "absolutereality",
    "revanimated",
    "counterfeit",
    "meinamix",
    "cyberrealistic",
    "majicmix",
    "chilloutmix",
    "photon",
    "openjourney",
    "toonyou",
    "abyssorange",
    "ghostmix",
    "rpgv4",
    "protogen",
    "perfectworld",
];
const SDXL_NAMES: &[&str] =
    &["juggernaut", "animagine", "playgroundv2", "realvis", "zavychroma", "copax", "leosams", "albedobase"];

impl Family {
    /// Lists every family, in a fixed order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|(family, _, _)| *family)
    }

    /// Returns the id on the wire, such as `sdxl` or `z-image`.
    pub fn as_str(self) -> &'static str {
        TABLE.iter().find(|(family, _, _)| *family == self).map_or("", |(_, id, _)| id)
    }

    /// Reads an id or one of its usual spellings (`SD 1.5`, `stable_diffusion_xl`, `flux.1`).
    pub fn parse(name: &str) -> Result<Self> {
        let folded = nearest::fold(name);
        let found = TABLE
            .iter()
            .find(|(_, id, aliases)| nearest::fold(id) == folded || aliases.contains(&folded.as_str()));
        found.map(|(family, _, _)| *family).ok_or_else(|| {
            let ids: Vec<&str> = TABLE.iter().map(|(_, id, _)| *id).collect();
            let near = nearest::did_you_mean(name, ids.iter().copied()).unwrap_or_default();
            Error::new(format!("no model family `{name}`; {near}").trim_end_matches("; ").to_owned())
                .hint(format!("known families: {}", ids.join(", ")))
        })
    }

    /// Tells the family of a checkpoint or diffusion model, from its file name and then from its folders.
    pub fn of_file(path: &str) -> Option<Self> {
        path.rsplit(['/', '\\']).find_map(|part| Self::of_part(&Name::new(part)))
    }

    /// Returns the medium that the family makes.
    pub fn medium(self) -> Medium {
        match self {
            Self::Wan | Self::Ltxv | Self::HunyuanVideo => Medium::Video,
            Self::AceStep | Self::StableAudio => Medium::Audio,
            _ => Medium::Image,
        }
    }

    /// True when the text encoders are those of SDXL and its branches.
    pub fn is_sdxl(self) -> bool {
        matches!(self, Self::Sdxl | Self::SdxlTurbo | Self::SdxlLightning | Self::Pony | Self::Illustrious)
    }

    fn of_part(name: &Name) -> Option<Self> {
        Self::newer(name).or_else(|| Self::of_xl(name)).or_else(|| {
            let old = name.starts(&["v15", "v14", "15pruned", "sd1"])
                || name.has(&["sd15", "sd14", "sdv15", "sdv14", "diffusionv1", "diffusion15"])
                || name.has(SD15_NAMES);
            old.then_some(Self::Sd15)
        })
    }

    /// Finds families with a distinctive name. The order matters: `flux1-kontext` is not plain Flux.
    fn newer(name: &Name) -> Option<Self> {
        if name.has(&["acestep"]) || name.token(|t| t == "ace") {
            Some(Self::AceStep)
        } else if name.has(&["stableaudio"]) {
            Some(Self::StableAudio)
        } else if name.token(|t| t.strip_prefix("ltx").is_some_and(is_version)) {
            Some(Self::Ltxv)
        } else if name.has(&["qwenimage"]) || name.token(|t| t == "qwen") && name.has(&["edit"]) {
            Some(Self::QwenImage)
        } else if name.has(&["zimage"]) {
            Some(Self::ZImage)
        } else if name.has(&["hidream"]) {
            Some(Self::HiDream)
        } else if name.has(&["hunyuanvideo"]) || name.has(&["hunyuan"]) && name.has(&["t2v", "i2v"]) {
            Some(Self::HunyuanVideo)
        } else if name.token(|t| t.strip_prefix("wan").is_some_and(is_version)) {
            Some(Self::Wan)
        } else if name.has(&["kontext"]) {
            Some(Self::FluxKontext)
        } else if name.token(|t| t == "flux2")
            || name.has(&["flux2dev", "flux2klein"])
            || name.pair("flux", "2")
        {
            Some(Self::Flux2)
        } else if name.has(&["flux"]) || name.token(|t| t == "schnell") {
            Some(Self::Flux)
        } else if name.has(&["cascade"]) {
            Some(Self::Cascade)
        } else if name.has(&["sd3", "stablediffusion3"]) {
            Some(Self::Sd3)
        } else {
            None
        }
    }

    fn of_xl(name: &Name) -> Option<Self> {
        let xl = name.has(&["sdxl", "diffusionxl"])
            || name.token(|t| t == "xl" || t.len() > 3 && t.ends_with("xl") && !t.ends_with("xxl"))
            || name.has(SDXL_NAMES);
        let old = name.has(&["sd15", "sdv15", "sd1"]);
        if name.has(&["pony"]) {
            Some(Self::Pony)
        } else if name.has(&["illustrious", "noobai", "ilxl"]) {
            Some(Self::Illustrious)
        } else if name.has(&["sdturbo"]) || xl && name.has(&["turbo"]) {
            Some(Self::SdxlTurbo)
        } else if xl && name.has(&["lightning", "hyper", "dmd2"]) {
            Some(Self::SdxlLightning)
        } else if xl && !old {
            Some(Self::Sdxl)
        } else {
            None
        }
    }
}

impl From<Family> for &'static str {
    fn from(family: Family) -> Self {
        family.as_str()
    }
}

/// True for text that may follow a family name directly: nothing, `v`, or a version.
fn is_version(rest: &str) -> bool {
    rest.trim_start_matches(['v', 'x']).chars().all(|c| c.is_ascii_digit()) || rest == "video"
}

/// A file or folder name, cut at separators and at camel case, and folded to letters and digits.
struct Name {
    folded: String,
    tokens: Vec<String>,
}

impl Name {
    fn new(part: &str) -> Self {
        let mut tokens = vec![String::new()];
        let mut before_lower = false;
        for c in part.chars().take(256) {
            if !c.is_alphanumeric() || c.is_uppercase() && before_lower {
                tokens.push(String::new());
            }
            before_lower = c.is_lowercase();
            if let (true, Some(token)) = (c.is_alphanumeric(), tokens.last_mut()) {
                token.extend(c.to_lowercase());
            }
        }
        tokens.retain(|token| !token.is_empty());
        Self { folded: tokens.concat(), tokens }
    }

    fn has(&self, any: &[&str]) -> bool {
        any.iter().any(|text| self.folded.contains(text))
    }

    fn starts(&self, any: &[&str]) -> bool {
        any.iter().any(|text| self.folded.starts_with(text))
    }

    fn token(&self, test: impl Fn(&str) -> bool) -> bool {
        self.tokens.iter().any(|token| test(token))
    }

    fn pair(&self, first: &str, second: &str) -> bool {
        self.tokens.iter().zip(self.tokens.iter().skip(1)).any(|(a, b)| a == first && b == second)
    }
}

#[cfg(test)]
mod tests;
