//! Messages that name what is accepted and what to do next.

use comfywarden::{gate::Caller, tools::ToolFilter};
use comfywarden_error::{Error, Kind};
use serde_json::{Value, json};

use crate::support::{
    TestApp, bounded,
    callers::{call, two_tokens},
    object, tiny_workflow,
};

async fn refused(app: &TestApp, tool: &str, args: Value) -> Error {
    let error = app.refused(tool, args).await;
    assert_eq!(error.kind(), Kind::InvalidInput, "{tool}: {error}");
    error
}

#[tokio::test]
async fn a_limit_names_the_setting_that_raises_it_or_that_none_does() {
    let app = TestApp::start().await;
    let huge = json!({"workflow": {"1": {"class_type": "X", "inputs": {"text": "x".repeat(11 << 20)}}}});
    let error = refused(&app, "comfyui_validate_workflow", huge).await;
    assert!(error.hint_text().unwrap().contains("no setting raises this"), "{error}");
    let small = TestApp::with(|config| config.limits.max_message_mb = 1).await;
    let large = json!({"workflow": {"1": {"class_type": "X", "inputs": {"text": "x".repeat(2 << 20)}}}});
    let error = refused(&small, "comfyui_validate_workflow", large).await;
    assert!(error.hint_text().unwrap().contains("`limits.max_message_mb`"), "{error}");
    let app = TestApp::with(|config| config.security.max_upload_size_mb = 1).await;
    let upload = json!({"filename": "a.png", "image_data": "A".repeat(3 << 20)});
    let error = refused(&app, "comfyui_upload_image", upload).await;
    assert!(error.hint_text().unwrap().contains("`security.max_upload_size_mb`"), "{error}");
}

#[tokio::test]
async fn what_has_no_accepted_form_is_told_the_forms() {
    let app = TestApp::start().await;
    let error = refused(&app, "comfyui_convert_workflow", json!({"workflow": "x", "to": "ui"})).await;
    assert_eq!(
        error.message(),
        "`workflow` is \"x\"; it must be an object, or a text of 2 to 10485760 characters"
    );
}

#[tokio::test]
async fn a_caller_without_jobs_is_told_that_others_have_some() {
    let app = TestApp::with(two_tokens).await;
    for tool in ["comfyui_list_assets", "comfyui_list_outputs"] {
        let note = call(&app, "ben", tool, json!({})).await["note"].clone();
        assert!(note.as_str().unwrap().starts_with("ComfyUI's history is empty"), "{tool}: {note}");
    }
    call(&app, "anna", "comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    for tool in ["comfyui_list_assets", "comfyui_list_outputs"] {
        let note = call(&app, "ben", tool, json!({})).await["note"].clone();
        assert!(note.as_str().unwrap().starts_with("You have no finished jobs"), "{tool}: {note}");
        assert_eq!(call(&app, "anna", tool, json!({})).await["note"], Value::Null);
    }
}

#[tokio::test]
async fn names_say_what_is_wrong_with_them() {
    let app = TestApp::start().await;
    let page = "PGh0bWw+";
    for (tool, args, said) in [
        ("comfyui_upload_image", json!({"filename": "a.html", "image_data": page}), "none of png, jpg, jpeg"),
        ("comfyui_get_image", json!({"filename": "x.png [output]"}), "the folder as `type`"),
        ("comfyui_get_image", json!({"filename": "b.png", "subfolder": "a//b"}), "two slashes in a row"),
        ("comfyui_transform_image", json!({"image": "../../etc/passwd", "prompt": "x"}), "`../../etc`"),
        ("comfyui_transform_image", json!({"image": "/etc/a.png", "prompt": "x"}), "an absolute path"),
        ("comfyui_get_asset_metadata", json!({"asset_id": "asset-1"}), "those begin with `asset_`"),
    ] {
        let error = refused(&app, tool, args).await;
        assert!(error.message().contains(said), "{tool}: {error}");
    }
    let url = "https://huggingface.co:8443/a/b/resolve/main/x.safetensors";
    let args = json!({"url": url, "folder": "loras", "filename": "x.safetensors"});
    let error = app.refused("comfyui_download_model", args).await;
    assert!(error.message().contains("its port is 8443, not 443"), "{error}");
    assert!(error.hint_text().unwrap().contains("leave the port out"), "{error}");
}

#[tokio::test]
async fn a_time_to_wait_without_a_wish_to_wait_is_told() {
    let app = TestApp::start().await;
    let told = |answer: &Value| answer["warnings"].to_string().contains("`wait_seconds` has no effect");
    let workflow = tiny_workflow();
    for args in
        [json!({"workflow": workflow, "wait_seconds": 3}), json!({"workflow": workflow, "wait_seconds": 3.0})]
    {
        assert!(told(&app.call("comfyui_run_workflow", args.clone()).await), "{args}");
    }
    assert!(told(&app.call("comfyui_generate_image", json!({"prompt": "x", "wait_seconds": 3})).await));
    for args in [
        json!({"workflow": workflow}),
        json!({"workflow": workflow, "wait": true}),
        json!({"workflow": workflow, "wait": true, "wait_seconds": 9}),
    ] {
        assert!(!told(&app.call("comfyui_run_workflow", args.clone()).await), "{args}");
    }
    let default = json!({"tool": "comfyui_run_workflow", "defaults": {"wait_seconds": 9}});
    app.call("comfyui_set_defaults", default).await;
    let by_default = app.call("comfyui_run_workflow", json!({"workflow": workflow})).await;
    assert!(!told(&by_default), "a default is no slip of this call: {by_default}");
}

#[tokio::test]
async fn whole_numbers_with_a_point_are_whole_numbers_in_overrides() {
    let app = TestApp::start().await;
    app.call("comfyui_generate_image", json!({"prompt": "a kite", "wait": true})).await;
    let asset = app.call("comfyui_list_assets", json!({})).await["items"][0]["asset_id"].clone();
    let overrides = json!({"seed": 7.0, "steps": 3.0, "cfg": 2.5});
    let done = app
        .call("comfyui_regenerate", json!({"asset_id": asset, "overrides": overrides, "wait": true}))
        .await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["seed"].to_string(), "7");
    let applied = done["overrides_applied"].as_array().unwrap();
    let after = |name: &str| applied.iter().find(|one| one["name"] == name).unwrap()["after"].to_string();
    assert_eq!([after("seed"), after("steps"), after("cfg")], ["7", "3", "2.5"]);
    let random = json!({"asset_id": asset, "overrides": {"seed": -1.0}, "wait": true});
    let drawn = app.call("comfyui_regenerate", random).await;
    assert!(drawn["seed"].is_u64() && drawn["seed"] != 7, "{drawn}");
    let half = json!({"asset_id": asset, "overrides": {"seed": 1.5}});
    refused(&app, "comfyui_regenerate", half).await;
}

#[tokio::test]
async fn an_unknown_argument_of_a_prompt_is_told_the_accepted_ones() {
    let app = TestApp::start().await;
    let args = object(json!({"prompt": "x", "bogus": "y"}));
    let caller = Caller::local();
    let answer = app.app.prompt(&caller, ToolFilter::default(), "txt2img_prompt", args);
    let error = bounded(answer).await.unwrap_err();
    assert!(error.message().contains("unknown argument `bogus`"), "{error}");
    assert_eq!(error.hint_text(), Some("accepted: prompt, style, model, sampler, scheduler"));
}
