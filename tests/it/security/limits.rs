//! Work, waiting and the queue have limits; a refusal says which, and nothing is submitted.

use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object, sleeping_workflow, tiny_workflow};
use comfywarden::{app::CallContext, gate::Caller};
use comfywarden_error::{Error, Kind};

fn submitted(app: &TestApp) -> usize {
    app.posts().iter().filter(|path| path.ends_with("/prompt")).count()
}

fn heavy_workflow(batch: u32) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 1000, "height": 1000, "batch_size": batch, "color": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "heavy"}}
    })
}

#[tokio::test]
async fn heavy_work_uses_up_the_allowance_of_many_calls() {
    let app = TestApp::with(|config| {
        config.rate_limits.generation = 10;
        config.rate_limits.work_per_call = 1;
    })
    .await;
    app.call("comfyui_run_workflow", json!({"workflow": heavy_workflow(6)})).await;
    let error = app.refused("comfyui_run_workflow", json!({"workflow": heavy_workflow(6)})).await;
    assert_eq!(error.kind(), Kind::RateLimited, "{error}");
    assert!(error.message().contains("counts as 6 of the 10 generation calls"), "{error}");
    assert!(error.details().contains_key("retry_after_ms"));
    assert_eq!(submitted(&app), 1);
    app.call("comfyui_run_workflow", json!({"workflow": heavy_workflow(1)})).await;
}

#[tokio::test]
async fn pictures_that_are_made_larger_count_as_large_as_they_get() {
    let model = json!({"class_type": "UpscaleModelLoader", "inputs": {"model_name": "4x-none.safetensors"}});
    for (class, inputs, calls) in [
        (
            "ImageScale",
            json!({"upscale_method": "area", "width": 3000, "height": 3000, "crop": "disabled"}),
            9,
        ),
        ("ImageScaleBy", json!({"upscale_method": "area", "scale_by": 2.0}), 4),
        ("ImageUpscaleWithModel", json!({"upscale_model": ["8", 0]}), 16),
    ] {
        let app = TestApp::with(|config| {
            config.rate_limits.generation = 18;
            config.rate_limits.work_per_call = 1;
        })
        .await;
        let mut workflow = heavy_workflow(1);
        let mut scaled = json!({"class_type": class, "inputs": inputs});
        scaled["inputs"]["image"] = json!(["1", 0]);
        workflow["2"]["inputs"]["images"] = json!(["7", 0]);
        workflow["7"] = scaled;
        workflow["8"] = model.clone();
        // Each try takes its share of the eighteen tokens, until one is told what it counts as.
        let mut refusal = None;
        for _ in 0..18 {
            let reply = app.reply("comfyui_run_workflow", json!({"workflow": workflow})).await;
            if let Err(error) = reply
                && error.kind() == Kind::RateLimited
            {
                refusal = Some(error);
                break;
            }
        }
        let counts = refusal.unwrap().details()["counts_as_calls"].clone();
        assert_eq!(counts, json!(calls + 1), "{class}");
    }
}

#[tokio::test]
async fn a_full_queue_takes_no_more_jobs() {
    let app = TestApp::with(|config| config.limits.queue_depth = 2).await;
    let held = app.sim.hold("RigSleep");
    for _ in 0..2 {
        app.call("comfyui_run_workflow", json!({"workflow": sleeping_workflow(2)})).await;
    }
    let error = app.refused("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
    assert_eq!(error.kind(), Kind::RateLimited, "{error}");
    assert!(error.message().contains("holds 2 jobs; `limits.queue_depth` is 2"), "{error}");
    assert!(error.details().contains_key("retry_after_ms"));
    assert_eq!(submitted(&app), 2);
    held.release();
}

#[tokio::test]
async fn so_many_calls_wait_and_the_next_is_refused_before_it_submits() {
    let app = TestApp::with(|config| config.limits.waits_per_caller = 1).await;
    let held = app.sim.hold("RigSleep");
    let waiting = {
        let app = std::sync::Arc::clone(&app.app);
        let args = object(json!({"workflow": sleeping_workflow(2), "wait": true}));
        tokio::spawn(async move {
            app.call(CallContext::plain(Caller::local()), "comfyui_run_workflow", args).await
        })
    };
    bounded(held.reached()).await;

    let error: Error =
        app.refused("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    assert_eq!(error.kind(), Kind::RateLimited, "{error}");
    assert!(error.message().contains("`limits.waits_per_caller` is 1"), "{error}");
    assert_eq!(submitted(&app), 1);
    app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;

    held.release();
    bounded(waiting).await.unwrap().unwrap();
    app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
}
