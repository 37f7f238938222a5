//! Outputs of jobs, as assets.

use comfywarden::{comfy::FileType, tools::assets::AssetId};
use comfywarden_error::Kind;
use comfywarden_policy::path::{OutputName, Subfolder};
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::{TestApp, picture::png, run_to_end, tiny_workflow};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_list_assets", list_assets),
        Scene::new("comfyui_get_asset_metadata", get_asset_metadata),
        Scene::new("comfyui_regenerate", regenerate),
        Scene::new("comfyui_publish_asset", publish_asset),
    ]
}

/// The id of a file in the output folder that no job is known for.
fn id_of(filename: &str) -> String {
    AssetId::new(FileType::Output, Subfolder::default(), OutputName::parse(filename).unwrap(), None)
        .to_string()
}

/// A server with one drawing; gives its asset id.
async fn with_drawing() -> (TestApp, Value) {
    let app = TestApp::start().await;
    let args = json!({"prompt": "a red kite", "seed": 42, "width": 128, "height": 64, "wait": true});
    app.call("comfyui_generate_image", args).await;
    let assets = app.call("comfyui_list_assets", json!({"limit": 1})).await;
    let id = assets["items"][0]["asset_id"].clone();
    (app, id)
}

async fn list_assets(show: Show) {
    let app = TestApp::start().await;
    let id = run_to_end(&app, tiny_workflow()).await;
    let means = [
        ("/items/0/filename", json!("tiny_00001_.png")),
        ("/items/0/prompt_id", json!(id)),
        ("/items/0/node_id", json!("2")),
        ("/total", json!(1)),
    ];
    let page = show.success(&app, json!({"kind": "image"}), &means).await;
    let args = json!({"asset_id": page["items"][0]["asset_id"]});
    assert_eq!(app.call("comfyui_get_asset_metadata", args).await["width"], 64);
    show.success(&app, json!({"kind": "video"}), &[("/items", json!([]))]).await;
    let args = json!({"prompt_id": "no-such-job"});
    show.failure(&app, args, Kind::NotFound, &["`no-such-job`"], &["comfyui_get_progress"]).await;
}

async fn get_asset_metadata(show: Show) {
    let (app, id) = with_drawing().await;
    let means = [
        ("/seed", json!(42)),
        ("/prompts", json!(["a red kite"])),
        ("/width", json!(128)),
        ("/read_from", json!("history")),
    ];
    show.success(&app, json!({"asset_id": id}), &means).await;
    let gone = json!({"asset_id": id_of("gone.png")});
    show.failure(&app, gone, Kind::NotFound, &["no file `gone.png`"], &["comfyui_list_outputs"]).await;
}

async fn regenerate(show: Show) {
    let (app, id) = with_drawing().await;
    let args = json!({"asset_id": id, "overrides": {"prompt": "a blue kite", "5.model": 1}, "wait": true});
    let means = [
        ("/status", json!("completed")),
        ("/seed", json!(42)),
        ("/overrides_applied/0/name", json!("prompt")),
        ("/overrides_dropped/0/name", json!("5.model")),
    ];
    show.success(&app, args, &means).await;
    let sent = app.sim.requests("POST", "/prompt").pop().unwrap().json.unwrap();
    assert!(sent.to_string().contains("a blue kite") && !sent.to_string().contains("a red kite"), "{sent}");
    let args = json!({"asset_id": id, "overrides": {"steps": "ten"}});
    show.failure(
        &app,
        args,
        Kind::InvalidInput,
        &["`steps`", "must be a number"],
        &["comfyui_get_asset_metadata"],
    )
    .await;
}

async fn publish_asset(show: Show) {
    let root = tempfile::tempdir().unwrap();
    let open = root.path().to_path_buf();
    let app = TestApp::with(|config| config.files.publish_roots = vec![open]).await;
    app.sim.put_file("output", "", "kite.png", png(60, 40));
    let args = json!({"asset_id": id_of("kite.png"), "target": "art/kite.webp", "max_width": 30});
    let means = [("/format", json!("webp")), ("/width", json!(30)), ("/height", json!(20))];
    let written = show.success(&app, args, &means).await;
    let bytes = std::fs::read(root.path().join("art/kite.webp")).unwrap();
    assert_eq!(written["bytes"], bytes.len());
    let outside = json!({"asset_id": id_of("kite.png"), "target": "../kite.png"});
    let says = ["`target`", "../kite.png", "files.publish_roots"];
    show.failure(&app, outside, Kind::Denied, &says, &["below one of the operator's folders"]).await;
}
