//! A workflow file in the editor's format, run to its end: on the simulated ComfyUI and on a real one.

use comfywarden::config::Config;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded};

/// EmptyImage into SaveImage, as the editor saves them; the title of a node opens its width.
fn editor_file() -> Value {
    json!({
        "last_node_id": 2, "last_link_id": 1, "version": 0.4, "groups": [], "config": {}, "extra": {},
        "nodes": [
            {"id": 1, "type": "EmptyImage", "title": "$size.width:how wide", "pos": [0, 0], "size": [200, 100],
             "flags": {}, "order": 0, "mode": 0, "inputs": [],
             "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "properties": {},
             "widgets_values": [64, 32, 1, 255]},
            {"id": 2, "type": "SaveImage", "pos": [300, 0], "size": [200, 100], "flags": {}, "order": 1, "mode": 0,
             "inputs": [{"name": "images", "type": "IMAGE", "link": 1}], "outputs": [], "properties": {},
             "widgets_values": ["from the editor"]}
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]]
    })
}

/// Runs the file and gives its one output and its measures, as comfywarden tells them.
async fn run(change: impl FnOnce(&mut Config)) -> (TestApp, Value, Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("drawn.json"), editor_file().to_string()).unwrap();
    let dir = folder.path().to_owned();
    let app = TestApp::with(|config| {
        config.workflows.dir = dir;
        change(config);
    })
    .await;
    bounded(app.app.load_workflows(true)).await.unwrap();
    let schema =
        Value::Object(app.app.tools().get("workflow_drawn").unwrap().contract().schema().as_ref().clone());
    let open: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let width = open.iter().find(|name| name.contains("size") || name.contains("width")).unwrap().as_str();
    let done = app.call("workflow_drawn", json!({width: 48, "wait": true})).await;
    assert_eq!(done["status"], "completed", "{done}");
    let output = done["outputs"][0].clone();
    assert!(output["filename"].as_str().unwrap().starts_with("from the editor_"), "{done}");
    let args =
        json!({"filename": output["filename"], "subfolder": output["subfolder"], "type": output["type"]});
    let shown = app.call("comfyui_get_image", args).await;
    assert_eq!((&shown["width"], &shown["height"]), (&json!(48), &json!(32)), "{shown}");
    (app, output, shown)
}

#[tokio::test]
async fn it_runs_on_sim() {
    let (app, output, _) = run(|_| ()).await;
    assert!(app.sim.file("output", "", output["filename"].as_str().unwrap()).is_some());
    let sent = app.sim.requests("POST", "/prompt").pop().unwrap().json.unwrap();
    assert_eq!(sent["prompt"]["1"]["inputs"]["width"], 48, "{sent}");
}

#[expect(clippy::disallowed_methods, reason = "the address of a real server is the tester's to name")]
fn real() -> url::Url {
    std::env::var("COMFYUI_TEST_URL").unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "needs a real ComfyUI: set COMFYUI_TEST_URL"]
async fn it_runs_live() {
    let _turn = crate::comfy::contract::TURN.lock().await;
    let (_, output, shown) = run(|config| config.comfyui.url = real()).await;
    assert_eq!((&output["type"], &shown["kind"]), (&json!("output"), &json!("image")));
}
