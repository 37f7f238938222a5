//! Workflow files as tools: they come and go while the server runs.

use comfywarden::{
    config::Config,
    gate::Class,
    tools::{Answer, Call, Change, Handled, Tool},
};
use comfywarden_error::{JsonObject, Kind};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::broadcast::error::TryRecvError;

use crate::support::{TestApp, bounded};

async fn nothing(_: Call, _: JsonObject) -> Handled<JsonObject> {
    Ok(Answer::from(JsonObject::new()))
}

fn tool(name: &str, description: &str) -> Tool {
    Tool::new::<JsonObject, JsonObject, _, _>(name, Class::Read, "A tool", description, nothing)
}

#[tokio::test]
async fn catalogue_changes_while_the_server_runs_and_says_so_once() {
    let app = TestApp::start().await.app;
    let built_in = app.tools().iter().len();
    let mut changes = app.changes();

    app.offer(vec![tool("workflow_a", "first words")]).unwrap();
    assert_eq!(app.tools().iter().len(), built_in + 1);
    assert_eq!(changes.try_recv(), Ok(Change::Tools));

    app.offer(vec![tool("workflow_a", "first words")]).unwrap();
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty), "nothing that a client sees has changed");

    app.offer(vec![tool("workflow_a", "other words")]).unwrap();
    assert_eq!(changes.try_recv(), Ok(Change::Tools));

    app.offer(Vec::new()).unwrap();
    assert_eq!(changes.try_recv(), Ok(Change::Tools));
    assert_eq!(app.tools().iter().len(), built_in);
}

#[tokio::test]
async fn name_of_a_built_in_tool_cannot_be_taken() {
    let app = TestApp::start().await.app;
    let before = app.tools().iter().len();

    let error = app.offer(vec![tool("comfyui_get_queue", "not the real one")]).unwrap_err();

    assert!(error.message().contains("comfyui_get_queue"), "{error}");
    assert_eq!(app.tools().iter().len(), before);
}

/// An application whose workflow folder holds these files.
async fn app_with(files: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> (TestApp, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let dir = folder.path().to_owned();
    let app = TestApp::with(|config| {
        config.workflows.dir = dir;
        change(config);
    })
    .await;
    app.app.load_workflows(true).await.unwrap();
    (app, folder)
}

/// EmptyImage into SaveImage, with the size and the name left open.
const TINY: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": "PARAM_INT_WIDTH", "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "from {{place}}"}}}"#;

#[tokio::test]
async fn file_runs_with_the_values_of_the_call() {
    let (app, _folder) = app_with(&[("tiny.json", TINY)], |_| ()).await;

    let result = app.call("workflow_tiny", json!({"width": 96, "place": "here", "wait": true})).await;

    assert_eq!(result["status"], "completed", "{result}");
    assert_eq!(result["settings"], json!({"width": 96, "place": "here"}));
    let output = &result["outputs"][0];
    assert!(output["filename"].as_str().unwrap().starts_with("from here"), "{output}");
    assert_eq!(app.actions("workflow_tiny"), ["called", "inspected", "submitted", "completed", "completed"]);
}

#[tokio::test]
async fn wrong_arguments_reach_nothing() {
    let (app, _folder) = app_with(&[("tiny.json", TINY)], |_| ()).await;
    let refused = |args: Value| app.refused("workflow_tiny", args);

    let missing = refused(json!({"width": 96})).await;
    assert_eq!((missing.kind(), missing.message()), (Kind::InvalidInput, "`place` is required"));
    let large = refused(json!({"width": 1_000_000, "place": "x"})).await;
    assert!(large.message().starts_with("`width` is 1000000; the most is"), "{large}");
    let stray = refused(json!({"widht": 96, "place": "x"})).await;
    assert!(stray.message().contains("unknown argument `widht`"), "{stray}");
    assert_eq!(app.posts(), Vec::<String>::new());
}

#[tokio::test]
async fn seed_is_drawn_and_told_unless_it_is_given() {
    let graph = r#"{"1": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 2, "cfg": 7.0, "sampler_name": "euler",
        "scheduler": "normal", "denoise": 1.0, "model": ["2", 0], "positive": ["3", 0], "negative": ["3", 0],
        "latent_image": ["4", 0]}},
        "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "{{model}}"}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["2", 1]}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "5": {"class_type": "VAEDecode", "inputs": {"samples": ["1", 0], "vae": ["2", 2]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "x"}}}"#;
    let sidecar = "parameters: {seed: {at: 1.seed}}";
    let (app, _folder) = app_with(&[("cat.json", graph), ("cat.yaml", sidecar)], |_| ()).await;
    let schema =
        Value::Object(app.app.tools().get("workflow_cat").unwrap().contract().schema().as_ref().clone());
    let model = schema["properties"]["model"]["enum"][0].clone();

    let first = app.call("workflow_cat", json!({"wait": true, "model": model})).await;
    let second = app.call("workflow_cat", json!({"wait": true, "model": model, "seed": -1})).await;
    let third = app
        .call("workflow_cat", json!({"wait": true, "model": model, "seed": 18_446_744_073_709_551_615_u64}))
        .await;

    assert_eq!(first["status"], "completed", "{first}");
    assert_eq!(first["model"], model);
    assert_ne!(first["seed"], second["seed"]);
    assert_eq!(third["seed"], 18_446_744_073_709_551_615_u64);
}

#[tokio::test]
async fn filled_workflow_is_inspected_like_any_other() {
    let hostile = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "{{name}}"}}}"#;
    let (app, _folder) = app_with(&[("a.json", hostile)], |_| ()).await;

    let result = app.reply("workflow_a", json!({"name": "../../../etc/cron.d/x"})).await;

    let records = app.audit.records();
    let inspected = records.iter().find(|record| record["action"] == "inspected").unwrap();
    let warning = inspected["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("Suspicious input in node 2 (SaveImage)"), "{warning}; {result:?}");
}

#[tokio::test]
async fn template_of_a_sidecar_runs_with_an_installed_model() {
    let sidecar = "template: txt2img\nparameters:\n  prompt: {}\n  width: {default: 64, hide: true}\n  height: {default: 64}\n  steps: {default: 1}\n";
    let (app, _folder) = app_with(&[("draw.yaml", sidecar)], |_| ()).await;

    let result = app.call("workflow_draw", json!({"prompt": "a boat", "wait": true})).await;

    assert_eq!(result["status"], "completed", "{result}");
    assert_eq!((&result["settings"]["width"], &result["settings"]["steps"]), (&json!(64), &json!(1)));
    assert!(result["seed"].is_u64() && result["model"].is_string(), "{result}");
    let hidden = app.refused("workflow_draw", json!({"prompt": "a boat", "width": 128})).await;
    assert!(hidden.message().contains("unknown argument `width`"), "{hidden}");
}

#[tokio::test]
async fn wrong_files_are_told_and_the_others_work() {
    let (app, _folder) = app_with(&[("tiny.json", TINY), ("broken.json", "{")], |_| ()).await;

    let files = app.app.workflow_files();

    let broken = files.iter().find(|file| file.file == "broken.json").unwrap();
    assert!(broken.problem.as_ref().unwrap().contains("not valid JSON"), "{broken:?}");
    assert!(app.app.tools().get("workflow_tiny").is_some());

    let page = app.call("comfyui_list_workflows", json!({})).await;
    let local: Vec<&Value> =
        page["items"].as_array().unwrap().iter().filter(|item| item["source"] == "local").collect();
    assert_eq!(local.len(), 2, "{page}");
    assert_eq!(local[0]["templates"], json!(["broken.json"]));
    assert!(
        local[0]["problem"].as_str().unwrap().contains("not valid JSON") && local[0].get("tool").is_none()
    );
    assert_eq!(local[1]["tool"], "workflow_tiny");
}

#[tokio::test]
async fn read_only_and_exclude_hold_for_files_too() {
    let (app, _folder) = app_with(&[("tiny.json", TINY)], |config| config.tools.read_only = true).await;
    assert!(app.app.tools().get("workflow_tiny").is_none());
    let (app, _folder) =
        app_with(&[("tiny.json", TINY)], |config| config.tools.exclude.push("workflow_tiny".into())).await;
    assert!(app.app.tools().get("workflow_tiny").is_none());
}

#[tokio::test]
async fn file_that_comes_and_goes_is_heard_of_without_a_restart() {
    let (app, folder) = app_with(&[], |_| ()).await;
    let mut changes = app.app.changes();
    app.app.serve_workflows().await;
    assert!(app.sim.journal().is_empty(), "without files nobody asks ComfyUI");

    std::fs::write(folder.path().join("late.json"), TINY).unwrap();
    while app.app.tools().get("workflow_late").is_none() {
        assert_eq!(bounded(changes.recv()).await, Ok(Change::Tools));
    }
    std::fs::remove_file(folder.path().join("late.json")).unwrap();
    while app.app.tools().get("workflow_late").is_some() {
        assert_eq!(bounded(changes.recv()).await, Ok(Change::Tools));
    }
}

#[tokio::test]
async fn start_without_comfyui_offers_files_and_types_come_with_it() {
    let (app, _folder) = app_with(&[], |_| ()).await;
    let folder = app.app.config().workflows.dir.clone();
    std::fs::write(folder.join("tiny.json"), TINY).unwrap();
    let mut changes = app.app.changes();

    app.app.serve_workflows().await;

    let width = |app: &TestApp| {
        let tool = app.app.tools().get("workflow_tiny").cloned()?;
        Some(tool.contract().schema()["properties"]["width"]["maximum"].clone())
    };
    assert_eq!(width(&app), Some(json!(9_007_199_254_740_991_i64)));
    while width(&app) != Some(json!(16384)) {
        assert_eq!(bounded(changes.recv()).await, Ok(Change::Tools));
    }
}
