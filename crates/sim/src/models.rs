//! The model files the server pretends to have.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The folder names in the order of ComfyUI's `/models`.
pub(super) const FOLDERS: [&str; 21] = [
    "checkpoints",
    "configs",
    "loras",
    "vae",
    "text_encoders",
    "diffusion_models",
    "clip_vision",
    "style_models",
    "embeddings",
    "diffusers",
    "vae_approx",
    "controlnet",
    "gligen",
    "upscale_models",
    "latent_upscale_models",
    "custom_nodes",
    "hypernetworks",
    "photomaker",
    "classifiers",
    "model_patches",
    "audio_encoders",
];

const PLAUSIBLE: [(&str, &[&str]); 11] = [
    ("checkpoints", &["sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly-fp16.safetensors"]),
    ("configs", &["v1-inference.yaml", "v2-inference-v.yaml"]),
    ("loras", &["add_detail.safetensors", "sd_xl_offset_example-lora_1.0.safetensors"]),
    ("vae", &["ae.safetensors", "sdxl_vae.safetensors", "vae-ft-mse-840000-ema-pruned.safetensors"]),
    (
        "text_encoders",
        &[
            "clip_g.safetensors",
            "clip_l.safetensors",
            "t5xxl_fp16.safetensors",
            "t5xxl_fp8_e4m3fn.safetensors",
        ],
    ),
    ("diffusion_models", &["flux1-dev.safetensors"]),
    ("clip_vision", &["CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors"]),
    ("embeddings", &["easynegative.safetensors"]),
    ("controlnet", &["control_v11f1p_sd15_depth.pth", "control_v11p_sd15_canny.pth"]),
    ("upscale_models", &["4x-UltraSharp.pth", "RealESRGAN_x4plus.pth"]),
    ("custom_nodes", &["websocket_image_save.py"]),
];

/// Model file names by folder, and the metadata and preview pictures of some.
#[derive(Debug, Clone)]
pub(super) struct Models {
    folders: BTreeMap<String, Vec<String>>,
    metadata: BTreeMap<(String, String), Value>,
    previews: BTreeMap<(String, String), Vec<u8>>,
}

impl Models {
    /// A small, believable installation.
    pub(super) fn plausible() -> Self {
        let mut models = Self::none();
        for (folder, names) in PLAUSIBLE {
            models.set(folder, names.iter().map(|name| (*name).to_owned()).collect());
        }
        models.set_metadata(
            "checkpoints",
            "sd_xl_base_1.0.safetensors",
            json!({"modelspec.title": "simulated SDXL", "modelspec.architecture": "stable-diffusion-xl-v1-base"}),
        );
        models.set_metadata(
            "loras",
            "add_detail.safetensors",
            json!({"ss_base_model_version": "sd_v1", "ss_network_dim": "2",
                "ss_tag_frequency": "{\"1_sim\": {\"sim\": 3}}"}),
        );
        models
    }

    /// The folders, all of them empty.
    pub(super) fn none() -> Self {
        Self {
            folders: FOLDERS.iter().map(|folder| ((*folder).to_owned(), Vec::new())).collect(),
            metadata: BTreeMap::new(),
            previews: BTreeMap::new(),
        }
    }

    /// Replaces a folder's files. ComfyUI lists them sorted.
    pub(super) fn set(&mut self, folder: &str, mut names: Vec<String>) {
        names.sort();
        self.folders.insert(folder.to_owned(), names);
    }

    /// One more file in a folder.
    pub(super) fn add(&mut self, folder: &str, name: &str) {
        let mut names = self.list(folder).unwrap_or_default().to_vec();
        names.push(name.to_owned());
        self.set(folder, names);
    }

    pub(super) fn set_metadata(&mut self, folder: &str, name: &str, metadata: Value) {
        self.metadata.insert((folder.to_owned(), name.to_owned()), metadata);
    }

    pub(super) fn set_preview(&mut self, folder: &str, name: &str, bytes: Vec<u8>) {
        self.previews.insert((folder.to_owned(), name.to_owned()), bytes);
    }

    /// The preview picture of a file.
    pub(super) fn preview(&self, folder: &str, name: &str) -> Option<&Vec<u8>> {
        self.previews.get(&(folder.to_owned(), name.to_owned()))
    }

    /// The files of a folder; `None` when there is no such folder.
    pub(super) fn list(&self, folder: &str) -> Option<&[String]> {
        self.folders.get(folder).map(Vec::as_slice)
    }

    /// The metadata of a file that exists.
    pub(super) fn metadata(&self, folder: &str, name: &str) -> Option<&Value> {
        self.metadata
            .get(&(folder.to_owned(), name.to_owned()))
            .filter(|_| self.list(folder).is_some_and(|names| names.iter().any(|other| other == name)))
    }
}
