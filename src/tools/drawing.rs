//! Parameters of every picture that is to be drawn, whatever it is drawn from.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Call,
    params::{Lora, Seed},
    picture_models::Wishes,
    submit::Submit,
};

/// The texts.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Words {
    /// What to draw
    #[schemars(length(min = 1, max = 20_000))]
    pub(super) prompt: String,
    /// What to avoid
    #[serde(default = "default_negative")]
    #[schemars(length(max = 20_000))]
    pub(super) negative_prompt: String,
}

fn default_negative() -> String {
    "bad quality, blurry".to_owned()
}

/// Model and sampling, and whether to wait.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct DrawingSettings {
    /// Sampling steps
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    steps: Option<u32>,
    /// Guidance scale
    #[serde(default)]
    #[schemars(range(min = 1.0, max = 30.0))]
    cfg: Option<f64>,
    /// Checkpoint or diffusion model; empty: choose
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub(super) model: String,
    /// Wait for the picture
    #[serde(default)]
    wait: bool,
    /// Longest wait (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
    /// -1: random
    #[serde(default)]
    pub(super) seed: Option<Seed>,
    /// As the server has it
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    sampler_name: Option<String>,
    /// As the server has it
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    scheduler: Option<String>,
    /// Applied in order
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub(super) loras: Vec<Lora>,
    /// VAE file; empty: the model's own
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub(super) vae: String,
}

impl DrawingSettings {
    /// Collects the wishes about sampling.
    pub(super) fn wishes(&self) -> Wishes<'_> {
        Wishes {
            steps: self.steps,
            cfg: self.cfg,
            sampler_name: self.sampler_name.as_deref(),
            scheduler: self.scheduler.as_deref(),
        }
    }

    /// Makes the settings of the submit for a drawing with this seed.
    pub(super) fn submit(&self, call: &Call, seed: u64) -> Submit {
        Submit { seed: Some(seed), ..Submit::waiting(call, self.wait, self.wait_seconds) }
    }
}
