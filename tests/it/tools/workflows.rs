//! Workflows run, made, changed, converted and examined.

use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, sleeping_workflow, tiny_workflow};

/// The two nodes of [`tiny_workflow`], as the editor saves them.
fn editor_workflow() -> Value {
    json!({
        "last_node_id": 2, "last_link_id": 1, "version": 0.4, "groups": [], "config": {}, "extra": {},
        "nodes": [
            {"id": 1, "type": "EmptyImage", "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0, "mode": 0,
             "inputs": [], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "properties": {},
             "widgets_values": [64, 64, 1, 255]},
            {"id": 2, "type": "SaveImage", "pos": [300, 0], "size": [200, 100], "flags": {}, "order": 1, "mode": 0,
             "inputs": [{"name": "images", "type": "IMAGE", "link": 1}], "outputs": [], "properties": {},
             "widgets_values": ["tiny"]}
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]]
    })
}

const SCRIPT: &str = "image = EmptyImage(width=64, height=64, batch_size=1, color=255)\n\
                      SaveImage(images=image, filename_prefix=\"tiny\")\n";

#[tokio::test]
async fn every_readable_form_runs() {
    let app = TestApp::start().await;
    let drawn = app.call("comfyui_generate_image", json!({"prompt": "a pear", "wait": true})).await;
    let output = &drawn["outputs"][0];
    let picture = format!("comfyui://outputs/output/{}", output["filename"].as_str().unwrap());
    for (form, workflow) in [
        ("object", tiny_workflow()),
        ("text", tiny_workflow().to_string().into()),
        ("editor", editor_workflow()),
        ("script", SCRIPT.into()),
        ("picture", picture.into()),
    ] {
        let done = app.call("comfyui_run_workflow", json!({"workflow": workflow, "wait": true})).await;
        assert_eq!(done["status"], "completed", "{form}: {done}");
        assert_eq!(done["outputs"].as_array().unwrap().len(), 1, "{form}");
    }
}

#[tokio::test]
async fn what_is_no_workflow_is_refused_with_the_place() {
    let app = TestApp::start().await;
    for (workflow, word) in [
        (json!("{\"1\": {\"class_type\": \"EmptyImage\""), "line"),
        (json!({"1": 7}), "`1`"),
        (json!({"1": {"class_type": "EmptyImage", "inputs": []}}), "inputs"),
        (json!({"1": {"class_type": ["EmptyImage"], "inputs": {}}}), "class_type"),
        (json!("{\"1\": {\"class_type\": \"A\", \"inputs\": {}, \"inputs\": {}}}"), "inputs"),
        (json!("image = NoSuchNode(width=1"), "line"),
        (json!("comfyui://outputs/output/missing.png"), "missing.png"),
    ] {
        let error = app.refused("comfyui_run_workflow", json!({"workflow": workflow})).await;
        assert!(matches!(error.kind(), Kind::InvalidInput | Kind::NotFound), "{workflow}: {error}");
        assert!(error.message().contains(word), "{workflow}: {error}");
    }
    assert!(app.posts().is_empty());
}

#[tokio::test]
async fn the_stream_keeps_distinct_events() {
    let app = TestApp::start().await;
    let done = app.call("comfyui_run_workflow_stream", json!({"workflow": sleeping_workflow(200)})).await;
    let events = done["events"].as_array().unwrap();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert!(kinds.contains(&"execution_start") && kinds.contains(&"ended"), "{kinds:?}");
    assert!(events.len() <= 20, "{} events", events.len());
    assert!(app.actions("comfyui_run_workflow_stream").contains(&"stream_completed".to_owned()));
}

#[tokio::test]
async fn a_model_that_is_not_installed_is_said_before_comfyui_says_no() {
    let app = TestApp::start().await;
    let made = app.call("comfyui_create_workflow", json!({"template": "txt2img"})).await;
    let mut workflow = made["workflow"].clone();
    for node in workflow.as_object_mut().unwrap().values_mut() {
        if node["class_type"] == "CheckpointLoaderSimple" {
            node["inputs"]["ckpt_name"] = json!("no_such_model.safetensors");
        }
    }
    let checked = app.call("comfyui_validate_workflow", json!({"workflow": workflow})).await;
    assert_eq!(checked["valid"], false);
    assert!(checked["problems"].to_string().contains("no_such_model"), "{checked}");
    let error = app.refused("comfyui_run_workflow", json!({"workflow": workflow})).await;
    assert!(error.to_string().contains("ckpt_name"), "{error}");
}

#[tokio::test]
async fn templates_are_built_with_parameters_and_refuse_unknown_ones() {
    let app = TestApp::start().await;
    let args =
        json!({"template": "txt2img", "params": "{\"prompt\": \"a pear\", \"steps\": 7, \"seed\": 42}"});
    let made = app.call("comfyui_create_workflow", args).await;
    assert_eq!(made["used"]["steps"], 7);
    let done = app.call("comfyui_run_workflow", json!({"workflow": made["workflow"], "wait": true})).await;
    assert_eq!(done["status"], "completed", "{done}");
    for (args, word) in [
        (json!({"template": "txt2imgg"}), "txt2img"),
        (json!({"template": "txt2img", "params": {"stepz": 7}}), "steps"),
        (json!({"template": "txt2img", "params": {"steps": "many"}}), "steps"),
        (json!({"template": "txt2img", "params": "[1]"}), "params"),
    ] {
        let error = app.refused("comfyui_create_workflow", args.clone()).await;
        assert_eq!(error.kind(), Kind::InvalidInput, "{args}");
        assert!(error.to_string().contains(word), "{args}: {error}");
    }
}

#[tokio::test]
async fn operations_apply_together_or_not_at_all() {
    let app = TestApp::start().await;
    let change = |operations: Value| json!({"workflow": tiny_workflow(), "operations": operations});
    let set = json!({"op": "set_input", "node_id": "1", "input_name": "width", "value": 128});
    let changed = app.call("comfyui_modify_workflow", change(json!([set]))).await;
    assert_eq!(changed["workflow"]["1"]["inputs"]["width"], 128);
    assert_eq!(changed["changes"].as_array().unwrap().len(), 1);
    let broken = json!([set, {"op": "remove_node", "node_id": "99"}]);
    let error = app.refused("comfyui_modify_workflow", change(broken)).await;
    assert!(error.message().contains("99") && error.message().contains('1'), "{error}");
}

#[tokio::test]
async fn a_prompt_that_looks_like_a_secret_comes_back_as_it_went_in() {
    let app = TestApp::start().await;
    let text =
        "a poster with the words password: swordfish-9000 and Bearer abcdefghijklmnopqrstuvwxyz0123456789";
    let args = json!({"template": "txt2img", "params": {"prompt": text}});
    let made = app.call("comfyui_create_workflow", args).await;
    let encoded = made["workflow"].as_object().unwrap().values().any(|node| node["inputs"]["text"] == text);
    assert!(encoded, "{made}");
    let log = serde_json::to_string(&app.audit.records()).unwrap();
    assert!(!log.contains("swordfish"), "the log keeps no prompt in clear");
}

#[tokio::test]
async fn forms_convert_into_each_other() {
    let app = TestApp::start().await;
    let convert = async |workflow: Value, to: &str| {
        app.call("comfyui_convert_workflow", json!({"workflow": workflow, "to": to})).await
    };
    let api = convert(editor_workflow(), "api").await;
    assert_eq!(api["format_found"], "ui");
    assert_eq!(api["workflow"]["1"]["inputs"]["width"], 64);
    let ui = convert(api["workflow"].clone(), "ui").await;
    let back = convert(ui["workflow"].clone(), "api").await;
    let same = app
        .call("comfyui_diff_workflows", json!({"before": api["workflow"], "after": back["workflow"]}))
        .await;
    assert_eq!(same["equal"], true, "{same}");
    let script = convert(back["workflow"].clone(), "script").await;
    let again = convert(script["script"].clone(), "api").await;
    assert_eq!(again["workflow"]["2"]["class_type"], "SaveImage");
    let mut unknown = editor_workflow();
    unknown["nodes"][0]["type"] = json!("NoSuchNode");
    let error = app.refused("comfyui_convert_workflow", json!({"workflow": unknown})).await;
    assert!(error.to_string().contains("NoSuchNode"), "{error}");
}

#[tokio::test]
async fn a_workflow_that_would_be_cut_is_refused_instead() {
    let app = TestApp::start().await;
    let mut nodes = serde_json::Map::new();
    for id in 0..500 {
        nodes.insert(id.to_string(), tiny_workflow()["1"].clone());
    }
    let error = app.refused("comfyui_convert_workflow", json!({"workflow": nodes})).await;
    assert_eq!(error.kind(), Kind::InvalidInput);
    assert!(error.hint_text().unwrap().contains("script"), "{error}");
}

#[tokio::test]
async fn workflows_are_explained() {
    let app = TestApp::start().await;
    let made = app
        .call("comfyui_create_workflow", json!({"template": "txt2img", "params": {"prompt": "a pear"}}))
        .await;
    let workflow = &made["workflow"];
    let text = app.call("comfyui_summarize_workflow", json!({"workflow": workflow})).await;
    assert!(text["result"].as_str().unwrap().contains("KSampler"), "{text}");
    let chart = app
        .call("comfyui_summarize_workflow", json!({"workflow": workflow, "output_format": "mermaid"}))
        .await;
    assert!(chart["result"].as_str().unwrap().starts_with("flowchart LR"), "{chart}");
    let analysis = app.call("comfyui_analyze_workflow", json!({"workflow": workflow})).await;
    assert_eq!(analysis["pipeline"], "txt2img");
    let checked = app.call("comfyui_validate_workflow", json!({"workflow": workflow})).await;
    assert_eq!(checked["valid"], true, "{checked}");
    for tool in ["comfyui_summarize_workflow", "comfyui_analyze_workflow", "comfyui_validate_workflow"] {
        assert_eq!(app.refused(tool, json!({"workflow": "{"})).await.kind(), Kind::InvalidInput);
    }
}

#[tokio::test]
async fn validation_says_what_the_policy_would_say() {
    let dangerous = json!({"1": {"class_type": "ExecutePython", "inputs": {"code": "import os"}}});
    let app = TestApp::start().await;
    let checked = app.call("comfyui_validate_workflow", json!({"workflow": dangerous})).await;
    assert!(checked["warnings"].to_string().contains("Dangerous node type"), "{checked}");
    let app =
        TestApp::with(|config| config.security.mode = comfywarden_policy::settings::Mode::Enforce).await;
    let checked = app.call("comfyui_validate_workflow", json!({"workflow": dangerous})).await;
    assert_eq!(checked["valid"], false);
    assert!(checked["errors"].to_string().contains("Security: "), "{checked}");
}

#[tokio::test]
async fn differences_are_told_by_meaning() {
    let app = TestApp::start().await;
    let mut after = tiny_workflow();
    after["1"]["inputs"]["width"] = json!(128);
    let args = |format: &str| json!({"before": tiny_workflow(), "after": after, "output_format": format});
    let found = app.call("comfyui_diff_workflows", args("json")).await;
    assert_eq!(found["changed"][0]["inputs"][0]["input"], "width", "{found}");
    assert!(
        app.call("comfyui_diff_workflows", args("text")).await["result"].as_str().unwrap().contains("width")
    );
    let error = app.refused("comfyui_diff_workflows", json!({"before": tiny_workflow(), "after": "{"})).await;
    assert_eq!(error.kind(), Kind::InvalidInput);
}

#[tokio::test]
async fn a_workflow_too_large_for_a_summary_gets_an_outline() {
    let app = TestApp::start().await;
    let mut nodes = serde_json::Map::new();
    for n in 0..600 {
        let loader = json!({"ckpt_name": format!("a rather long name of a checkpoint {n}.safetensors")});
        nodes.insert(n.to_string(), json!({"class_type": "CheckpointLoaderSimple", "inputs": loader}));
    }
    let workflow = Value::Object(nodes);
    for format in ["text", "mermaid"] {
        let args = json!({"workflow": workflow, "output_format": format});
        let summary = app.call("comfyui_summarize_workflow", args).await;
        assert!(summary["result"].as_str().unwrap().starts_with("600 nodes"), "{format}: {summary}");
        assert!(summary["note"].as_str().unwrap().contains("too large"), "{summary}");
        assert!(summary.to_string().len() <= 8_000);
    }
    let small = app.call("comfyui_summarize_workflow", json!({"workflow": tiny_workflow()})).await;
    assert!(small.get("note").is_none(), "{small}");
}

#[tokio::test]
async fn a_warning_quotes_what_was_found_and_the_audit_log_does_not() {
    let app = TestApp::start().await;
    let inner = json!({"1": {"class_type": "LoadImage", "inputs": {"image": "../../private/x.png"}}});
    let workflow = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x", "graph": inner}}
    });

    let result = app.call("comfyui_run_workflow", json!({"workflow": workflow})).await;

    let warnings = result["warnings"].to_string();
    assert!(warnings.contains("Suspicious input in node 2.graph.1 (LoadImage), field 'image': "), "{result}");
    assert!(warnings.contains("“../../private/x.png”"), "{result}");
    let records = app.audit.records();
    let inspected = records.iter().find(|record| record["action"] == "inspected").unwrap();
    assert!(inspected["warnings"].to_string().contains("node 2.graph.1"), "{inspected}");
    assert!(!inspected.to_string().contains("private"), "{inspected}");
}
