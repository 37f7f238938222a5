//! Templates that make moving pictures.

use serde_json::json;

use super::catalogue::Template;
use super::choose::T5XXL;
use super::graph::{Graph, Output};
use super::parameter::{self, Hint, Kind, Parameter};
use super::picture::settings;
use super::txt2img::{decode, encode};
use super::values::Values;
use crate::families::Family;

pub(super) fn templates() -> Vec<Template> {
    vec![
        Template::new(
            "txt2vid_animatediff",
            "Text to video with AnimateDiff",
            "Animates an SD 1.5 checkpoint with a motion module; saves an animated WebP.",
            animatediff_parameters(),
            animatediff,
        ),
        Template::new(
            "txt2vid_wan",
            "Text to video with Wan",
            "Makes a clip from a text with Wan 2.1 (core nodes); saves an MP4.",
            wan_parameters("wan2.1_t2v_1.3B_fp16.safetensors", (&["t2v"], &[], "")),
            |values, graph| {
                let wan = load_wan(values, graph);
                let latent = graph.add(
                    "EmptyHunyuanLatentVideo",
                    json!({
                        "width": values.integer("width"), "height": values.integer("height"),
                        "length": values.integer("frames"), "batch_size": 1,
                    }),
                );
                finish_wan(values, graph, &wan, latent.out(0), "comfyui-mcp-wan");
            },
        ),
        Template::new(
            "img2vid_wan",
            "Image to video with Wan",
            "Makes a clip that starts with a picture, with Wan 2.1 (core nodes); saves an MP4.",
            [
                vec![parameter::image()],
                wan_parameters("wan2.1_i2v_480p_14B_fp16.safetensors", (&["i2v"], &[], "")),
                vec![parameter::file(
                    "clip_vision_model",
                    "clip_vision",
                    "clip_vision_h.safetensors",
                    Hint::Words((&["clipvisionh", "vith"], &[], "")),
                    "CLIP vision file",
                )],
            ]
            .concat(),
            img2vid_wan,
        ),
        Template::new(
            "ltx_video",
            "Text to video with LTX",
            "Makes a clip from a text with LTX-Video (core nodes); saves an MP4.",
            ltx_parameters(),
            ltx_video,
        ),
    ]
}

fn frames(default: i64, description: &'static str) -> Parameter {
    Parameter::new("frames", Kind::Integer { min: 1, max: 1000 }, default, description)
}

fn fps(default: f64) -> Parameter {
    Parameter::new("fps", Kind::Number { min: 1.0, max: 120.0 }, default, "frames per second")
}

fn animatediff_parameters() -> Vec<Parameter> {
    [
        parameter::prompts(),
        parameter::size(512, 512),
        vec![frames(16, "frames; the motion module sees 16 at a time"), fps(8.0)],
        parameter::sampling(20, 7.0, "euler", "normal", 1.0),
        vec![
            parameter::model("v1-5-pruned-emaonly.safetensors", &[Family::Sd15]),
            parameter::file(
                "motion_module",
                "animatediff_models",
                "mm_sd_v15_v2.ckpt",
                Hint::Only,
                "AnimateDiff motion module",
            ),
        ],
    ]
    .concat()
}

fn animatediff(values: &Values, graph: &mut Graph) {
    let mut settings = settings(values, values.model(), "comfyui-mcp-anim");
    settings.batch_size = values.pixels("frames");
    let mut prepared = settings.prepare(graph);
    let context = (values.integer("frames") > 16).then(|| {
        let window = json!({ "context_length": 16, "context_overlap": 4 });
        graph.add("ADE_StandardStaticContextOptions", window).out(0)
    });
    let motion = graph.add(
        "ADE_AnimateDiffLoaderGen1",
        json!({
            "model": prepared.loaded.model, "model_name": values.text("motion_module"),
            "beta_schedule": "autoselect", "context_options": context,
        }),
    );
    prepared.loaded.model = motion.out(0);
    let latent = settings.empty_latent(graph);
    let sampled = settings.sample(graph, &prepared, latent, settings.denoise);
    let images = decode(graph, sampled, prepared.loaded.vae);
    graph.add(
        "SaveAnimatedWEBP",
        json!({
            "images": images, "filename_prefix": "comfyui-mcp-anim", "fps": values.number("fps"),
            "lossless": false, "quality": 85, "method": "default",
        }),
    );
}

fn wan_parameters(model: &'static str, wanted: super::choose::Wanted) -> Vec<Parameter> {
    [
        parameter::prompts(),
        parameter::size(832, 480),
        vec![frames(81, "frames, best 4n+1; 81 is five seconds"), fps(16.0)],
        parameter::sampling(30, 5.0, "euler", "normal", 1.0),
        vec![
            parameter::file(
                "model",
                "diffusion_models",
                model,
                Hint::Words(wanted),
                "Wan diffusion model file",
            ),
            parameter::file(
                "text_encoder",
                "text_encoders",
                "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
                Hint::Words((&["umt5"], &[], "")),
                "text encoder file",
            ),
            parameter::file(
                "vae",
                "vae",
                "wan_2.1_vae.safetensors",
                Hint::Words((&["wan21vae", "wan21"], &[], "")),
                "VAE file",
            ),
            Parameter::new(
                "shift",
                Kind::Number { min: 0.0, max: 100.0 },
                8.0,
                "timestep shift: 8 at 480p, 5 at 720p",
            ),
        ],
    ]
    .concat()
}

struct Wan {
    model: Output,
    vae: Output,
    positive: Output,
    negative: Output,
}

fn load_wan(values: &Values, graph: &mut Graph) -> Wan {
    let model = json!({ "unet_name": values.text("model"), "weight_dtype": "default" });
    let model = graph.add("UNETLoader", model).out(0);
    let clip = json!({ "clip_name": values.text("text_encoder"), "type": "wan" });
    let clip = graph.add("CLIPLoader", clip).out(0);
    let vae = graph.add("VAELoader", json!({ "vae_name": values.text("vae") })).out(0);
    let shift = json!({ "model": model, "shift": values.number("shift") });
    let model = graph.add("ModelSamplingSD3", shift).out(0);
    let positive = encode(graph, "Positive prompt", clip, values.text("prompt"));
    let negative = encode(graph, "Negative prompt", clip, values.text("negative_prompt"));
    Wan { model, vae, positive, negative }
}

fn finish_wan(values: &Values, graph: &mut Graph, wan: &Wan, latent: Output, prefix: &str) {
    let sampled = graph.add(
        "KSampler",
        json!({
            "model": wan.model, "positive": wan.positive, "negative": wan.negative, "latent_image": latent,
            "seed": values.seed(), "steps": values.integer("steps"), "cfg": values.number("cfg"),
            "sampler_name": values.text("sampler_name"), "scheduler": values.text("scheduler"),
            "denoise": values.number("denoise"),
        }),
    );
    let images = decode(graph, sampled.out(0), wan.vae);
    save_video(graph, images, values.number("fps"), prefix);
}

fn save_video(graph: &mut Graph, images: Output, fps: f64, prefix: &str) {
    let video = graph.add("CreateVideo", json!({ "images": images, "fps": fps })).out(0);
    let file = json!({ "video": video, "filename_prefix": prefix, "format": "mp4", "codec": "h264" });
    graph.add("SaveVideo", file);
}

fn img2vid_wan(values: &Values, graph: &mut Graph) {
    let mut wan = load_wan(values, graph);
    let image = graph.add("LoadImage", json!({ "image": values.text("image") })).out(0);
    let vision =
        graph.add("CLIPVisionLoader", json!({ "clip_name": values.text("clip_vision_model") })).out(0);
    let seen = json!({ "clip_vision": vision, "image": image, "crop": "none" });
    let seen = graph.add("CLIPVisionEncode", seen).out(0);
    let start = graph.add(
        "WanImageToVideo",
        json!({
            "positive": wan.positive, "negative": wan.negative, "vae": wan.vae,
            "width": values.integer("width"), "height": values.integer("height"),
            "length": values.integer("frames"), "batch_size": 1,
            "clip_vision_output": seen, "start_image": image,
        }),
    );
    (wan.positive, wan.negative) = (start.out(0), start.out(1));
    finish_wan(values, graph, &wan, start.out(2), "comfyui-mcp-wan");
}

fn ltx_parameters() -> Vec<Parameter> {
    let mut sampling = parameter::sampling(30, 3.0, "euler", "normal", 1.0);
    sampling.retain(|parameter| !matches!(parameter.name, "scheduler" | "denoise"));
    [
        parameter::prompts(),
        parameter::size(768, 512),
        vec![frames(97, "frames, best 8n+1"), fps(24.0)],
        sampling,
        vec![
            parameter::file(
                "model",
                "checkpoints",
                "ltx-video-2b-v0.9.5.safetensors",
                Hint::Family(&[Family::Ltxv]),
                "LTX-Video checkpoint",
            ),
            parameter::file(
                "text_encoder",
                "text_encoders",
                "t5xxl_fp16.safetensors",
                Hint::Words(T5XXL),
                "text encoder file",
            ),
        ],
    ]
    .concat()
}

fn ltx_video(values: &Values, graph: &mut Graph) {
    let checkpoint = graph.add("CheckpointLoaderSimple", json!({ "ckpt_name": values.text("model") }));
    let clip = json!({ "clip_name": values.text("text_encoder"), "type": "ltxv" });
    let clip = graph.add("CLIPLoader", clip).out(0);
    let positive = encode(graph, "Positive prompt", clip, values.text("prompt"));
    let negative = encode(graph, "Negative prompt", clip, values.text("negative_prompt"));
    let rated = graph.add(
        "LTXVConditioning",
        json!({ "positive": positive, "negative": negative, "frame_rate": values.number("fps") }),
    );
    let latent = graph.add(
        "EmptyLTXVLatentVideo",
        json!({
            "width": values.integer("width"), "height": values.integer("height"),
            "length": values.integer("frames"), "batch_size": 1,
        }),
    );
    let sigmas = graph.add(
        "LTXVScheduler",
        json!({
            "steps": values.integer("steps"), "max_shift": 2.05, "base_shift": 0.95, "stretch": true,
            "terminal": 0.1, "latent": latent.out(0),
        }),
    );
    let sampler = graph.add("KSamplerSelect", json!({ "sampler_name": values.text("sampler_name") }));
    let sampled = graph.add(
        "SamplerCustom",
        json!({
            "model": checkpoint.out(0), "add_noise": true, "noise_seed": values.seed(),
            "cfg": values.number("cfg"), "positive": rated.out(0), "negative": rated.out(1),
            "sampler": sampler.out(0), "sigmas": sigmas.out(0), "latent_image": latent.out(0),
        }),
    );
    let images = decode(graph, sampled.out(0), checkpoint.out(2));
    save_video(graph, images, values.number("fps"), "comfyui-mcp-ltx");
}
