//! Workflows run, made, changed, converted and examined.

use comfywarden_error::Kind;
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::{TestApp, sleeping_workflow, tiny_workflow};

/// The two nodes of the tiny workflow as a chart.
const CHART: &str = r#"flowchart LR
    n1["EmptyImage<br/>64x64"]:::default
    n2["Save Image<br/>tiny"]:::output
    n1 -->|IMAGE| n2
    classDef loader fill:#dbeafe,stroke:#2563eb,color:#111
    classDef sampler fill:#fde68a,stroke:#d97706,color:#111
    classDef encoder fill:#dcfce7,stroke:#16a34a,color:#111
    classDef output fill:#fecaca,stroke:#dc2626,color:#111
    classDef default fill:#f3f4f6,stroke:#6b7280,color:#111"#;

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_run_workflow", run_workflow),
        Scene::new("comfyui_run_workflow_stream", run_workflow_stream),
        Scene::new("comfyui_create_workflow", create_workflow),
        Scene::new("comfyui_modify_workflow", modify_workflow),
        Scene::new("comfyui_convert_workflow", convert_workflow),
        Scene::new("comfyui_diff_workflows", diff_workflows),
        Scene::new("comfyui_summarize_workflow", summarize_workflow),
        Scene::new("comfyui_analyze_workflow", analyze_workflow),
        Scene::new("comfyui_validate_workflow", validate_workflow),
    ]
}

/// The text-to-image template with this prompt.
async fn drawing(app: &TestApp, prompt: &str) -> Value {
    let args = json!({"template": "txt2img", "params": {"prompt": prompt, "steps": 7}});
    app.call("comfyui_create_workflow", args).await["workflow"].clone()
}

async fn run_workflow(show: Show) {
    let app = TestApp::start().await;
    let means = [
        ("/status", json!("completed")),
        ("/outputs/0/filename", json!("tiny_00001_.png")),
        ("/outputs/0/kind", json!("image")),
    ];
    show.success(&app, json!({"workflow": tiny_workflow(), "wait": true}), &means).await;
    assert!(app.sim.file("output", "", "tiny_00001_.png").is_some());
    let mut narrow = tiny_workflow();
    narrow["1"]["inputs"]["width"] = json!(0);
    let says = ["node 1 (EmptyImage), width", "received 0", "accepted 1 to "];
    show.failure(
        &app,
        json!({"workflow": narrow}),
        Kind::InvalidInput,
        &says,
        &["comfyui_validate_workflow"],
    )
    .await;
}

async fn run_workflow_stream(show: Show) {
    let app = TestApp::start().await;
    let means = [("/status", json!("completed")), ("/outputs/1/filename", json!("slept_00001_.png"))];
    let done = show.success(&app, json!({"workflow": sleeping_workflow(20)}), &means).await;
    let kinds: Vec<&str> =
        done["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"execution_start") && kinds.last() == Some(&"ended"), "{kinds:?}");
    let unknown = json!({"1": {"class_type": "NoSuchNode", "inputs": {}}});
    let args = json!({"workflow": unknown});
    show.failure(&app, args, Kind::InvalidInput, &["NoSuchNode"], &["comfyui_search_custom_nodes"]).await;
}

async fn create_workflow(show: Show) {
    let app = TestApp::start().await;
    let args = json!({"template": "txt2img", "params": {"prompt": "a pear", "steps": 7}});
    let means = [("/template", json!("txt2img")), ("/used/steps", json!(7))];
    let made = show.success(&app, args, &means).await;
    let nodes = made["workflow"].as_object().unwrap();
    assert!(nodes.values().any(|node| node["inputs"]["text"] == "a pear"), "{made}");
    assert!(nodes.values().any(|node| node["inputs"]["steps"] == 7), "{made}");
    let args = json!({"template": "txt2img", "params": {"stepz": 7}});
    show.failure(&app, args, Kind::InvalidInput, &["stepz"], &["steps"]).await;
}

async fn modify_workflow(show: Show) {
    let app = TestApp::start().await;
    let change = |id: &str| {
        let set = json!({"op": "set_input", "node_id": id, "input_name": "width", "value": 128});
        json!({"workflow": tiny_workflow(), "operations": [set]})
    };
    let means = [("/workflow/1/inputs/width", json!(128)), ("/workflow/1/inputs/height", json!(64))];
    show.success(&app, change("1"), &means).await;
    show.failure(&app, change("99"), Kind::InvalidInput, &["operation", "99"], &["1"]).await;
}

async fn convert_workflow(show: Show) {
    let app = TestApp::start().await;
    let args = json!({"workflow": tiny_workflow(), "to": "ui"});
    let means = [("/format_found", json!("api")), ("/workflow/nodes/0/type", json!("EmptyImage"))];
    let mut editor = show.success(&app, args, &means).await["workflow"].clone();
    let means = [
        ("/format_found", json!("ui")),
        ("/workflow/1/inputs", tiny_workflow()["1"]["inputs"].clone()),
        ("/workflow/2/inputs/images", json!(["1", 0])),
    ];
    show.success(&app, json!({"workflow": editor}), &means).await;
    editor["nodes"][0]["type"] = json!("NoSuchNode");
    let args = json!({"workflow": editor});
    show.failure(&app, args, Kind::InvalidInput, &["NoSuchNode"], &["install"]).await;
}

async fn diff_workflows(show: Show) {
    let app = TestApp::start().await;
    let mut after = tiny_workflow();
    after["1"]["inputs"]["width"] = json!(128);
    let means = [
        ("/equal", json!(false)),
        ("/changed/0/inputs/0/input", json!("width")),
        ("/changed/0/inputs/0/before", json!(64)),
        ("/changed/0/inputs/0/after", json!(128)),
    ];
    show.success(&app, json!({"before": tiny_workflow(), "after": after}), &means).await;
    let missing = json!({"before": tiny_workflow(), "after": "comfyui://outputs/output/missing.png"});
    show.failure(&app, missing, Kind::NotFound, &["missing.png"], &["comfyui_list_outputs"]).await;
}

async fn summarize_workflow(show: Show) {
    let app = TestApp::start().await;
    let workflow = drawing(&app, "a pear").await;
    let told = show
        .success(
            &app,
            json!({"workflow": tiny_workflow(), "output_format": "mermaid"}),
            &[("/result", json!(CHART))],
        )
        .await;
    assert!(told.get("note").is_none(), "{told}");
    let told = app.call("comfyui_summarize_workflow", json!({"workflow": workflow})).await;
    let text = told["result"].as_str().unwrap();
    for line in
        ["Workflow with 7 nodes", "Pipeline: txt2img", "KSampler (7 steps, cfg 7.0)", "Prompt: node 2"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let cut = json!({"workflow": "{\"1\": {\"class_type\": \"EmptyImage\""});
    show.failure(&app, cut, Kind::InvalidInput, &["not valid JSON", "line 1"], &["comments"]).await;
}

async fn analyze_workflow(show: Show) {
    let app = TestApp::start().await;
    let workflow = drawing(&app, "a pear").await;
    let means = [
        ("/node_count", json!(7)),
        ("/pipeline", json!("txt2img")),
        ("/parameters/steps", json!(7)),
        ("/models/0/type", json!("checkpoints")),
    ];
    let told = show.success(&app, json!({"workflow": workflow}), &means).await;
    let prompt = told["prompt_nodes"][0].as_str().unwrap();
    assert_eq!(workflow[prompt]["inputs"]["text"], "a pear", "{told}");
    let odd = json!({"workflow": {"1": {"class_type": ["EmptyImage"], "inputs": {}}}});
    show.failure(&app, odd, Kind::InvalidInput, &["`1`", "class_type"], &["KSampler"]).await;
}

async fn validate_workflow(show: Show) {
    let app = TestApp::start().await;
    let means = [("/valid", json!(true)), ("/errors", json!([])), ("/node_count", json!(2))];
    show.success(&app, json!({"workflow": tiny_workflow()}), &means).await;
    let mut wrong = tiny_workflow();
    wrong["2"]["inputs"]["images"] = json!(["7", 0]);
    let told = show.success(&app, json!({"workflow": wrong}), &[("/valid", json!(false))]).await;
    assert!(told["errors"][0].as_str().is_some_and(|error| error.contains("images")), "{told}");
    let missing = json!({"workflow": "comfyui://outputs/output/missing.png"});
    show.failure(&app, missing, Kind::NotFound, &["missing.png"], &["comfyui_list_outputs"]).await;
}
