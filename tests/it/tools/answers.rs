//! Answers that say what really happened: sizes, ids, shapes of upstream, causes, and what comes next.

use comfywarden_error::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    mcp::protocol::{Era, connect},
    support::{TestApp, bounded, person::Person, tiny_workflow},
};

async fn draw(app: &TestApp, more: Value) -> Value {
    let mut args =
        json!({"prompt": "a red kite", "seed": 7, "width": 64, "height": 64, "steps": 1, "wait": true});
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.call("comfyui_generate_image", args).await
}

#[tokio::test]
async fn the_size_that_is_told_is_the_size_of_the_picture() {
    let app = TestApp::start().await;
    let odd = draw(&app, json!({"width": 65, "height": 100})).await;
    assert_eq!((&odd["settings"]["width"], &odd["settings"]["height"]), (&json!(64), &json!(96)), "{odd}");
    assert!(odd["warnings"].to_string().contains("64×96"), "{odd}");
    let told =
        app.call("comfyui_get_asset_metadata", json!({"asset_id": odd["outputs"][0]["asset_id"]})).await;
    assert_eq!((&told["width"], &told["height"]), (&json!(64), &json!(96)), "{told}");
    let even = draw(&app, json!({"width": 72})).await;
    assert!(even["settings"]["width"] == 72 && even.get("warnings").is_none(), "{even}");
    // What ComfyUI makes of a graph with odd sizes, the simulation makes too.
    let read = json!({"filename": odd["outputs"][0]["filename"]});
    let mut graph = app.call("comfyui_get_workflow_from_image", read).await["prompt"].clone();
    for node in graph.as_object_mut().unwrap().values_mut() {
        if node["class_type"] == "EmptyLatentImage" {
            node["inputs"]["width"] = json!(79);
        }
    }
    let made = app.call("comfyui_run_workflow", json!({"workflow": graph, "wait": true})).await;
    let told =
        app.call("comfyui_get_asset_metadata", json!({"asset_id": made["outputs"][0]["asset_id"]})).await;
    assert_eq!(told["width"], 72, "{told}");
}

#[tokio::test]
async fn every_output_carries_the_id_that_other_tools_want() {
    let app = TestApp::start().await;
    let mut workflow = tiny_workflow();
    workflow["3"] = json!({"class_type": "PreviewAny", "inputs": {"source": "words"}});
    let ran = app.call("comfyui_run_workflow", json!({"workflow": workflow, "wait": true})).await;
    let listed = app.call("comfyui_list_assets", json!({})).await["items"][0]["asset_id"].clone();
    let id_in = |outputs: &Value| {
        let outputs = outputs.as_array().unwrap();
        assert!(outputs.iter().filter(|one| one["kind"] == "text").all(|one| one.get("asset_id").is_none()));
        outputs.iter().find(|one| one["kind"] == "image").unwrap()["asset_id"].clone()
    };
    assert_eq!(id_in(&ran["outputs"]), listed, "{ran}");
    let progress = app.call("comfyui_get_progress", json!({"prompt_id": ran["prompt_id"]})).await;
    assert_eq!(id_in(&progress["outputs"]), listed, "{progress}");
    let history = app.call("comfyui_get_history", json!({})).await;
    assert_eq!(id_in(&history["items"][0]["outputs"]), listed, "{history}");
    let again = app.call("comfyui_regenerate", json!({"asset_id": listed, "wait": true})).await;
    assert!(id_in(&again["outputs"]).is_string(), "{again}");
}

#[tokio::test]
async fn answers_of_another_shape_are_upstream_errors_and_are_not_kept() {
    let app = TestApp::start().await;
    let wrong = json!({"queue_running": "x", "queue_pending": {"a": 1}, "system": 5, "devices": "no", "exec_info": []});
    for (route, tool) in [
        ("/object_info", "comfyui_list_nodes"),
        ("/settings", "comfyui_get_settings"),
        ("/features", "comfyui_get_server_features"),
        ("/queue", "comfyui_get_queue"),
        ("/system_stats", "comfyui_get_system_info"),
    ] {
        for body in [wrong.clone(), json!({"a": {"b": {}}})] {
            app.sim.faults().answer(route, 200, &body.to_string());
            let refused = app.refused(tool, json!({})).await;
            assert_eq!(refused.kind(), Kind::Upstream, "{tool}: {refused}");
            assert!(!refused.message().contains("Raw"), "{tool}: {refused}");
        }
        app.sim.faults().clear();
        let fine = app.reply(tool, json!({})).await;
        assert!(fine.is_ok(), "{tool}: {fine:?}");
    }
    app.sim.faults().answer("/queue", 302, "");
    let refused = app.refused("comfyui_get_queue", json!({})).await;
    assert!(refused.hint_text().unwrap().contains("comfyui.url"), "{refused}");
    app.sim.faults().clear();
    app.sim.faults().oversize_answer("/system_stats", 2 << 20);
    let refused = app.refused("comfyui_get_system_info", json!({})).await;
    assert!(refused.hint_text().unwrap().contains("comfyui.url"), "{refused}");
}

#[tokio::test]
async fn whole_numbers_may_be_written_with_a_point() {
    let app = TestApp::start().await;
    let made = draw(&app, json!({"steps": 2.0, "seed": 9.0, "batch_size": 1.0})).await;
    assert_eq!((&made["settings"]["steps"], &made["seed"]), (&json!(2), &json!(9)), "{made}");
    let page = app.call("comfyui_list_nodes", json!({"limit": 2.0})).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
    let refused = app.refused("comfyui_list_nodes", json!({"limit": 2.5})).await;
    assert!(refused.kind() == Kind::InvalidInput && !refused.message().contains("u32"), "{refused}");
    let defaults = json!({"tool": "comfyui_list_nodes", "defaults": {"limit": 3.0}});
    app.call("comfyui_set_defaults", defaults).await;
    let page = app.call("comfyui_list_nodes", json!({})).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 3, "{page}");
}

#[tokio::test]
async fn a_default_that_fails_is_named_as_the_cause() {
    let app = TestApp::start().await;
    let defaults = json!({"tool": "comfyui_generate_image", "defaults": {"model": "gone.safetensors"}});
    app.call("comfyui_set_defaults", defaults).await;
    let refused = app.refused("comfyui_generate_image", json!({"prompt": "x"})).await;
    let hint = refused.hint_text().unwrap();
    assert!(
        hint.starts_with("`model` is your default") && hint.contains("comfyui_set_defaults"),
        "{refused}"
    );
    let own = json!({"prompt": "x", "model": "gone2.safetensors"});
    let refused = app.refused("comfyui_generate_image", own).await;
    assert!(!refused.hint_text().unwrap_or_default().contains("your default"), "{refused}");
    let shown = app.call("comfyui_get_defaults", json!({"tool": "comfyui_generate_image"})).await;
    let arguments = shown["tools"][0]["arguments"].as_array().unwrap();
    let of = |name: &str| arguments.iter().find(|one| one["argument"] == name).cloned().unwrap_or_default();
    assert_eq!(of("wait_seconds"), json!({"argument": "wait_seconds", "value": 50, "source": "built-in"}));
    assert_eq!(of("wait"), json!({"argument": "wait", "value": false, "source": "built-in"}));
    assert_eq!(of("seed"), json!({"argument": "seed", "source": "built-in"}));
    assert!(of("prompt").is_null(), "what must be given has no default");
}

#[tokio::test]
async fn refusals_name_what_is_accepted_there_and_stay_short() {
    let app = TestApp::start().await;
    let lora = json!({"prompt": "x", "loras": [{"name": "a.safetensors", "foo": 1}]});
    let refused = app.refused("comfyui_generate_image", lora).await;
    assert_eq!(refused.hint_text(), Some("accepted: name, strength"), "{refused}");
    for tool in ["comfyui_run_workflow", "comfyui_validate_workflow"] {
        let refused = app.refused(tool, json!({"workflow": "a".repeat(100_000)})).await;
        assert!(refused.message().len() < 400, "{tool} echoes {} bytes", refused.message().len());
        assert!(refused.hint_text().unwrap().contains("JSON"), "{refused}");
    }
    let refused = app.refused("comfyui_get_image", json!({"filename": "nope.png"})).await;
    let hint = refused.hint_text().unwrap();
    assert!(refused.kind() == Kind::NotFound && hint.contains("comfyui_list_outputs"), "{refused}");
}

/// An application whose workflow folder holds these files.
async fn app_with(files: &[(&str, &str)]) -> (TestApp, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let dir = folder.path().to_owned();
    (TestApp::with(|config| config.workflows.dir = dir).await, folder)
}

const TINY: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": "PARAM_INT_WIDTH", "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#;

#[tokio::test]
async fn files_that_cannot_run_are_listed_with_their_reason() {
    let no_output = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}}}"#;
    let dangling = TINY.replace(r#"["1", 0]"#, r#"["99", 0]"#);
    let wrong_type = r#"{"1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#;
    let two_types = TINY.replace("PARAM_INT_WIDTH", "PARAM_INT_X").replace("\"x\"", "\"PARAM_X\"");
    let (app, _folder) = app_with(&[
        ("fine.json", TINY),
        ("no_output.json", no_output),
        ("dangling.json", &dangling),
        ("wrong_type.json", wrong_type),
        ("two_types.json", &two_types),
        ("number.json", "5"),
        ("hello.png", "hello"),
        ("meta.json", TINY),
        ("meta.meta.json", r#"{"nosuchkey": 1}"#),
        ("noted.json", TINY),
        ("noted.meta.json", r#"{"title": "Noted", "descripton": "x"}"#),
    ])
    .await;
    app.app.load_workflows(true).await.unwrap();
    let files = app.app.workflow_files();
    let of = |name: &str| files.iter().find(|file| file.file == name).unwrap();
    for (name, reason) in [
        ("no_output.json", "output"),
        ("dangling.json", "`99`, which does not exist"),
        ("wrong_type.json", "`images` takes IMAGE"),
        (
            "two_types.json",
            "a whole number at input `width` of node 1, but a text at input `filename_prefix` of node 2",
        ),
        ("number.json", "a number"),
        ("hello.png", "is no picture, video or sound"),
        ("meta.meta.json", "no key `nosuchkey`"),
    ] {
        let file = of(name);
        let problem = file.problem.as_deref().unwrap_or_default();
        assert!(problem.contains(reason) && file.tool.is_none() && file.hint.is_some(), "{file:?}");
    }
    assert_eq!(of("fine.json").tool.as_deref(), Some("workflow_fine"));
    let noted = of("noted.json");
    assert!(
        noted.tool.is_some() && noted.notes.iter().any(|note| note.contains("did you mean `description`?")),
        "{noted:?}"
    );
}

#[tokio::test]
async fn the_first_list_of_a_session_has_the_types_of_the_server() {
    let absent = TINY.replace("EmptyImage", "NoSuchClass");
    let (app, _folder) = app_with(&[("tiny.json", TINY), ("absent.json", &absent)]).await;
    app.app.serve_workflows().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let tools = bounded(client.list_all_tools()).await.unwrap();
    let tiny = tools.iter().find(|tool| tool.name == "workflow_tiny").unwrap();
    assert_eq!(tiny.input_schema["properties"]["width"]["maximum"], 16384, "{tiny:?}");
    assert!(!tools.iter().any(|tool| tool.name == "workflow_absent"), "a file that is no tool is not listed");
}

#[tokio::test]
async fn the_first_list_does_not_wait_for_a_comfyui_that_is_down() {
    let (app, _folder) = app_with(&[("tiny.json", TINY)]).await;
    app.sim.faults().down(true);
    app.app.serve_workflows().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let tools = bounded(client.list_all_tools()).await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "workflow_tiny"));
}
