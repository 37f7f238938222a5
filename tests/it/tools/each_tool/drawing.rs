//! Pictures from text and from pictures.

use comfywarden_error::Kind;
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::TestApp;

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_generate_image", generate_image),
        Scene::new("comfyui_transform_image", transform_image),
        Scene::new("comfyui_inpaint_image", inpaint_image),
        Scene::new("comfyui_upscale_image", upscale_image),
    ]
}

/// The inputs of the node of this class in the last workflow that was sent.
fn sent(app: &TestApp, class: &str) -> Value {
    let body = app.sim.requests("POST", "/prompt").pop().unwrap().json.unwrap();
    let nodes = body["prompt"].as_object().unwrap();
    nodes.values().find(|node| node["class_type"] == class).unwrap()["inputs"].clone()
}

async fn generate_image(show: Show) {
    let app = TestApp::start().await;
    let args = json!({"prompt": "a pear", "width": 128, "height": 64, "steps": 3, "seed": 42, "wait": true});
    let means = [
        ("/status", json!("completed")),
        ("/seed", json!(42)),
        ("/settings/width", json!(128)),
        ("/outputs/0/kind", json!("image")),
    ];
    let drawn = show.success(&app, args, &means).await;
    assert_eq!(sent(&app, "CheckpointLoaderSimple")["ckpt_name"], drawn["model"]);
    let args = json!({"prompt": "a pear", "model": "sd_xl_bas_1.0"});
    let says = ["sd_xl_bas_1.0", "did you mean `sd_xl_base_1.0.safetensors`"];
    show.failure(&app, args, Kind::InvalidInput, &says, &["checkpoints: "]).await;
}

async fn transform_image(show: Show) {
    let app = TestApp::start().await;
    let args = json!({"image": "example.png", "prompt": "a pear", "strength": 0.4, "steps": 2, "seed": 7, "wait": true});
    let means = [
        ("/status", json!("completed")),
        ("/seed", json!(7)),
        ("/settings/strength", json!(0.4)),
        ("/outputs/0/type", json!("output")),
    ];
    show.success(&app, args, &means).await;
    assert_eq!(sent(&app, "KSampler")["denoise"], 0.4);
    assert_eq!(sent(&app, "LoadImage")["image"], "example.png");
    let args = json!({"image": "exampel.png", "prompt": "a pear"});
    let says = ["`image`", "exampel.png", "did you mean `example.png`"];
    show.failure(&app, args, Kind::NotFound, &says, &["comfyui_upload_image"]).await;
}

async fn inpaint_image(show: Show) {
    let app = TestApp::start().await;
    let args = json!({
        "image": "example.png", "mask": "example.png", "prompt": "a pear", "steps": 2, "wait": true,
    });
    let means = [("/status", json!("completed")), ("/settings/strength", json!(0.8))];
    let drawn = show.success(&app, args, &means).await;
    let loader = sent(&app, "LoadImageMask");
    assert_eq!(loader["image"], "example.png");
    assert_eq!(loader["channel"], drawn["settings"]["mask_channel"]);
    let args = json!({"image": "example.png", "mask": "none.png", "prompt": "a pear"});
    show.failure(&app, args, Kind::NotFound, &["`mask`", "none.png"], &["comfyui_upload_image"]).await;
}

async fn upscale_image(show: Show) {
    let app = TestApp::start().await;
    app.sim.set_models("upscale_models", ["4x-Ultra.pth", "2x-Fast.pth"]);
    let args = json!({"image": "example.png", "upscale_model": "4x-ultra", "wait": true});
    let means = [("/status", json!("completed")), ("/model", json!("4x-Ultra.pth"))];
    show.success(&app, args, &means).await;
    assert_eq!(sent(&app, "UpscaleModelLoader")["model_name"], "4x-Ultra.pth");
    let args = json!({"image": "example.png", "upscale_model": "8x-Huge.pth"});
    show.failure(&app, args, Kind::NotFound, &["8x-Huge.pth"], &["4x-Ultra.pth", "2x-Fast.pth"]).await;
}
