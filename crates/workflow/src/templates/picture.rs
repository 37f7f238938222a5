//! Templates that make, change or enlarge pictures with core nodes.

use serde_json::json;

use super::catalogue::Template;
use super::choose::{self, Model};
use super::graph::{Graph, Output};
use super::parameter::{self, Hint, Kind, Parameter};
use super::txt2img::{Txt2Img, decode};
use super::values::Values;
use crate::families::Family;

const SD15: &str = "v1-5-pruned-emaonly.safetensors";
const SDXL: &str = "sd_xl_base_1.0.safetensors";
const XL: &[Family] = &[Family::Sdxl, Family::Illustrious, Family::Pony];

pub(super) fn templates() -> Vec<Template> {
    let mut all = vec![
        Template::new(
            "txt2img",
            "Text to image",
            "Draws a picture from a text with any installed picture model.",
            drawing(SD15, &[], (512, 512), parameter::sampling(20, 7.0, "euler", "normal", 1.0)),
            |values, graph| draw(values, graph, "comfyui-mcp"),
        ),
        Template::new(
            "img2img",
            "Image to image",
            "Redraws a picture after a text; denoise says how freely.",
            img2img_parameters(0.75),
            img2img,
        ),
        Template::new(
            "inpaint",
            "Inpaint",
            "Redraws the white part of a mask and keeps the black part.",
            [
                img2img_parameters(0.8),
                vec![
                    Parameter::new(
                        "mask",
                        Kind::Input,
                        "mask.png",
                        "mask in the input folder: white = redraw",
                    ),
                    Parameter::new(
                        "mask_channel",
                        Kind::Choice { accepted: &["red", "green", "blue", "alpha"] },
                        "red",
                        "where the mask is read; red serves black-and-white files, alpha transparent ones",
                    ),
                ],
            ]
            .concat(),
            inpaint,
        ),
    ];
    all.extend(larger());
    all.extend(families());
    all.extend(separates());
    all
}

fn larger() -> Vec<Template> {
    vec![
        Template::new(
            "upscale",
            "Upscale",
            "Enlarges a picture with an upscale model, whose factor decides the size.",
            vec![parameter::image(), upscaler()],
            upscale,
        ),
        Template::new(
            "hires_fix",
            "Text to image in two passes",
            "Draws small, enlarges the latent and refines it: large pictures without repeated limbs.",
            [
                drawing(SD15, &[], (512, 768), parameter::sampling(20, 7.0, "euler", "normal", 1.0)),
                vec![
                    Parameter::new(
                        "scale",
                        Kind::Number { min: 1.0, max: 4.0 },
                        2.0,
                        "factor of the second pass",
                    ),
                    Parameter::new(
                        "hires_denoise",
                        Kind::Number { min: 0.0, max: 1.0 },
                        0.5,
                        "how freely the second pass redraws",
                    ),
                ],
            ]
            .concat(),
            hires_fix,
        ),
    ]
}

fn families() -> Vec<Template> {
    vec![
        Template::new(
            "lora_stack",
            "Text to image with LoRAs",
            "Draws with a stack of LoRAs on one checkpoint.",
            lora_stack_parameters(),
            |values, graph| draw(values, graph, "comfyui-mcp-lora-stack"),
        ),
        Template::new(
            "sdxl_txt2img",
            "SDXL text to image",
            "Draws with an SDXL checkpoint at about one megapixel.",
            drawing(SDXL, XL, (1024, 1024), parameter::sampling(30, 6.0, "dpmpp_2m", "karras", 1.0)),
            |values, graph| draw(values, graph, "comfyui-mcp-sdxl"),
        ),
        Template::new(
            "flux_txt2img",
            "FLUX text to image",
            "Draws with FLUX.1, from one checkpoint or from separate files, whichever is installed.",
            [
                drawing(
                    "flux1-dev-fp8.safetensors",
                    &[Family::Flux],
                    (1024, 1024),
                    parameter::sampling(20, 1.0, "euler", "simple", 1.0),
                ),
                vec![guidance()],
            ]
            .concat(),
            |values, graph| draw(values, graph, "comfyui-mcp-flux"),
        ),
    ]
}

fn separates() -> Vec<Template> {
    vec![
        Template::new(
            "flux_separate",
            "FLUX from separate files",
            "Draws with FLUX.1 from a diffusion model, two text encoders and a VAE.",
            [
                separate(
                    Family::Flux,
                    "flux1-dev.safetensors",
                    parameter::sampling(20, 1.0, "euler", "simple", 1.0),
                ),
                vec![guidance()],
            ]
            .concat(),
            |values, graph| draw_separate(values, graph, Family::Flux, "comfyui-mcp-flux"),
        ),
        Template::new(
            "sd35_txt2img",
            "Stable Diffusion 3.5",
            "Draws with SD3.5 from a diffusion model, three text encoders and a VAE.",
            separate(
                Family::Sd3,
                "sd3.5_large.safetensors",
                parameter::sampling(28, 4.5, "dpmpp_2m", "sgm_uniform", 1.0),
            ),
            |values, graph| draw_separate(values, graph, Family::Sd3, "comfyui-mcp-sd35"),
        ),
        Template::new(
            "qwen_image",
            "Qwen-Image",
            "Draws with Qwen-Image, which writes text in pictures well.",
            separate(
                Family::QwenImage,
                "qwen_image_fp8_e4m3fn.safetensors",
                parameter::sampling(20, 2.5, "euler", "simple", 1.0),
            ),
            |values, graph| draw_separate(values, graph, Family::QwenImage, "comfyui-mcp-qwen"),
        ),
        Template::new(
            "z_image",
            "Z-Image",
            "Draws with Z-Image Turbo in nine steps.",
            separate(
                Family::ZImage,
                "z_image_turbo_bf16.safetensors",
                parameter::sampling(9, 1.0, "res_multistep", "simple", 1.0),
            ),
            |values, graph| draw_separate(values, graph, Family::ZImage, "comfyui-mcp-z-image"),
        ),
    ]
}

fn guidance() -> Parameter {
    let range = Kind::Number { min: 0.0, max: 100.0 };
    Parameter::new("guidance", range, 3.5, "distilled guidance (FluxGuidance)")
}

fn drawing(
    model: &str,
    families: &'static [Family],
    (width, height): (i64, i64),
    sampling: Vec<Parameter>,
) -> Vec<Parameter> {
    [
        parameter::prompts(),
        parameter::size(width, height),
        vec![parameter::batch()],
        sampling,
        vec![parameter::model(model, families)],
        parameter::extras(),
    ]
    .concat()
}

fn img2img_parameters(denoise: f64) -> Vec<Parameter> {
    [
        vec![parameter::image()],
        parameter::prompts(),
        parameter::sampling(20, 7.0, "euler", "normal", denoise),
        vec![parameter::model(SD15, &[])],
        parameter::extras(),
    ]
    .concat()
}

fn lora_stack_parameters() -> Vec<Parameter> {
    [
        parameter::prompts(),
        parameter::size(768, 768),
        vec![parameter::batch()],
        parameter::sampling(24, 6.5, "dpmpp_2m", "karras", 1.0),
        vec![
            parameter::model(SD15, &[]),
            Parameter::new(
                "lora_name",
                Kind::Texts,
                json!(["lora_1.safetensors", "lora_2.safetensors"]),
                "LoRA file, or a list in order",
            ),
            Parameter::new(
                "lora_strength",
                Kind::Numbers,
                json!([0.75, 0.45]),
                "strength, or a list in order",
            ),
        ],
    ]
    .concat()
}

/// Lists the parameters of a family whose parts lie in separate files.
fn separate(family: Family, model: &str, sampling: Vec<Parameter>) -> Vec<Parameter> {
    let preset = crate::presets::Preset::of(family);
    let (encoders, vae) = choose::Companions::wanted(family);
    let families: &'static [Family] = match family {
        Family::Sd3 => &[Family::Sd3],
        Family::QwenImage => &[Family::QwenImage],
        Family::ZImage => &[Family::ZImage],
        _ => &[Family::Flux],
    };
    let mut parameters = [
        parameter::prompts(),
        parameter::size(preset.width.into(), preset.height.into()),
        vec![parameter::batch()],
        sampling,
        vec![parameter::file(
            "model",
            "diffusion_models",
            model,
            Hint::Family(families),
            "diffusion model file",
        )],
    ]
    .concat();
    for (wanted, name) in encoders.iter().zip(ENCODERS) {
        parameters.push(parameter::file(
            name,
            "text_encoders",
            wanted.2,
            Hint::Words(*wanted),
            "text encoder file",
        ));
    }
    parameters.push(parameter::file("vae", "vae", vae.2, Hint::Words(vae), "VAE file"));
    parameters.push(Parameter::new(
        "loras",
        Kind::Loras,
        json!([]),
        "LoRAs as {name, strength}, applied in order",
    ));
    parameters
}

const ENCODERS: [&str; 4] = ["text_encoder", "text_encoder_2", "text_encoder_3", "text_encoder_4"];

pub(super) fn upscaler() -> Parameter {
    parameter::file(
        "model_name",
        "upscale_models",
        "RealESRGAN_x4plus.pth",
        Hint::Only,
        "upscale model; its factor decides the size",
    )
}

/// Reads the settings from the values, for a graph that saves under `prefix`.
pub(super) fn settings(values: &Values, model: Model, prefix: &str) -> Txt2Img {
    Txt2Img {
        positive: values.text("prompt").to_owned(),
        negative: values.text("negative_prompt").to_owned(),
        width: values.pixels("width"),
        height: values.pixels("height"),
        steps: values.pixels("steps"),
        cfg: values.number("cfg"),
        sampler_name: values.text("sampler_name").to_owned(),
        scheduler: values.text("scheduler").to_owned(),
        denoise: values.number("denoise"),
        seed: values.seed(),
        batch_size: values.pixels("batch_size").max(1),
        // Separate files name their VAE in the model already.
        vae: match &model {
            Model::Checkpoint { .. } => Some(values.text("vae").to_owned()),
            Model::Diffusion { .. } => None,
        },
        model,
        loras: values.loras(),
        prefix: prefix.to_owned(),
        clip_skip: values.pixels("clip_skip").max(1),
        guidance: values.has("guidance").then(|| values.number("guidance")),
    }
}

pub(super) fn save(graph: &mut Graph, images: Output, prefix: &str) {
    graph.add("SaveImage", json!({ "images": images, "filename_prefix": prefix }));
}

fn draw(values: &Values, graph: &mut Graph, prefix: &str) {
    settings(values, values.model(), prefix).add_to(graph);
}

fn draw_separate(values: &Values, graph: &mut Graph, family: Family, prefix: &str) {
    let encoders = ENCODERS.iter().filter(|name| values.has(name)).map(|name| values.text(name).to_owned());
    let model = Model::Diffusion {
        name: values.text("model").to_owned(),
        family,
        text_encoders: encoders.collect(),
        vae: values.text("vae").to_owned(),
    };
    settings(values, model, prefix).add_to(graph);
}

fn img2img(values: &Values, graph: &mut Graph) {
    let settings = settings(values, values.model(), "comfyui-mcp");
    let prepared = settings.prepare(graph);
    let image = graph.add("LoadImage", json!({ "image": values.text("image") })).out(0);
    let latent = graph.add("VAEEncode", json!({ "pixels": image, "vae": prepared.loaded.vae })).out(0);
    let sampled = settings.sample(graph, &prepared, latent, settings.denoise);
    let image = decode(graph, sampled, prepared.loaded.vae);
    save(graph, image, "comfyui-mcp");
}

fn inpaint(values: &Values, graph: &mut Graph) {
    let settings = settings(values, values.model(), "comfyui-mcp-inpaint");
    let prepared = settings.prepare(graph);
    let image = graph.add("LoadImage", json!({ "image": values.text("image") })).out(0);
    let mask = json!({ "image": values.text("mask"), "channel": values.text("mask_channel") });
    let mask = graph.add("LoadImageMask", mask).out(0);
    // ComfyUI already inverts a mask from the alpha channel: transparent means repaint.
    let latent = graph.add("VAEEncode", json!({ "pixels": image, "vae": prepared.loaded.vae })).out(0);
    let masked = graph.add("SetLatentNoiseMask", json!({ "samples": latent, "mask": mask })).out(0);
    let sampled = settings.sample(graph, &prepared, masked, settings.denoise);
    let image = decode(graph, sampled, prepared.loaded.vae);
    save(graph, image, "comfyui-mcp-inpaint");
}

fn upscale(values: &Values, graph: &mut Graph) {
    let image = graph.add("LoadImage", json!({ "image": values.text("image") })).out(0);
    let image = enlarge(values, graph, image);
    save(graph, image, "comfyui-mcp-upscale");
}

/// Adds an upscale model and its application.
pub(super) fn enlarge(values: &Values, graph: &mut Graph, image: Output) -> Output {
    let model = graph.add("UpscaleModelLoader", json!({ "model_name": values.text("model_name") })).out(0);
    graph.add("ImageUpscaleWithModel", json!({ "upscale_model": model, "image": image })).out(0)
}

fn hires_fix(values: &Values, graph: &mut Graph) {
    let settings = settings(values, values.model(), "comfyui-mcp-hires");
    let prepared = settings.prepare(graph);
    let latent = settings.empty_latent(graph);
    let first = settings.sample(graph, &prepared, latent, settings.denoise);
    let larger = json!({ "samples": first, "upscale_method": "bislerp", "scale_by": values.number("scale") });
    let larger = graph.add("LatentUpscaleBy", larger).out(0);
    let second = settings.sample(graph, &prepared, larger, values.number("hires_denoise"));
    let image = decode(graph, second, prepared.loaded.vae);
    save(graph, image, "comfyui-mcp-hires");
}
