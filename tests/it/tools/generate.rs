//! `comfyui_generate_image`: what is chosen, what is returned, what is refused.

use comfywarden_error::Kind;
use comfywarden_sim::Sim;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn two_equal_calls_give_two_seeds_and_a_given_one_is_exact() {
    let app = TestApp::start().await;
    let first = app.call("comfyui_generate_image", json!({"prompt": "a pear", "wait": true})).await;
    let second =
        app.call("comfyui_generate_image", json!({"prompt": "a pear", "seed": -1, "wait": true})).await;
    assert_ne!(first["seed"], second["seed"]);
    let exact =
        app.call("comfyui_generate_image", json!({"prompt": "x", "seed": u64::MAX, "wait": true})).await;
    assert_eq!(exact["seed"], u64::MAX);
    let sent = app.sim.requests("POST", "/prompt").pop().unwrap().json.unwrap();
    let sampler = sent["prompt"].as_object().unwrap().values().find(|node| node["class_type"] == "KSampler");
    assert_eq!(sampler.unwrap()["inputs"]["seed"], u64::MAX);
}

#[tokio::test]
async fn the_family_decides_what_is_not_given() {
    for (checkpoint, family, width) in [
        ("sd_xl_base_1.0.safetensors", "sdxl", 1024),
        ("v1-5-pruned-emaonly.safetensors", "sd15", 512),
        ("SDXL/sd_xl_base_1.0.safetensors", "sdxl", 1024),
    ] {
        let sim = Sim::instant().no_models().seed_models("checkpoints", [checkpoint]).start().await.unwrap();
        let app = TestApp::on(sim, |_| {});
        let drawn = app.call("comfyui_generate_image", json!({"prompt": "a pear", "wait": true})).await;
        assert_eq!(drawn["model"], checkpoint);
        assert_eq!(
            (&drawn["settings"]["family"], &drawn["settings"]["width"]),
            (&json!(family), &json!(width))
        );
        let asked =
            json!({"prompt": "a pear", "width": 320, "steps": 3, "sampler_name": "dpmpp_2m", "wait": true});
        let drawn = app.call("comfyui_generate_image", asked).await;
        let settings = &drawn["settings"];
        assert_eq!((&settings["width"], &settings["steps"]), (&json!(320), &json!(3)));
        assert_eq!(settings["sampler_name"], "dpmpp_2m");
    }
}

#[tokio::test]
async fn without_a_checkpoint_the_diffusion_model_is_used() {
    let sim = Sim::instant()
        .no_models()
        .seed_models("diffusion_models", ["flux1-dev.safetensors"])
        .seed_models("text_encoders", ["clip_l.safetensors", "t5xxl_fp8_e4m3fn.safetensors"])
        .seed_models("vae", ["ae.safetensors"])
        .start()
        .await
        .unwrap();
    let app = TestApp::on(sim, |_| {});
    let drawn = app.call("comfyui_generate_image", json!({"prompt": "a pear", "wait": true})).await;
    assert_eq!(drawn["status"], "completed", "{drawn}");
    assert_eq!(
        (&drawn["model"], &drawn["settings"]["family"]),
        (&json!("flux1-dev.safetensors"), &json!("flux"))
    );
}

#[tokio::test]
async fn without_any_model_both_folders_are_named() {
    let sim = Sim::instant().no_models().start().await.unwrap();
    let app = TestApp::on(sim, |_| {});
    let error = app.refused("comfyui_generate_image", json!({"prompt": "a pear"})).await;
    let text = error.to_string();
    assert!(text.contains("checkpoints") && text.contains("diffusion_models"), "{text}");
    assert!(app.posts().is_empty());
}

#[tokio::test]
async fn wrong_names_are_refused_with_the_nearest_and_nothing_is_sent() {
    let app = TestApp::start().await;
    for (argument, value, near) in [
        ("model", json!("sd_xl_bas_1.0"), "sd_xl_base_1.0.safetensors"),
        ("sampler_name", json!("eulr"), "euler"),
        ("scheduler", json!("karas"), "karras"),
        ("loras", json!([{"name": "no-such-lora"}]), "loras"),
        ("vae", json!("no-such-vae"), "vae"),
    ] {
        let error = app.refused("comfyui_generate_image", json!({"prompt": "x", argument: value})).await;
        assert!(matches!(error.kind(), Kind::InvalidInput | Kind::NotFound), "{argument}: {error}");
        assert!(error.to_string().contains(near), "{argument}: {error}");
    }
    assert!(app.posts().is_empty());
}

#[tokio::test]
async fn without_wait_the_answer_is_a_handle_that_progress_understands() {
    let app = TestApp::start().await;
    let submitted = app.call("comfyui_generate_image", json!({"prompt": "a pear"})).await;
    assert_eq!(submitted["status"], "submitted");
    let done = app
        .call("comfyui_get_progress", json!({"prompt_id": submitted["prompt_id"], "wait_seconds": 10}))
        .await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["outputs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wait_that_ends_first_answers_running_with_the_id() {
    let app = TestApp::start().await;
    let held = app.sim.hold("KSampler");
    let args = json!({"prompt": "a pear", "wait": true, "wait_seconds": 0});
    let running = app.call("comfyui_generate_image", args).await;
    assert_eq!(running["status"], "running", "{running}");
    assert!(running["prompt_id"].is_string() && running["seed"].is_u64());
    held.release();
}
