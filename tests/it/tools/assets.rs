//! Outputs of jobs: lists, metadata, the same again, and workflows out of files.

use comfywarden::{comfy::FileType, tools::assets::AssetId};
use comfywarden_error::Kind;
use comfywarden_policy::path::{OutputName, Subfolder};
use serde_json::{Value, json};

use crate::support::{TestApp, run_to_end, tiny_workflow};

async fn newest(app: &TestApp) -> Value {
    app.call("comfyui_list_assets", json!({"limit": 1})).await["items"][0].clone()
}

fn id_of(filename: &str) -> String {
    AssetId::new(FileType::Output, Subfolder::default(), OutputName::parse(filename).unwrap(), None)
        .to_string()
}

/// A workflow with one output node per kind.
fn every_kind() -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 255}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "pictures/one"}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "4": {"class_type": "SaveAnimatedWEBP", "inputs": {"images": ["1", 0], "filename_prefix": "moving", "fps": 6.0,
            "lossless": true, "quality": 80, "method": "default"}},
        "5": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8.0}},
        "6": {"class_type": "SaveVideo", "inputs": {"video": ["5", 0], "filename_prefix": "video/film",
            "format": "auto", "codec": "auto"}},
        "7": {"class_type": "PreviewAny", "inputs": {"source": "some words"}},
        "8": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "9": {"class_type": "SaveLatent", "inputs": {"samples": ["8", 0], "filename_prefix": "latents/x"}},
        "10": {"class_type": "EmptyLatentAudio", "inputs": {"seconds": 1.0, "batch_size": 1}},
    })
}

#[tokio::test]
async fn outputs_of_every_kind_are_listed_newest_first_and_pages_join() {
    let app = TestApp::start().await;
    let first = run_to_end(&app, tiny_workflow()).await;
    let second = run_to_end(&app, every_kind()).await;
    let all = app.call("comfyui_list_outputs", json!({})).await;
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.last().unwrap()["prompt_id"], first.as_str());
    assert!(items.iter().rev().skip(1).all(|item| item["prompt_id"] == second.as_str()), "{all}");
    for (kind, file_type) in [
        ("image", "output"),
        ("image", "temp"),
        ("video", "output"),
        ("text", "output"),
        ("latent", "output"),
    ] {
        let found = items.iter().any(|item| item["kind"] == kind && item["type"] == file_type);
        assert!(found, "no {kind} of type {file_type}: {all}");
    }
    assert!(items.iter().any(|item| item["text"] == "some words" && item.get("filename").is_none()), "{all}");
    let mut paged = Vec::new();
    for offset in (0..items.len()).step_by(3) {
        let page = app.call("comfyui_list_outputs", json!({"limit": 3, "offset": offset})).await;
        assert_eq!(page["total"], items.len());
        paged.extend(page["items"].as_array().unwrap().clone());
    }
    assert_eq!(&paged, items);
    app.sim.restart();
    let none = app.call("comfyui_list_outputs", json!({})).await;
    assert!(none["items"] == json!([]) && none["note"].as_str().unwrap().contains("restarts"), "{none}");
    app.sim.faults().down(true);
    assert_eq!(app.refused("comfyui_list_outputs", json!({})).await.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn assets_are_filtered_and_a_cached_run_lists_its_file_once() {
    let app = TestApp::start().await;
    let first = run_to_end(&app, tiny_workflow()).await;
    let again = run_to_end(&app, tiny_workflow()).await;
    run_to_end(&app, every_kind()).await;
    let all = app.call("comfyui_list_assets", json!({})).await;
    let tiny: Vec<&Value> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["filename"] == "tiny_00001_.png")
        .collect();
    assert_eq!((tiny.len(), &tiny[0]["prompt_id"]), (1, &json!(again)), "{all}");
    assert!(tiny[0]["created"].as_str().unwrap().ends_with('Z'));
    let films = app.call("comfyui_list_assets", json!({"kind": "video"})).await;
    assert_eq!((&films["total"], &films["items"][0]["subfolder"]), (&json!(1), &json!("video")), "{films}");
    let of_job = app.call("comfyui_list_assets", json!({"prompt_id": first})).await;
    assert_eq!((&of_job["total"], &of_job["items"][0]["node_id"]), (&json!(1), &json!("2")), "{of_job}");
    assert!(all.to_string().len() < 8_000);
    let unknown = app.refused("comfyui_list_assets", json!({"prompt_id": "no-such-job"})).await;
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert!(unknown.hint_text().unwrap().contains("comfyui_get_progress"), "{unknown}");
}

#[tokio::test]
async fn metadata_comes_from_history_and_after_a_restart_from_the_file() {
    let app = TestApp::start().await;
    let made = app
        .call(
            "comfyui_generate_image",
            json!({"prompt": "a red kite", "seed": 42, "width": 128, "height": 64, "wait": true}),
        )
        .await;
    let asset = newest(&app).await;
    let read = async |extra: Value| {
        let mut args = json!({"asset_id": asset["asset_id"]});
        args.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        app.call("comfyui_get_asset_metadata", args).await
    };
    let before = read(json!({"include_workflow": true})).await;
    assert_eq!((&before["read_from"], &before["seed"]), (&json!("history"), &json!(42)), "{before}");
    assert_eq!((&before["width"], &before["height"]), (&json!(128), &json!(64)));
    assert_eq!((&before["prompts"], &before["model"]), (&json!(["a red kite"]), &made["model"]));
    assert!(before["finished"].is_string() && before["bytes"].as_u64().unwrap() > 100);
    assert!(before["workflow"].is_object());
    app.sim.restart();
    let after = read(json!({})).await;
    assert_eq!((&after["read_from"], &after["seed"]), (&json!("file"), &json!(42)), "{after}");
    assert_eq!(after["settings"], before["settings"]);
    assert!(after.get("finished").is_none() && after.get("workflow").is_none());
}

#[tokio::test]
async fn an_asset_without_any_record_is_still_described() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "film.mp4", include_bytes!("../../fixtures/embedded/video.mp4").to_vec());
    app.sim.put_file("output", "", "notes.txt", b"words".to_vec());
    let film = app.call("comfyui_get_asset_metadata", json!({"asset_id": id_of("film.mp4")})).await;
    assert_eq!(
        (&film["read_from"], &film["kind"], &film["width"]),
        (&json!("file"), &json!("video"), &json!(64))
    );
    assert_eq!(film["duration_seconds"], 0.167, "{film}");
    let notes = app.call("comfyui_get_asset_metadata", json!({"asset_id": id_of("notes.txt")})).await;
    assert_eq!((&notes["read_from"], &notes["bytes"]), (&json!("nothing"), &json!(5)));
    assert!(notes["notes"][0].as_str().unwrap().contains("notes.txt"), "{notes}");
    let gone = app.refused("comfyui_get_asset_metadata", json!({"asset_id": id_of("gone.png")})).await;
    assert_eq!(gone.kind(), Kind::NotFound, "{gone}");
    let wrong = app.refused("comfyui_get_asset_metadata", json!({"asset_id": "asset_AAAA"})).await;
    assert!(wrong.kind() == Kind::InvalidInput && wrong.message().contains("asset_id"), "{wrong}");
}

/// A film of 100 MB whose index lies at its end, as ComfyUI writes them.
fn long_film() -> Vec<u8> {
    let film = include_bytes!("../../fixtures/embedded/video.mp4").to_vec();
    let at = film.windows(4).position(|four| four == b"mdat").unwrap() - 4;
    let filling = vec![0_u8; 100 << 20];
    let mut free = u32::try_from(filling.len() + 8).unwrap().to_be_bytes().to_vec();
    free.extend_from_slice(b"free");
    [&film[..at], &free, &filling, &film[at..]].concat()
}

#[tokio::test]
async fn a_long_film_is_described_without_being_fetched() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "long.mp4", long_film());
    let film = app.call("comfyui_get_asset_metadata", json!({"asset_id": id_of("long.mp4")})).await;
    assert_eq!((&film["read_from"], &film["seed"]), (&json!("file"), &Value::Null), "{film}");
    assert_eq!(film["node_count"], 11, "{film}");
    let asked = app.sim.requests("GET", "/view");
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.headers.iter().any(|(name, _)| name == "range")),
        "{asked:?}"
    );
    app.sim.put_file("output", "", "long.png", vec![0x89; 40 << 20]);
    let refused = app.refused("comfyui_get_workflow_from_image", json!({"filename": "long.png"})).await;
    assert!(refused.message().contains("at most 33554432"), "{refused}");
}

#[tokio::test]
async fn the_same_again_with_changes_by_name() {
    let app = TestApp::start().await;
    app.call("comfyui_generate_image", json!({"prompt": "a red kite", "seed": 42, "wait": true})).await;
    let asset = newest(&app).await;
    let args = json!({
        "asset_id": asset["asset_id"], "wait": true,
        "overrides": {"seed": -1, "prompt": "a blue kite", "steps": 3, "5.model": 1},
    });
    let again = app.call("comfyui_regenerate", args).await;
    assert_eq!((&again["status"], &again["read_from"]), (&json!("completed"), &json!("history")), "{again}");
    let applied: Vec<&str> = again["overrides_applied"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(applied, ["seed", "prompt", "steps"], "{again}");
    assert_ne!(again["seed"], 42);
    assert_eq!(again["overrides_dropped"][0]["name"], "5.model", "{again}");
    let made =
        app.call("comfyui_get_asset_metadata", json!({"asset_id": newest(&app).await["asset_id"]})).await;
    assert_eq!(
        (&made["prompts"], &made["settings"]["steps"]),
        (&json!(["a blue kite"]), &json!(3)),
        "{made}"
    );
    assert_eq!(made["seed"], again["seed"]);

    app.sim.restart();
    let same = app.call("comfyui_regenerate", json!({"asset_id": asset["asset_id"], "wait": true})).await;
    assert_eq!((&same["read_from"], &same["seed"]), (&json!("file"), &json!(42)), "{same}");
    assert!(same.get("warnings").is_none() && same.get("cached").is_none(), "it was made anew: {same}");
    let asset = newest(&app).await;
    let same = app.call("comfyui_regenerate", json!({"asset_id": asset["asset_id"], "wait": true})).await;
    assert_eq!(same["cached"], true, "{same}");
    assert!(same["warnings"][0].as_str().unwrap().contains("cache"), "{same}");
}

#[tokio::test]
async fn what_is_run_again_is_checked_like_any_workflow() {
    let app = TestApp::start().await;
    app.call("comfyui_generate_image", json!({"prompt": "a red kite", "wait": true})).await;
    let asset = newest(&app).await;
    let before = app.posts().len();
    for overrides in [json!({"steps": "ten"}), json!({"seed": -2}), json!({"prompt": ["3", 0]})] {
        let args = json!({"asset_id": asset["asset_id"], "overrides": overrides});
        let error = app.refused("comfyui_regenerate", args).await;
        assert_eq!(error.kind(), Kind::InvalidInput, "{overrides}: {error}");
    }
    let gone = app.refused("comfyui_regenerate", json!({"asset_id": id_of("gone.png")})).await;
    assert_eq!(gone.kind(), Kind::NotFound);
    assert_eq!(app.posts().len(), before);

    let strict = TestApp::with(|config| {
        config.security.mode = comfywarden_policy::settings::Mode::Enforce;
        config.security.allowed_nodes = vec!["EmptyImage".into()];
    })
    .await;
    strict.sim.put_file(
        "output",
        "",
        "made.png",
        include_bytes!("../../fixtures/embedded/saved.png").to_vec(),
    );
    let refused = strict.refused("comfyui_regenerate", json!({"asset_id": id_of("made.png")})).await;
    assert_eq!(refused.kind(), Kind::Denied, "{refused}");
    assert!(strict.posts().is_empty());
}

#[tokio::test]
async fn workflows_are_read_out_of_files_of_every_kind() {
    let app = TestApp::start().await;
    for (name, bytes) in [
        ("a.png", include_bytes!("../../fixtures/embedded/saved.png").as_slice()),
        ("a.webp", include_bytes!("../../fixtures/embedded/animated.webp")),
        ("a.webm", include_bytes!("../../fixtures/embedded/video.webm")),
        ("a.flac", include_bytes!("../../fixtures/embedded/sound.flac")),
    ] {
        app.sim.put_file("output", "", name, bytes.to_vec());
        let found = app.call("comfyui_get_workflow_from_image", json!({"filename": name})).await;
        assert!(found["workflow"]["nodes"].is_array() && found["prompt"].is_object(), "{name}: {found}");
        assert!(found["message"].as_str().unwrap().starts_with("found prompt and workflow"), "{found}");
    }
    app.sim.put_file("input", "", "plain.png", b"no picture".to_vec());
    let none = app
        .refused("comfyui_get_workflow_from_image", json!({"filename": "plain.png", "type": "input"}))
        .await;
    assert_eq!(none.kind(), Kind::InvalidInput, "{none}");
    let missing = app.refused("comfyui_get_workflow_from_image", json!({"filename": "missing.png"})).await;
    assert_eq!(missing.kind(), Kind::NotFound, "{missing}");
}
