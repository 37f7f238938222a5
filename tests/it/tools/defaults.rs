//! Defaults of tool arguments: kept, checked, applied before the gate.

use std::{fs, path::PathBuf};

use comfywarden::{
    app::CallContext,
    config::Config,
    gate::{Caller, Class},
    tools::Reply,
};
use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object};

fn file(app: &TestApp) -> PathBuf {
    app.app.config().tools.defaults_file.clone()
}

async fn set(app: &TestApp, defaults: Value) -> Value {
    app.call("comfyui_set_defaults", json!({"tool": "comfyui_generate_image", "defaults": defaults})).await
}

async fn value_of(app: &TestApp, argument: &str) -> Value {
    let shown = app.call("comfyui_get_defaults", json!({"tool": "comfyui_generate_image"})).await;
    let arguments = shown["tools"][0]["arguments"].as_array().unwrap().clone();
    arguments.into_iter().find(|entry| entry["argument"] == argument).unwrap_or_default()
}

#[tokio::test]
async fn what_is_set_is_used_by_later_calls_and_shown_in_the_log() {
    let app = TestApp::start().await;

    let kept = set(&app, json!({"width": 64, "height": 64, "steps": 2})).await;
    assert_eq!(kept["defaults"], json!({"width": 64, "height": 64, "steps": 2}));
    let made =
        app.call("comfyui_generate_image", json!({"prompt": "a boat", "steps": 3, "height": null})).await;

    assert_eq!(made["settings"]["width"], 64);
    assert_eq!(made["settings"]["height"], 64, "null means: not given");
    assert_eq!(made["settings"]["steps"], 3, "the call wins");
    let records = app.audit.records();
    let called =
        records.iter().find(|r| r["tool"] == "comfyui_generate_image" && r["action"] == "called").unwrap();
    assert_eq!(called["extra"]["arguments"]["width"], 64, "{called}");

    let kept = set(&app, json!({"width": null, "steps": null})).await;
    assert_eq!(kept["defaults"], json!({"height": 64}));
}

#[tokio::test]
async fn every_layer_is_told_with_its_source() {
    let app = TestApp::with(|config| {
        let values = object(json!({"steps": 9, "cfg": 3.0, "model": "sd_xl_base_1.0.safetensors"}));
        config.tools.defaults.insert("comfyui_generate_image".into(), values);
    })
    .await;
    set(&app, json!({"steps": 4})).await;

    assert_eq!(value_of(&app, "steps").await, json!({"argument": "steps", "value": 4, "source": "user"}));
    assert_eq!(value_of(&app, "cfg").await["source"], "configuration");
    assert_eq!(
        value_of(&app, "width").await,
        json!({"argument": "width", "value": 1024, "source": "family"})
    );
    assert_eq!(
        value_of(&app, "batch_size").await,
        json!({"argument": "batch_size", "value": 1, "source": "built-in"})
    );
    let all = app.call("comfyui_get_defaults", json!({})).await;
    assert_eq!(all["tools"].as_array().unwrap().len(), 1);
    assert_eq!(all["tools"][0]["arguments"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_does_not_fit_the_tool_is_refused() {
    let app = TestApp::start().await;
    let refused = |tool: &str, defaults: Value| {
        let args = json!({"tool": tool, "defaults": defaults});
        app.refused("comfyui_set_defaults", args)
    };

    let unknown = refused("comfyui_generate_imgae", json!({"steps": 1})).await;
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert!(unknown.hint_text().unwrap().contains("comfyui_generate_image"), "{unknown}");
    let argument = refused("comfyui_generate_image", json!({"stpes": 1})).await;
    assert!(argument.message().contains("unknown argument `stpes`"), "{argument}");
    let range = refused("comfyui_generate_image", json!({"steps": 500})).await;
    assert_eq!(range.message(), "`steps` is 500; the most is 100");
    let destructive = refused("comfyui_clear_queue", json!({"clear_running": true})).await;
    assert_eq!(
        (destructive.kind(), destructive.message()),
        (Kind::Denied, "`comfyui_clear_queue` takes no user defaults: it can take something away")
    );
    assert_eq!(refused("comfyui_update_settings", json!({"settings": {}})).await.kind(), Kind::Denied);
    assert!(!file(&app).exists(), "nothing was written");
}

#[tokio::test]
async fn defaults_of_one_caller_are_nobody_elses() {
    let app = TestApp::start().await;
    set(&app, json!({"width": 64})).await;
    let other = Caller::with_classes("other", Class::ALL);
    let args = object(json!({"tool": "comfyui_generate_image"}));

    let reply = bounded(app.app.call(CallContext::plain(other), "comfyui_get_defaults", args)).await.unwrap();

    let Reply::Done { structured, .. } = reply else { panic!("a question") };
    assert!(!structured.to_string().contains("\"user\""), "{structured}");
}

#[tokio::test]
async fn damaged_file_stops_no_call_and_is_not_overwritten() {
    let app = TestApp::start().await;
    for damage in ["{\"version\": 1, \"callers\"", "[]", "{\"version\": 99, \"callers\": {}}"] {
        fs::write(file(&app), damage).unwrap();

        let made = app.call("comfyui_generate_image", json!({"prompt": "a boat"})).await;
        assert_eq!(made["status"], "submitted");
        let shown = app.call("comfyui_get_defaults", json!({})).await;
        assert!(shown["problem"].as_str().unwrap().starts_with("the file of defaults "), "{shown}");
        let args = json!({"tool": "comfyui_generate_image", "defaults": {"steps": 3}});
        let error = app.refused("comfyui_set_defaults", args).await;
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(error.hint_text().unwrap().contains("tools.defaults_file"), "{error}");
        assert_eq!(fs::read_to_string(file(&app)).unwrap(), damage);
    }
}

#[tokio::test]
async fn folder_that_cannot_be_written_is_told_and_nothing_is_lost() {
    let app = TestApp::with(|config| {
        let home = config.tools.defaults_file.parent().unwrap().to_owned();
        fs::write(home.join("a file"), "x").unwrap();
        config.tools.defaults_file = home.join("a file").join("defaults.json");
    })
    .await;

    let args = json!({"tool": "comfyui_generate_image", "defaults": {"steps": 3}});
    let error = app.refused("comfyui_set_defaults", args).await;

    assert!(
        error.message().contains("cannot be written") && error.message().ends_with("nothing was changed"),
        "{error}"
    );
    let path = file(&app).display().to_string();
    assert!(!error.to_string().contains(&path), "the path is the operator's business");
}

#[tokio::test]
async fn two_processes_keep_each_others_defaults() {
    let first = TestApp::start().await;
    let path = file(&first);
    let second = TestApp::with(|config| config.tools.defaults_file = path).await;

    set(&first, json!({"width": 64})).await;
    set(&second, json!({"height": 128})).await;
    set(&first, json!({"steps": 2})).await;

    for app in [&first, &second] {
        assert_eq!(value_of(app, "width").await["value"], 64);
        assert_eq!(value_of(app, "height").await["value"], 128);
        assert_eq!(value_of(app, "steps").await["value"], 2);
    }
}

#[tokio::test]
async fn default_that_no_longer_fits_is_left_out_and_told() {
    let app = TestApp::start().await;
    let saved = json!({"version": 1, "callers": {"local": {"comfyui_generate_image": {"steps": 5000, "gone": 1, "width": 64}}}});
    fs::write(file(&app), saved.to_string()).unwrap();

    let made = app.call("comfyui_generate_image", json!({"prompt": "a boat"})).await;

    assert_eq!(made["settings"]["width"], 64);
    assert_ne!(made["settings"]["steps"], 5000);
    assert_eq!(value_of(&app, "width").await["source"], "user");
    let shown = app.call("comfyui_get_defaults", json!({"tool": "comfyui_generate_image"})).await;
    assert!(shown.to_string().contains("`steps` is 5000; the most is 100"), "{shown}");
}

#[tokio::test]
async fn wrong_configuration_of_defaults_does_not_start() {
    let mut config = Config::default();
    config.tools.defaults.insert("comfyui_generate_image".into(), object(json!({"stpes": 3})));
    let audit = comfywarden::gate::AuditLog::memory();
    let error = comfywarden::app::App::with_audit(config.clone(), audit.clone()).unwrap_err();
    assert!(error.message().starts_with("`tools.defaults.comfyui_generate_image`: "), "{error}");

    config.tools.defaults.clear();
    config.tools.defaults.insert("comfyui_generate_imgae".into(), object(json!({})));
    let error = comfywarden::app::App::with_audit(config, audit).unwrap_err();
    assert_eq!(error.message(), "`tools.defaults` names `comfyui_generate_imgae`, which is no tool");
}

#[tokio::test]
async fn every_mistake_in_the_configured_defaults_is_told_at_once() {
    let mut config = Config::default();
    config
        .tools
        .defaults
        .insert("comfyui_generate_image".into(), object(json!({"stepz": 4, "steps": 100_000, "width": 64})));
    config.tools.defaults.insert("comfyui_nope".into(), object(json!({"a": 1})));

    let audit = comfywarden::gate::AuditLog::memory();
    let error = comfywarden::app::App::with_audit(config, audit).unwrap_err();

    let told = error.message();
    for part in ["`stepz`", "`steps` is 100000", "`comfyui_nope`, which is no tool"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("width"), "{told}");
}
