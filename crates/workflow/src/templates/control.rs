//! Templates that follow a picture: ControlNet, IP-Adapter, face restoration, background removal.

use serde_json::json;

use super::catalogue::Template;
use super::graph::{Graph, Output};
use super::parameter::{self, Hint, Kind, Parameter};
use super::picture::{enlarge, save, settings, upscaler};
use super::txt2img::decode;
use super::values::Values;
use crate::families::Family;

const SD15: &str = "v1-5-pruned-emaonly.safetensors";

pub(super) fn templates() -> Vec<Template> {
    let mut all = controlnets();
    all.push(Template::new(
        "ip_adapter",
        "IP-Adapter",
        "Draws in the likeness or style of a picture.",
        adapter_parameters(),
        ip_adapter,
    ));
    all.push(Template::new(
        "face_restore",
        "Restore faces",
        "Enlarges a picture, then repairs its faces with CodeFormer or GFPGAN.",
        face_parameters(),
        face_restore,
    ));
    all.push(Template::new(
        "remove_background",
        "Remove background",
        "Cuts out the subject of a picture onto transparency.",
        vec![
            parameter::image(),
            Parameter::new("rmbg_model", Kind::Text, "RMBG-2.0", "model of the RMBG node"),
        ],
        remove_background,
    ));
    all
}

fn controlnets() -> Vec<Template> {
    let resolution = Parameter::new(
        "resolution",
        Kind::Integer { min: 64, max: 4096 },
        512,
        "pixels at which the picture is analysed",
    );
    let mut depth_parameters = controlled("control_v11f1p_sd15_depth.pth", (&["depth"], &[], ""));
    depth_parameters.push(resolution.clone());
    let mut pose_parameters = controlled("control_v11p_sd15_openpose.pth", (&["openpose"], &[], ""));
    pose_parameters.push(resolution);
    vec![
        Template::new(
            "controlnet_canny",
            "ControlNet: edges",
            "Draws along the edges of a picture (core Canny node).",
            canny_parameters(),
            canny,
        ),
        Template::new(
            "controlnet_depth",
            "ControlNet: depth",
            "Draws with the depth of a picture.",
            depth_parameters,
            depth,
        ),
        Template::new(
            "controlnet_openpose",
            "ControlNet: pose",
            "Draws people in the poses of a picture.",
            pose_parameters,
            openpose,
        ),
    ]
}

fn canny_parameters() -> Vec<Parameter> {
    let threshold = |name, default: f64, text| {
        Parameter::new(name, Kind::Number { min: 0.01, max: 255.0 }, default, text)
    };
    let mut parameters = controlled("control_v11p_sd15_canny.pth", (&["canny"], &[], ""));
    parameters.push(threshold(
        "low_threshold",
        100.0,
        "weaker edge threshold, 0 to 255 (up to 1: as a fraction)",
    ));
    parameters.push(threshold(
        "high_threshold",
        200.0,
        "stronger edge threshold, 0 to 255 (up to 1: as a fraction)",
    ));
    parameters
}

fn face_parameters() -> Vec<Parameter> {
    vec![
        parameter::image(),
        upscaler(),
        parameter::file(
            "face_restore_model",
            "facerestore_models",
            "codeformer.pth",
            Hint::Words((&["codeformer", "gfpgan"], &[], "")),
            "face restoration model",
        ),
        Parameter::new(
            "face_restore_fidelity",
            Kind::Number { min: 0.0, max: 1.0 },
            0.7,
            "0 = prettier, 1 = closer to the original",
        ),
    ]
}

fn canny(values: &Values, graph: &mut Graph) {
    let image = load(values, graph);
    let low = fraction(values.number("low_threshold"));
    let high = fraction(values.number("high_threshold"));
    let edges = json!({ "image": image, "low_threshold": low, "high_threshold": high });
    let edges = graph.add("Canny", edges).out(0);
    follow(values, graph, edges, "comfyui-mcp-controlnet-canny");
}

fn depth(values: &Values, graph: &mut Graph) {
    let image = load(values, graph);
    let inputs = json!({
        "image": image, "ckpt_name": "depth_anything_v2_vits.pth",
        "resolution": values.integer("resolution"),
    });
    let depth = graph.add("DepthAnythingV2Preprocessor", inputs).out(0);
    follow(values, graph, depth, "comfyui-mcp-controlnet-depth");
}

fn openpose(values: &Values, graph: &mut Graph) {
    let image = load(values, graph);
    let inputs = json!({
        "image": image, "detect_hand": "enable", "detect_body": "enable",
        "detect_face": "enable", "resolution": values.integer("resolution"),
    });
    let pose = graph.add("OpenposePreprocessor", inputs).out(0);
    follow(values, graph, pose, "comfyui-mcp-controlnet-openpose");
}

fn remove_background(values: &Values, graph: &mut Graph) {
    let image = load(values, graph);
    let inputs = json!({ "image": image, "model": values.text("rmbg_model"), "background": "Alpha" });
    let cut = graph.add("RMBG", inputs).out(0);
    save(graph, cut, "comfyui-mcp-cutout");
}

fn controlled(net: &'static str, wanted: super::choose::Wanted) -> Vec<Parameter> {
    let unit = Kind::Number { min: 0.0, max: 1.0 };
    [
        vec![parameter::image()],
        parameter::prompts(),
        parameter::size(512, 512),
        vec![parameter::batch()],
        parameter::sampling(20, 7.0, "euler", "normal", 1.0),
        vec![
            parameter::model(SD15, &[Family::Sd15]),
            parameter::file("controlnet_model", "controlnet", net, Hint::Words(wanted), "ControlNet file"),
            Parameter::new(
                "control_strength",
                Kind::Number { min: 0.0, max: 10.0 },
                1.0,
                "how strictly the picture is followed",
            ),
            Parameter::new("control_start", unit.clone(), 0.0, "from which part of the steps it counts"),
            Parameter::new("control_end", unit, 1.0, "up to which part of the steps it counts"),
        ],
    ]
    .concat()
}

fn load(values: &Values, graph: &mut Graph) -> Output {
    graph.add("LoadImage", json!({ "image": values.text("image") })).out(0)
}

/// Converts a threshold from the usual 0–255 to the 0–1 of the core node, in its own steps.
fn fraction(threshold: f64) -> f64 {
    let fraction = if threshold > 1.0 { threshold / 255.0 } else { threshold };
    ((fraction * 100.0).round() / 100.0).clamp(0.01, 0.99)
}

fn follow(values: &Values, graph: &mut Graph, hint: Output, prefix: &str) {
    let settings = settings(values, values.model(), prefix);
    let mut prepared = settings.prepare(graph);
    let net = json!({ "control_net_name": values.text("controlnet_model") });
    let net = graph.add("ControlNetLoader", net).out(0);
    let applied = graph.add(
        "ControlNetApplyAdvanced",
        json!({
            "positive": prepared.positive, "negative": prepared.negative, "control_net": net, "image": hint,
            "strength": values.number("control_strength"),
            "start_percent": values.number("control_start"), "end_percent": values.number("control_end"),
            "vae": prepared.loaded.vae,
        }),
    );
    (prepared.positive, prepared.negative) = (applied.out(0), applied.out(1));
    let latent = settings.empty_latent(graph);
    let sampled = settings.sample(graph, &prepared, latent, settings.denoise);
    let image = decode(graph, sampled, prepared.loaded.vae);
    save(graph, image, prefix);
}

fn adapter_parameters() -> Vec<Parameter> {
    [
        vec![parameter::image()],
        parameter::prompts(),
        parameter::size(1024, 1024),
        vec![parameter::batch()],
        parameter::sampling(28, 6.0, "dpmpp_2m", "karras", 1.0),
        vec![
            parameter::model(
                "sd_xl_base_1.0.safetensors",
                &[Family::Sdxl, Family::Illustrious, Family::Pony],
            ),
            parameter::file(
                "ipadapter_model",
                "ipadapter",
                "ip-adapter-plus_sdxl_vit-h.safetensors",
                Hint::Words((&["sdxl"], &["faceid"], "")),
                "IP-Adapter file for the family of the checkpoint",
            ),
            Parameter::new(
                "ipadapter_weight",
                Kind::Number { min: -1.0, max: 5.0 },
                0.75,
                "how strongly the picture counts",
            ),
            parameter::file(
                "clip_vision_model",
                "clip_vision",
                "CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors",
                Hint::Words((&["vith"], &[], "")),
                "CLIP vision file that the adapter was made for",
            ),
        ],
    ]
    .concat()
}

fn ip_adapter(values: &Values, graph: &mut Graph) {
    let prefix = "comfyui-mcp-ipadapter";
    let settings = settings(values, values.model(), prefix);
    let mut prepared = settings.prepare(graph);
    let image = load(values, graph);
    let adapter = json!({ "ipadapter_file": values.text("ipadapter_model") });
    let adapter = graph.add("IPAdapterModelLoader", adapter).out(0);
    let vision =
        graph.add("CLIPVisionLoader", json!({ "clip_name": values.text("clip_vision_model") })).out(0);
    let applied = graph.add(
        "IPAdapterAdvanced",
        json!({
            "model": prepared.loaded.model, "ipadapter": adapter, "image": image, "clip_vision": vision,
            "weight": values.number("ipadapter_weight"), "weight_type": "linear", "combine_embeds": "concat",
            "start_at": 0.0, "end_at": 1.0, "embeds_scaling": "V only",
        }),
    );
    prepared.loaded.model = applied.out(0);
    let latent = settings.empty_latent(graph);
    let sampled = settings.sample(graph, &prepared, latent, settings.denoise);
    let image = decode(graph, sampled, prepared.loaded.vae);
    save(graph, image, prefix);
}

fn face_restore(values: &Values, graph: &mut Graph) {
    let image = load(values, graph);
    let image = enlarge(values, graph, image);
    let model = json!({ "model_name": values.text("face_restore_model") });
    let model = graph.add("FaceRestoreModelLoader", model).out(0);
    let restored = graph.add(
        "FaceRestoreCFWithModel",
        json!({
            "facerestore_model": model, "image": image, "facedetection": "retinaface_resnet50",
            "codeformer_fidelity": values.number("face_restore_fidelity"),
        }),
    );
    save(graph, restored.out(0), "comfyui-mcp-face-restore");
}
