//! Maps inputs that name a model file to the folder of that file.

const CHECKPOINTS: &str = "checkpoints";
const TEXT_ENCODERS: &str = "text_encoders";

/// Returns the model folder whose files an input of a class names.
pub fn folder(class_type: &str, input: &str) -> Option<&'static str> {
    match (class_type, input) {
        (
            "CheckpointLoaderSimple"
            | "CheckpointLoader"
            | "unCLIPCheckpointLoader"
            | "ImageOnlyCheckpointLoader"
            | "LTXAVTextEncoderLoader"
            | "LTXVAudioVAELoader",
            "ckpt_name",
        ) => Some(CHECKPOINTS),
        ("LoraLoader" | "LoraLoaderModelOnly", "lora_name") => Some("loras"),
        ("VAELoader", "vae_name") => Some("vae"),
        ("ControlNetLoader" | "DiffControlNetLoader", "control_net_name") => Some("controlnet"),
        ("UpscaleModelLoader", "model_name") => Some("upscale_models"),
        ("LatentUpscaleModelLoader", "model_name") => Some("latent_upscale_models"),
        ("CLIPLoader" | "DualCLIPLoader" | "TripleCLIPLoader" | "QuadrupleCLIPLoader", name)
            if name.starts_with("clip_name") =>
        {
            Some(TEXT_ENCODERS)
        }
        ("LTXAVTextEncoderLoader", "text_encoder") => Some(TEXT_ENCODERS),
        ("CLIPVisionLoader", "clip_name") => Some("clip_vision"),
        ("StyleModelLoader", "style_model_name") => Some("style_models"),
        ("GLIGENLoader", "gligen_name") => Some("gligen"),
        ("DiffusersLoader", "model_path") => Some("diffusers"),
        ("UNETLoader", "unet_name") => Some("diffusion_models"),
        ("ModelPatchLoader", "name") => Some("model_patches"),
        ("AudioEncoderLoader", "audio_encoder_name") => Some("audio_encoders"),
        ("HypernetworkLoader", "hypernetwork_name") => Some("hypernetworks"),
        ("PhotoMakerLoader", "photomaker_model_name") => Some("photomaker"),
        ("IPAdapterModelLoader", "ipadapter_file") => Some("ipadapter"),
        ("ADE_LoadAnimateDiffModel" | "ADE_AnimateDiffLoaderGen1", "model_name") => {
            Some("animatediff_models")
        }
        ("FaceRestoreModelLoader", "model_name") => Some("facerestore_models"),
        _ => None,
    }
}
