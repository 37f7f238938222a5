//! Workflows that are read back are what ran; only credentials stay behind, and that is said.

use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, tiny_workflow};

/// Words of a picture that look like secrets to a log.
const PROSE: &str = "vault with password: sunflower, token=abc123def, api_key: \"xyz\", Authorization: Bearer \
                     aaabbbccc";

async fn draw(app: &TestApp, prompt: &str) -> Value {
    let args = json!({"prompt": prompt, "seed": 7, "width": 64, "height": 64, "steps": 1, "wait": true});
    app.call("comfyui_generate_image", args).await["outputs"][0].clone()
}

async fn newest(app: &TestApp) -> Value {
    app.call("comfyui_list_assets", json!({"limit": 1})).await["items"][0]["asset_id"].clone()
}

fn texts(graph: &Value) -> Vec<&str> {
    graph.as_object().unwrap().values().filter_map(|node| node["inputs"]["text"].as_str()).collect()
}

#[tokio::test]
async fn the_graph_of_a_picture_is_the_one_that_ran() {
    let app = TestApp::start().await;
    let output = draw(&app, PROSE).await;
    let found = app.call("comfyui_get_workflow_from_image", json!({"filename": output["filename"]})).await;
    assert!(texts(&found["prompt"]).contains(&PROSE), "{found}");
    let asset = newest(&app).await;
    let told =
        app.call("comfyui_get_asset_metadata", json!({"asset_id": asset, "include_workflow": true})).await;
    assert_eq!((&told["prompts"], texts(&told["workflow"])[0]), (&json!([PROSE]), PROSE), "{told}");
    assert_eq!(told["workflow"], found["prompt"]);
    let args = json!({"workflow": found["prompt"], "wait": true});
    let again = app.call("comfyui_run_workflow", args).await;
    assert_eq!((&again["status"], &again["cached"]), (&json!("completed"), &json!(true)), "{again}");
    let uri = format!("comfyui://outputs/output/{}", output["filename"].as_str().unwrap());
    for to in ["api", "script"] {
        let converted = app.call("comfyui_convert_workflow", json!({"workflow": uri, "to": to})).await;
        assert!(converted.to_string().contains("password: sunflower, token=abc123def"), "{converted}");
    }
}

#[tokio::test]
async fn differences_and_changes_are_shown_as_they_are() {
    let app = TestApp::start().await;
    let graph = |text: &str| json!({"1": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["2", 1], "text": text}}});
    let (before, after) = (graph("a sign, password: swordfish"), graph("a sign, password: trout"));
    let args = json!({"before": before, "after": after, "output_format": "text"});
    let diff = app.call("comfyui_diff_workflows", args).await;
    let change = &diff["changed"][0]["inputs"][0];
    assert_eq!(
        (&change["before"], &change["after"]),
        (&json!("a sign, password: swordfish"), &json!("a sign, password: trout"))
    );
    assert!(diff["result"].as_str().unwrap().contains("trout"), "{diff}");
    let analysis = app.call("comfyui_analyze_workflow", json!({"workflow": before})).await;
    assert_eq!(analysis["flow"][0]["inputs"]["text"], "a sign, password: swordfish");
    draw(&app, PROSE).await;
    let args = json!({"asset_id": newest(&app).await, "overrides": {"prompt": "token: blue"}});
    let again = app.call("comfyui_regenerate", args).await;
    let applied = &again["overrides_applied"][0];
    assert_eq!((&applied["before"], &applied["after"]), (&json!(PROSE), &json!("token: blue")), "{again}");
}

#[tokio::test]
async fn credentials_stay_behind_and_the_copy_does_not_run() {
    let app = TestApp::start().await;
    let mut workflow = tiny_workflow();
    workflow["3"] =
        json!({"class_type": "PreviewAny", "inputs": {"source": "hf_EXAMPLEexampleEXAMPLEexample"}});
    let args = json!({"workflow": workflow, "wait": true});
    let made = app.call("comfyui_run_workflow", args).await;
    let file = made["outputs"].as_array().unwrap().iter().find(|one| one["kind"] == "image").unwrap();
    let found = app.call("comfyui_get_workflow_from_image", json!({"filename": file["filename"]})).await;
    assert!(!found.to_string().contains("hf_EXAMPLE"), "{found}");
    let message = found["message"].as_str().unwrap();
    assert!(message.contains("credentials were withheld at 3.inputs.source"), "{message}");
    let posts = app.posts().len();
    for tool in ["comfyui_run_workflow", "comfyui_run_workflow_stream"] {
        let refused = app.refused(tool, json!({"workflow": found["prompt"]})).await;
        assert_eq!(refused.kind(), Kind::InvalidInput, "{refused}");
        assert!(
            refused.message().contains("node 3 (PreviewAny), input `source`: its credential was withheld"),
            "{refused}"
        );
        assert!(refused.hint_text().unwrap().contains("comfyui_regenerate"), "{refused}");
    }
    assert_eq!(app.posts().len(), posts, "nothing was submitted");
    let asset = newest(&app).await;
    let told =
        app.call("comfyui_get_asset_metadata", json!({"asset_id": asset, "include_workflow": true})).await;
    assert!(
        told["notes"].to_string().contains("withheld") && !told.to_string().contains("hf_EXAMPLE"),
        "{told}"
    );
    let uri = format!("comfyui://outputs/output/{}", file["filename"].as_str().unwrap());
    for (tool, args) in [
        ("comfyui_convert_workflow", json!({"workflow": uri})),
        ("comfyui_modify_workflow", json!({"workflow": uri, "operations": []})),
        ("comfyui_analyze_workflow", json!({"workflow": uri})),
        ("comfyui_diff_workflows", json!({"before": uri, "after": tiny_workflow()})),
    ] {
        let shown = app.reply(tool, args).await;
        assert!(!format!("{shown:?}").contains("hf_EXAMPLE"), "{tool}: {shown:?}");
    }
    let original = app.call("comfyui_run_workflow", json!({"workflow": uri, "wait": true})).await;
    assert_eq!(original["status"], "completed", "the file itself runs: {original}");
    let again = app.call("comfyui_regenerate", json!({"asset_id": asset, "wait": true})).await;
    assert_eq!(again["status"], "completed", "{again}");
}

#[tokio::test]
async fn overrides_that_fit_nothing_are_refused_before_the_queue() {
    let app = TestApp::start().await;
    draw(&app, "a red kite").await;
    let asset = newest(&app).await;
    let posts = app.posts().len();
    for (name, near) in
        [("nosuch", "no node has a value"), ("5.stps", "steps"), ("KSampler.seed", "no node has a value")]
    {
        let args = json!({"asset_id": asset, "overrides": {"seed": 9, name: 1}, "wait": true});
        let refused = app.refused("comfyui_regenerate", args).await;
        assert_eq!(refused.kind(), Kind::InvalidInput, "{refused}");
        assert!(refused.message().contains(near), "{refused}");
        let hint = refused.hint_text().unwrap();
        assert!(hint.starts_with("accepted: prompt, negative_prompt, seed, model"), "{hint}");
        assert!(hint.contains("5.steps") && !hint.contains("5.latent_image"), "{hint}");
    }
    let linked = json!({"asset_id": asset, "overrides": {"5.model": 1}});
    let refused = app.refused("comfyui_regenerate", linked).await;
    assert!(refused.message().contains("is fed by another node"), "{refused}");
    assert_eq!(app.posts().len(), posts, "nothing was submitted");
    let job = app.call("comfyui_get_progress", json!({"prompt_id": "../../etc/passwd"})).await;
    assert!(job["next"].as_str().unwrap().contains("passwd: it was deleted"), "{job}");
}
