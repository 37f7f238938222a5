//! Redrawing, repainting and enlarging: what is sent, what is returned, what is refused before anything is sent.

use comfywarden_error::Kind;
use comfywarden_sim::Sim;
use image::{ImageFormat, Rgba, RgbaImage};
use serde_json::{Value, json};

use crate::support::TestApp;

/// A picture whose left half is white (or see-through) and whose right half is black (or opaque).
fn half(see_through: bool) -> Vec<u8> {
    let picture = RgbaImage::from_fn(64, 64, |x, _| match (x < 32, see_through) {
        (true, true) => Rgba([0, 0, 0, 0]),
        (true, false) => Rgba([255, 255, 255, 255]),
        (false, _) => Rgba([0, 0, 0, 255]),
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The inputs of the node of this class in the last workflow that was sent.
fn sent(app: &TestApp, class: &str) -> Value {
    let body = app.sim.requests("POST", "/prompt").pop().unwrap().json.unwrap();
    let nodes = body["prompt"].as_object().unwrap();
    nodes.values().find(|node| node["class_type"] == class).unwrap()["inputs"].clone()
}

#[tokio::test]
async fn a_picture_is_redrawn_with_what_the_model_wants() {
    let sim = Sim::instant().no_models().seed_models("checkpoints", ["sd_xl_base_1.0.safetensors"]);
    let app = TestApp::on(sim.start().await.unwrap(), |_| {});
    let args = json!({"image": "example.png", "prompt": "a pear", "wait": true});
    let drawn = app.call("comfyui_transform_image", args.clone()).await;
    assert_eq!(drawn["status"], "completed", "{drawn}");
    assert_eq!(drawn["model"], "sd_xl_base_1.0.safetensors");
    let settings = &drawn["settings"];
    assert_eq!(
        (&settings["family"], &settings["strength"], &settings["steps"]),
        (&json!("sdxl"), &json!(0.75), &json!(30))
    );
    let sampler = sent(&app, "KSampler");
    assert_eq!((&sampler["denoise"], &sampler["seed"]), (&json!(0.75), &drawn["seed"]));
    assert_eq!((&sampler["steps"], &sampler["sampler_name"]), (&json!(30), &json!("dpmpp_2m")));
    assert_eq!(sent(&app, "LoadImage")["image"], "example.png");
    let again = app.call("comfyui_transform_image", args).await;
    assert_ne!(drawn["seed"], again["seed"]);
    let exact = json!({
        "image": "example.png", "prompt": "x", "seed": 7, "steps": 3, "cfg": 2.5, "strength": 0.4,
        "sampler_name": "euler", "scheduler": "simple", "wait": true,
    });
    assert_eq!(app.call("comfyui_transform_image", exact).await["seed"], 7);
    let sampler = sent(&app, "KSampler");
    let told = ["seed", "steps", "cfg", "denoise", "scheduler"].map(|input| sampler[input].clone());
    assert_eq!(json!(told), json!([7, 3, 2.5, 0.4, "simple"]));
}

#[tokio::test]
async fn a_mask_is_read_from_brightness_or_from_transparency() {
    let app = TestApp::start().await;
    app.sim.put_file("input", "", "plain.png", half(false));
    app.sim.put_file("input", "masks", "glass.png", half(true));
    for (mask, channel) in [("plain.png", "red"), ("masks/glass.png", "alpha")] {
        let args = json!({"image": "example.png", "mask": mask, "prompt": "a pear", "wait": true});
        let drawn = app.call("comfyui_inpaint_image", args).await;
        assert_eq!(
            (&drawn["status"], &drawn["settings"]["mask_channel"]),
            (&json!("completed"), &json!(channel))
        );
        let loader = sent(&app, "LoadImageMask");
        assert_eq!((&loader["image"], &loader["channel"]), (&json!(mask), &json!(channel)));
        assert_eq!(sent(&app, "KSampler")["denoise"], 0.8);
    }
}

#[tokio::test]
async fn a_result_of_an_earlier_job_can_be_redrawn() {
    let app = TestApp::start().await;
    let first = app.call("comfyui_generate_image", json!({"prompt": "a pear", "wait": true})).await;
    let file = first["outputs"][0]["filename"].as_str().unwrap();
    let args = json!({"image": format!("{file} [output]"), "prompt": "an apple", "wait": true});
    let second = app.call("comfyui_transform_image", args).await;
    assert_eq!(second["status"], "completed", "{second}");
}

#[tokio::test]
async fn the_upscale_model_is_the_named_the_usual_or_the_only_one() {
    for (installed, asked, used) in [
        (vec!["4x-Ultra.pth", "RealESRGAN_x4plus.pth"], None, Some("RealESRGAN_x4plus.pth")),
        (vec!["4x-Ultra.pth", "RealESRGAN_x4plus.pth"], Some("4x-ultra"), Some("4x-Ultra.pth")),
        (vec!["4x-Ultra.pth"], None, Some("4x-Ultra.pth")),
        (vec!["4x-Ultra.pth"], Some("RealESRGAN_x4plus.pth"), Some("4x-Ultra.pth")),
        (vec!["4x-Ultra.pth"], Some("other.pth"), None),
        (vec!["4x-Ultra.pth", "2x-Fast.pth"], None, None),
        (vec![], None, None),
    ] {
        let sim = Sim::instant().seed_models("upscale_models", installed.clone()).start().await.unwrap();
        let app = TestApp::on(sim, |_| {});
        let mut args = json!({"image": "example.png", "wait": true});
        if let Some(asked) = asked {
            args["upscale_model"] = json!(asked);
        }
        let Some(used) = used else {
            let error = app.refused("comfyui_upscale_image", args).await;
            assert_eq!(error.kind(), Kind::NotFound);
            let text = error.to_string();
            let named = if installed.is_empty() { vec!["comfyui_download_model"] } else { installed };
            assert!(named.iter().all(|name| text.contains(name)), "{text}");
            assert!(app.posts().is_empty());
            continue;
        };
        let large = app.call("comfyui_upscale_image", args).await;
        assert_eq!((&large["status"], &large["model"]), (&json!("completed"), &json!(used)), "{large}");
        assert_eq!(sent(&app, "UpscaleModelLoader")["model_name"], used);
        let stands_in = asked.is_none_or(|asked| asked.starts_with("Real")) && !used.starts_with("Real");
        assert_eq!(large["warnings"].to_string().contains("was used"), stands_in, "{large}");
    }
}

#[tokio::test]
async fn a_missing_picture_or_model_is_named_before_anything_is_sent() {
    let app = TestApp::start().await;
    app.sim.put_file("input", "", "mask.png", half(false));
    for (tool, args, named) in [
        (
            "comfyui_transform_image",
            json!({"image": "exampel.png", "prompt": "x"}),
            "did you mean `example.png`",
        ),
        ("comfyui_transform_image", json!({"image": "sub/a.png", "prompt": "x"}), "subfolder `sub`"),
        ("comfyui_transform_image", json!({"image": "a.png [output]", "prompt": "x"}), "output folder"),
        (
            "comfyui_inpaint_image",
            json!({"image": "example.png", "mask": "mesk.png", "prompt": "x"}),
            "`mask`: ",
        ),
        (
            "comfyui_inpaint_image",
            json!({"image": "none.png", "mask": "mask.png", "prompt": "x"}),
            "`image`: ",
        ),
        ("comfyui_upscale_image", json!({"image": "none.png"}), "comfyui_upload_image"),
        (
            "comfyui_transform_image",
            json!({"image": "example.png", "prompt": "x", "model": "nothing"}),
            "nothing",
        ),
        ("comfyui_transform_image", json!({"image": "example.png", "prompt": "x", "vae": "nothing"}), "VAE"),
    ] {
        let error = app.refused(tool, args.clone()).await;
        assert!(matches!(error.kind(), Kind::NotFound | Kind::InvalidInput), "{tool} {args}: {error}");
        assert!(error.to_string().contains(named), "{tool} {args}: {error}");
    }
    for hostile in ["../x.png", "/etc/x.png", "%2e%2e/x.png"] {
        let error = app.refused("comfyui_upscale_image", json!({"image": hostile})).await;
        assert_eq!(error.kind(), Kind::InvalidInput, "{hostile}");
    }
    assert!(app.posts().is_empty());
}

#[tokio::test]
async fn a_model_that_came_since_the_catalogue_was_fetched_is_used() {
    let app = TestApp::start().await;
    let args = |model: &str| json!({"image": "example.png", "prompt": "x", "model": model, "wait": true});
    app.call("comfyui_transform_image", args("")).await;
    app.sim.set_models("checkpoints", ["brand_new_sdxl.safetensors"]);
    let drawn = app.call("comfyui_transform_image", args("brand_new_sdxl")).await;
    assert_eq!(
        (&drawn["status"], &drawn["model"]),
        (&json!("completed"), &json!("brand_new_sdxl.safetensors"))
    );
}
