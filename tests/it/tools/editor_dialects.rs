//! Files and texts as other programs leave them, through the tools.

use serde_json::json;

use crate::support::TestApp;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/editor/", $name)).as_slice()
    };
}

#[tokio::test]
async fn a_picture_whose_prompt_and_graph_differ_says_so_and_gives_either() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "stale.png", file!("p_stale.png").to_vec());
    let seed = async |uri: &str| {
        let converted = app.call("comfyui_convert_workflow", json!({ "workflow": uri })).await;
        let assumed = converted["report"]["assumed"].to_string();
        assert!(assumed.contains("two workflows that differ"), "{converted}");
        converted["workflow"]["5"]["inputs"]["seed"].clone()
    };
    assert_eq!(seed("comfyui://outputs/output/stale.png").await, 1);
    assert_eq!(seed("comfyui://outputs/output/stale.png#prompt").await, 1);
    assert_eq!(seed("comfyui://outputs/output/stale.png#workflow").await, 777);
}

#[tokio::test]
async fn texts_in_dialects_of_json_are_read() {
    let app = TestApp::start().await;
    let texts =
        [file!("a_bom.json"), file!("a_comment.json"), file!("a_nan.json"), file!("a_wrap_input.json")];
    for text in texts {
        let text = std::str::from_utf8(text).unwrap();
        let converted = app.call("comfyui_convert_workflow", json!({ "workflow": text })).await;
        assert_eq!(converted["workflow"].as_object().unwrap().len(), 7, "{text}");
    }
}

#[tokio::test]
async fn a_graph_of_muted_nodes_is_refused_with_their_number() {
    let app = TestApp::start().await;
    let text = std::str::from_utf8(file!("u_allmuted.json")).unwrap();
    let error = app.refused("comfyui_convert_workflow", json!({ "workflow": text })).await;
    assert!(error.message().contains("7 nodes are muted"), "{error}");
}
