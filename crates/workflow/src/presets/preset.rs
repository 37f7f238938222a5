//! Recommended sampling settings per family.

use serde::Serialize;

use crate::families::Family;

/// Settings that give good results with a family.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Preset {
    /// The family they are for.
    pub family: Family,
    /// `sampler_name` of the sampler node.
    pub sampler_name: &'static str,
    /// `scheduler` of the sampler node.
    pub scheduler: &'static str,
    /// Sampling steps.
    pub steps: u32,
    /// Guidance scale of the sampler node.
    pub cfg: f64,
    /// Width in pixels; 0 for sound.
    pub width: u32,
    /// Height in pixels; 0 for sound.
    pub height: u32,
    /// The number of last text encoder layers to leave out, counted from 1.
    pub clip_skip: u32,
    /// Further advice.
    pub notes: &'static str,
}

impl Preset {
    /// Returns the settings for `family`.
    pub fn of(family: Family) -> Self {
        let row = TABLE.iter().find(|(of, _)| *of == family).map_or(UNKNOWN, |(_, row)| *row);
        let (sampling, steps, cfg, (width, height), clip_skip, notes) = row;
        let (sampler_name, scheduler) = sampling;
        Self { family, sampler_name, scheduler, steps, cfg, width, height, clip_skip, notes }
    }

    /// Returns the settings for the family of a model file, if its name tells one.
    ///
    /// Distilled variants inside a family (Flux schnell, SD3.5 turbo, 4-step files) get their own step count.
    pub fn of_file(path: &str) -> Option<Self> {
        let mut preset = Self::of(Family::of_file(path)?);
        let name = path.to_lowercase();
        match preset.family {
            Family::Flux if name.contains("schnell") => preset.steps = 4,
            Family::Sd3 if name.contains("turbo") => (preset.steps, preset.cfg) = (4, 1.0),
            Family::ZImage if !name.contains("turbo") => (preset.steps, preset.cfg) = (25, 4.0),
            Family::HiDream if name.contains("fast") => (preset.steps, preset.cfg) = (16, 1.0),
            Family::HiDream if name.contains("dev") => (preset.steps, preset.cfg) = (28, 1.0),
            Family::SdxlLightning => {
                preset.steps = [1, 2, 4, 8]
                    .into_iter()
                    .find(|steps| name.contains(&format!("{steps}step")))
                    .unwrap_or(preset.steps);
            }
            _ => {}
        }
        Some(preset)
    }

    /// Writes the size as `1024x1024`, or `none` for sound.
    pub fn resolution(&self) -> String {
        if self.width == 0 { "none".to_owned() } else { format!("{}x{}", self.width, self.height) }
    }
}

type Row = ((&'static str, &'static str), u32, f64, (u32, u32), u32, &'static str);

/// The defaults of ComfyUI itself.
const UNKNOWN: Row = (("euler", "normal"), 20, 7.0, (512, 512), 1, "");

const SQUARE: (u32, u32) = (1024, 1024);

const TABLE: &[(Family, Row)] = &[
    (
        Family::Sd15,
        (
            ("euler_ancestral", "normal"),
            28,
            7.0,
            (512, 768),
            1,
            "Stay near 512 pixels on the short side; larger pictures repeat limbs. For drawings clip_skip 2 is common. Go larger with a second pass (hires_fix).",
        ),
    ),
    (
        Family::Sdxl,
        (
            ("dpmpp_2m", "karras"),
            30,
            5.5,
            SQUARE,
            1,
            "Keep about one megapixel: 1024x1024, 832x1216, 1216x832. Below 768 pixels pictures fall apart. cfg above 8 burns colours.",
        ),
    ),
    (
        Family::SdxlTurbo,
        (
            ("euler_ancestral", "normal"),
            4,
            1.0,
            (512, 512),
            1,
            "One to eight steps at cfg 1; more steps do not help. Community turbo models often take 1024 pixels, 6 to 8 steps and cfg 2. The negative prompt has no effect at cfg 1.",
        ),
    ),
    (
        Family::SdxlLightning,
        (
            ("euler", "sgm_uniform"),
            4,
            1.0,
            SQUARE,
            1,
            "Use the step count in the file name (2, 4 or 8). The negative prompt has no effect at cfg 1.",
        ),
    ),
    (
        Family::Pony,
        (
            ("euler_ancestral", "normal"),
            25,
            7.0,
            SQUARE,
            2,
            "Needs clip_skip 2 and score tags at the start of the prompt.",
        ),
    ),
    (
        Family::Illustrious,
        (
            ("euler_ancestral", "normal"),
            28,
            5.5,
            SQUARE,
            2,
            "Prompt with tags. v-prediction files (vPred in the name) need ModelSamplingDiscrete set to v_prediction.",
        ),
    ),
    (
        Family::Sd3,
        (
            ("dpmpp_2m", "sgm_uniform"),
            28,
            4.5,
            SQUARE,
            1,
            "Sizes divisible by 16 near one megapixel. Files without text encoders need clip_l, clip_g and t5xxl beside them.",
        ),
    ),
    (
        Family::Flux,
        (
            ("euler", "simple"),
            20,
            1.0,
            SQUARE,
            1,
            "cfg stays at 1; guidance (3.5) goes through FluxGuidance. schnell needs 4 steps. There is no negative prompt.",
        ),
    ),
    (
        Family::FluxKontext,
        (
            ("euler", "simple"),
            20,
            1.0,
            SQUARE,
            1,
            "Edits a reference picture; guidance 2.5, cfg 1. There is no negative prompt.",
        ),
    ),
    (
        Family::Flux2,
        (
            ("euler", "simple"),
            20,
            1.0,
            SQUARE,
            1,
            "cfg stays at 1; guidance (4) goes through FluxGuidance. Sizes divisible by 16.",
        ),
    ),
    (
        Family::Cascade,
        (
            ("dpmpp_2m", "simple"),
            24,
            4.0,
            SQUARE,
            1,
            "Two stages: stage C draws (24 steps, cfg 4), stage B refines (10 steps, cfg 1.1). Needs both files.",
        ),
    ),
    (
        Family::QwenImage,
        (
            ("euler", "simple"),
            20,
            2.5,
            (1328, 1328),
            1,
            "Shift 3.1 (ModelSamplingAuraFlow). Writes text in pictures well. With a lightning LoRA: 4 or 8 steps at cfg 1.",
        ),
    ),
    (
        Family::ZImage,
        (
            ("res_multistep", "simple"),
            9,
            1.0,
            SQUARE,
            1,
            "The turbo file takes 8 or 9 steps at cfg 1, shift 3; the negative prompt has no effect there. The base file takes 25 or more steps at cfg 4.",
        ),
    ),
    (
        Family::HiDream,
        (
            ("uni_pc", "simple"),
            50,
            5.0,
            SQUARE,
            1,
            "full: 50 steps, cfg 5, shift 3; dev: 28 steps, cfg 1, shift 6; fast: 16 steps, cfg 1, shift 3.",
        ),
    ),
    (
        Family::Wan,
        (
            ("uni_pc", "simple"),
            30,
            5.0,
            (832, 480),
            1,
            "Frames 4n+1 (81 is 5 s at 16 fps). Shift 8 at 480p, 5 at 720p. Memory grows with frames times pixels.",
        ),
    ),
    (
        Family::Ltxv,
        (
            ("euler", "normal"),
            30,
            3.0,
            (768, 512),
            1,
            "Frames 8n+1, sides divisible by 32, 24 or 25 fps. Use LTXVScheduler for the sigmas.",
        ),
    ),
    (
        Family::HunyuanVideo,
        (
            ("euler", "simple"),
            20,
            1.0,
            (848, 480),
            1,
            "Frames 4n+1 at 24 fps; guidance 6 through FluxGuidance, cfg 1, shift 7.",
        ),
    ),
    (
        Family::AceStep,
        (
            ("euler", "simple"),
            50,
            5.0,
            (0, 0),
            1,
            "Shift 5 (ModelSamplingSD3). Tags say style, voice and speed; lyrics carry [verse] and [chorus] marks.",
        ),
    ),
    (
        Family::StableAudio,
        (
            ("dpmpp_3m_sde_gpu", "exponential"),
            50,
            5.0,
            (0, 0),
            1,
            "Up to 47 seconds. Say genre, instruments, mood and BPM. Uses the t5_base text encoder.",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract_of_the_five_published_families() {
        let shown: Vec<String> = ["sd15", "sdxl", "flux", "sd3", "cascade"]
            .into_iter()
            .filter_map(|id| Family::parse(id).ok())
            .map(Preset::of)
            .map(|p| format!("{}/{} {} {} {}", p.sampler_name, p.scheduler, p.steps, p.cfg, p.resolution()))
            .collect();
        assert_eq!(
            shown,
            [
                "euler_ancestral/normal 28 7 512x768",
                "dpmpp_2m/karras 30 5.5 1024x1024",
                "euler/simple 20 1 1024x1024",
                "dpmpp_2m/sgm_uniform 28 4.5 1024x1024",
                "dpmpp_2m/simple 24 4 1024x1024",
            ]
        );
    }

    #[test]
    fn every_family_has_settings() {
        assert_eq!(
            Family::all().filter(|family| Preset::of(*family).notes.is_empty()).collect::<Vec<_>>(),
            []
        );
    }

    #[test]
    fn distilled_files_get_their_own_step_count() {
        let steps = |name| Preset::of_file(name).map(|preset| preset.steps);
        assert_eq!(steps("flux1-schnell-fp8.safetensors"), Some(4));
        assert_eq!(steps("sdxl_lightning_8step.safetensors"), Some(8));
        assert_eq!(steps("unheard_of.safetensors"), None);
    }
}
