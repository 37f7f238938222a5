//! Text to image, for checkpoints and for bare diffusion models.

use serde_json::json;

use super::choose::Model;
use super::graph::{Graph, Output};
use crate::Workflow;
use crate::families::Family;

/// Everything a text-to-image graph needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Txt2Img {
    /// The positive prompt.
    pub positive: String,
    /// The negative prompt; without effect where the family samples at cfg 1.
    pub negative: String,
    /// Size in pixels.
    pub width: u32,
    /// Size in pixels.
    pub height: u32,
    /// Sampling steps.
    pub steps: u32,
    /// Guidance scale of the sampler.
    pub cfg: f64,
    /// The name as the server lists it.
    pub sampler_name: String,
    /// The name as the server lists it.
    pub scheduler: String,
    /// The denoising strength; 1 starts from pure noise.
    pub denoise: f64,
    /// Noise seed.
    pub seed: u64,
    /// Pictures per run.
    pub batch_size: u32,
    /// The model with its companion files.
    pub model: Model,
    /// `LoRA` files with their strengths, applied in order.
    pub loras: Vec<(String, f64)>,
    /// A VAE file instead of the model's own.
    pub vae: Option<String>,
    /// File name prefix of the result.
    pub prefix: String,
    /// The number of last text encoder layers to leave out, counted from 1.
    pub clip_skip: u32,
    /// Distilled guidance of Flux models; absent = the family's.
    pub guidance: Option<f64>,
}

/// Model, text encoder and VAE as they flow through a graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    pub(crate) model: Output,
    pub(crate) clip: Output,
    pub(crate) vae: Output,
}

impl Txt2Img {
    /// Builds the graph: seven nodes for a checkpoint without extras.
    pub fn build(&self) -> Workflow {
        let mut graph = Graph::default();
        self.add_to(&mut graph);
        graph.finish()
    }

    /// Adds the whole graph, from loaders to the saved picture.
    pub(crate) fn add_to(&self, graph: &mut Graph) {
        let prepared = self.prepare(graph);
        let latent = self.empty_latent(graph);
        let sampled = self.sample(graph, &prepared, latent, self.denoise);
        let image = decode(graph, sampled, prepared.loaded.vae);
        graph.add("SaveImage", json!({ "images": image, "filename_prefix": self.prefix }));
    }

    /// Returns the family that decides the shape of the graph.
    pub(crate) fn family(&self) -> Option<Family> {
        self.model.family()
    }

    /// Adds an empty latent of the requested size.
    pub(crate) fn empty_latent(&self, graph: &mut Graph) -> Output {
        let size = json!({ "width": self.width, "height": self.height, "batch_size": self.batch_size });
        graph.add(empty_latent(self.family()), size).out(0)
    }

    /// Adds loaders, `LoRA`s and text encoders.
    pub(crate) fn prepare(&self, graph: &mut Graph) -> Prepared {
        let mut loaded = load(graph, &self.model);
        if let Some(vae) = self.vae.as_deref().filter(|vae| !vae.is_empty()) {
            loaded.vae = graph.add("VAELoader", json!({ "vae_name": vae })).out(0);
        }
        add_loras(graph, &mut loaded, &self.loras);
        if self.clip_skip > 1 {
            let layer = -i64::from(self.clip_skip);
            let skip = json!({ "clip": loaded.clip, "stop_at_clip_layer": layer });
            loaded.clip = graph.add("CLIPSetLastLayer", skip).out(0);
        }
        if let Model::Diffusion { family, .. } = &self.model {
            loaded.model = shifted(graph, loaded.model, *family);
        }
        let (positive, negative) = self.encode(graph, loaded.clip);
        Prepared { loaded, positive, negative }
    }

    fn encode(&self, graph: &mut Graph, clip: Output) -> (Output, Output) {
        let positive = encode(graph, "Positive prompt", clip, &self.positive);
        // Guidance-distilled models ignore the negative prompt at cfg 1; a second encoding would be wasted.
        let guidance = match self.family() {
            Some(Family::Flux) => 3.5,
            Some(Family::FluxKontext) => 2.5,
            Some(Family::Flux2) => 4.0,
            _ => return (positive, encode(graph, "Negative prompt", clip, &self.negative)),
        };
        let negative = if self.cfg <= 1.0 {
            graph.add("ConditioningZeroOut", json!({ "conditioning": positive })).out(0)
        } else {
            encode(graph, "Negative prompt", clip, &self.negative)
        };
        let guidance = self.guidance.unwrap_or(guidance);
        let guided = graph.add("FluxGuidance", json!({ "conditioning": positive, "guidance": guidance }));
        (guided.out(0), negative)
    }

    /// Adds the sampler.
    pub(crate) fn sample(&self, graph: &mut Graph, from: &Prepared, latent: Output, denoise: f64) -> Output {
        let sampler = graph.add(
            "KSampler",
            json!({
                "model": from.loaded.model, "positive": from.positive, "negative": from.negative,
                "latent_image": latent, "seed": self.seed, "steps": self.steps, "cfg": self.cfg,
                "sampler_name": self.sampler_name, "scheduler": self.scheduler, "denoise": denoise,
            }),
        );
        sampler.out(0)
    }
}

/// The inputs of a sampler except the latent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prepared {
    pub(crate) loaded: Loaded,
    pub(crate) positive: Output,
    pub(crate) negative: Output,
}

/// Adds a titled text encoder.
pub(crate) fn encode(graph: &mut Graph, title: &str, clip: Output, text: &str) -> Output {
    graph.add_titled(title, "CLIPTextEncode", json!({ "clip": clip, "text": text })).out(0)
}

/// Adds the decoder from latent to picture.
pub(crate) fn decode(graph: &mut Graph, samples: Output, vae: Output) -> Output {
    graph.add("VAEDecode", json!({ "samples": samples, "vae": vae })).out(0)
}

/// Adds the loaders of a model.
pub(crate) fn load(graph: &mut Graph, model: &Model) -> Loaded {
    match model {
        Model::Checkpoint { name } => {
            let checkpoint = graph.add("CheckpointLoaderSimple", json!({ "ckpt_name": name }));
            Loaded { model: checkpoint.out(0), clip: checkpoint.out(1), vae: checkpoint.out(2) }
        }
        Model::Diffusion { name, family, text_encoders, vae } => {
            let model = graph.add("UNETLoader", json!({ "unet_name": name, "weight_dtype": "default" }));
            let clip = load_text_encoders(graph, *family, text_encoders);
            let vae = graph.add("VAELoader", json!({ "vae_name": vae }));
            Loaded { model: model.out(0), clip, vae: vae.out(0) }
        }
    }
}

fn load_text_encoders(graph: &mut Graph, family: Family, files: &[String]) -> Output {
    let kind = match family {
        Family::QwenImage => "qwen_image",
        Family::ZImage => "lumina2",
        Family::Flux2 => "flux2",
        Family::Sd3 => "sd3",
        Family::HiDream => "hidream",
        _ => "flux",
    };
    let added = match files {
        [a, b] => graph.add("DualCLIPLoader", json!({ "clip_name1": a, "clip_name2": b, "type": kind })),
        [a, b, c] => {
            graph.add("TripleCLIPLoader", json!({ "clip_name1": a, "clip_name2": b, "clip_name3": c }))
        }
        [a, b, c, d] => graph.add(
            "QuadrupleCLIPLoader",
            json!({ "clip_name1": a, "clip_name2": b, "clip_name3": c, "clip_name4": d }),
        ),
        other => graph.add("CLIPLoader", json!({ "clip_name": other.first(), "type": kind })),
    };
    added.out(0)
}

/// Chains the `LoRA`s behind the model and its text encoder.
pub(crate) fn add_loras(graph: &mut Graph, loaded: &mut Loaded, loras: &[(String, f64)]) {
    for (name, strength) in loras {
        let added = graph.add(
            "LoraLoader",
            json!({
                "model": loaded.model, "clip": loaded.clip, "lora_name": name,
                "strength_model": strength, "strength_clip": strength,
            }),
        );
        (loaded.model, loaded.clip) = (added.out(0), added.out(1));
    }
}

/// Adds the timestep shift that a family's files do not contain.
fn shifted(graph: &mut Graph, model: Output, family: Family) -> Output {
    let (class_type, shift) = match family {
        Family::QwenImage => ("ModelSamplingAuraFlow", 3.1),
        Family::ZImage => ("ModelSamplingAuraFlow", 3.0),
        Family::Sd3 | Family::HiDream => ("ModelSamplingSD3", 3.0),
        _ => return model,
    };
    graph.add(class_type, json!({ "model": model, "shift": shift })).out(0)
}

/// Returns the class of the empty latent with as many channels as the family's VAE.
pub(crate) fn empty_latent(family: Option<Family>) -> &'static str {
    match family {
        Some(
            Family::Flux
            | Family::FluxKontext
            | Family::Sd3
            | Family::QwenImage
            | Family::ZImage
            | Family::HiDream,
        ) => "EmptySD3LatentImage",
        Some(Family::Flux2) => "EmptyFlux2LatentImage",
        _ => "EmptyLatentImage",
    }
}

/// Returns the edge of one latent cell in pixels; sizes are multiples of it.
pub fn cell(family: Option<Family>) -> u32 {
    if family == Some(Family::Flux2) { 16 } else { 8 }
}

#[cfg(test)]
mod tests;
