//! Assets into the user's own folders.

use comfywarden::{
    app::CallContext,
    comfy::FileType,
    gate::{Caller, Class},
    tools::{Reply, assets::AssetId},
};
use comfywarden_error::Kind;
use comfywarden_policy::path::{OutputName, Subfolder};
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        let value = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_be_bytes();
        image::Rgb([value[0], value[1], value[2]])
    });
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn asset(filename: &str) -> String {
    AssetId::new(FileType::Output, Subfolder::default(), OutputName::parse(filename).unwrap(), None)
        .to_string()
}

async fn with_root(root: &std::path::Path) -> TestApp {
    let root = root.to_path_buf();
    let app = TestApp::with(|config| config.files.publish_roots = vec![root]).await;
    app.sim.put_file("output", "", "kite.png", png(300, 200));
    app.sim.put_file("output", "", "film.mp4", include_bytes!("../../fixtures/embedded/video.mp4").to_vec());
    app
}

fn manifest(root: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(root.join("comfywarden-manifest.json")).unwrap()).unwrap()
}

/// Everything in a folder, so that a forgotten temporary file is seen.
fn names(root: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_picture_is_written_inside_its_budget_and_noted() {
    let root = tempfile::tempdir().unwrap();
    let app = with_root(root.path()).await;
    let args = json!({"asset_id": asset("kite.png"), "target": "web/hero.jpg", "max_width": 150, "max_bytes": 9_000});
    let done = app.call("comfyui_publish_asset", args).await;
    let written = std::fs::read(root.path().join("web/hero.jpg")).unwrap();
    assert!(written.len() <= 9_000 && written.len() as u64 == done["bytes"].as_u64().unwrap(), "{done}");
    let decoded = image::load_from_memory(&written).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (150, 100));
    assert_eq!(
        (&done["format"], &done["width"], &done["replaced"]),
        (&json!("jpg"), &json!(150), &json!(false))
    );
    assert!(done["path"].as_str().unwrap().ends_with("web/hero.jpg") && done["quality"].is_u64());
    let entry = manifest(root.path())["files"]["web/hero.jpg"].clone();
    assert_eq!((&entry["asset_id"], &entry["sha256"]), (&json!(asset("kite.png")), &done["sha256"]));

    app.call("comfyui_publish_asset", json!({"asset_id": asset("kite.png")})).await;
    assert_eq!(std::fs::read(root.path().join("kite.png")).unwrap(), png(300, 200));
    let film =
        app.call("comfyui_publish_asset", json!({"asset_id": asset("film.mp4"), "target": "films/"})).await;
    assert_eq!((&film["width"], &film["format"]), (&json!(64), &json!("mp4")), "{film}");
    assert_eq!(manifest(root.path())["files"].as_object().unwrap().len(), 3);
    assert_eq!(names(root.path()), ["comfywarden-manifest.json", "films", "kite.png", "web"]);
    assert_eq!(names(&root.path().join("films")), ["film.mp4"]);
}

#[tokio::test]
async fn nothing_is_written_outside_the_folders_or_over_a_file() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(root.path().join("kite.png"), b"mine").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
    let app = with_root(root.path()).await;
    let absolute = outside.path().join("a.png").to_str().unwrap().to_owned();
    for (target, kind) in [
        ("../a.png", Kind::Denied),
        ("sub/../../a.png", Kind::Denied),
        (absolute.as_str(), Kind::Denied),
        ("link/a.png", Kind::Denied),
        ("a.html", Kind::InvalidInput),
        ("CON/a.png", Kind::InvalidInput),
        ("a.png\n", Kind::InvalidInput),
        ("kite.png", Kind::Conflict),
    ] {
        let args = json!({"asset_id": asset("kite.png"), "target": target});
        let error = app.refused("comfyui_publish_asset", args).await;
        assert!(error.kind() == kind && error.hint_text().is_some(), "{target}: {error}");
    }
    let replace = json!({"asset_id": asset("kite.png"), "overwrite": true});
    let error = app.refused("comfyui_publish_asset", replace).await;
    assert_eq!(error.kind(), Kind::Denied, "nobody was asked: {error}");
    assert!(names(outside.path()).is_empty());
    assert_eq!(std::fs::read(root.path().join("kite.png")).unwrap(), b"mine");

    let closed = TestApp::start().await;
    let error = closed.refused("comfyui_publish_asset", json!({"asset_id": asset("kite.png")})).await;
    assert!(error.hint_text().unwrap().contains("files.publish_roots"), "{error}");
    let remote = Caller::with_classes("somebody", [Class::File]);
    let args = object(json!({"asset_id": asset("kite.png")}));
    let error =
        bounded(app.app.call(CallContext::plain(remote), "comfyui_publish_asset", args)).await.unwrap_err();
    assert!(error.kind() == Kind::Denied && error.message().contains("stdio"), "{error}");
}

#[tokio::test]
async fn a_file_is_replaced_only_with_the_users_word() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("kite.png"), b"mine").unwrap();
    let app = with_root(root.path()).await;
    let args = object(json!({"asset_id": asset("kite.png"), "overwrite": true}));
    let ask = async || {
        let context = CallContext { can_ask: true, ..CallContext::plain(Caller::local()) };
        match bounded(app.app.call(context, "comfyui_publish_asset", args.clone())).await {
            Ok(Reply::Ask { question, signed_state }) => (question, signed_state),
            other => panic!("nobody was asked: {other:?}"),
        }
    };
    let answer = async |signed_state: String, yes: bool| {
        let context = CallContext {
            can_ask: true,
            answer: Some(yes),
            signed_state: Some(signed_state),
            ..CallContext::plain(Caller::local())
        };
        bounded(app.app.call(context, "comfyui_publish_asset", args.clone())).await
    };
    let (question, state) = ask().await;
    assert!(question.starts_with("Replace ") && question.contains("kite.png"), "{question}");
    assert_eq!(answer(state, false).await.unwrap_err().kind(), Kind::Denied);
    assert_eq!(std::fs::read(root.path().join("kite.png")).unwrap(), b"mine");
    let (_, state) = ask().await;
    let Ok(Reply::Done { structured, .. }) = answer(state, true).await else { panic!("not replaced") };
    assert_eq!(structured["replaced"], true);
    assert_eq!(std::fs::read(root.path().join("kite.png")).unwrap(), png(300, 200));
    assert_eq!(names(root.path()), ["comfywarden-manifest.json", "kite.png"]);
}

#[tokio::test]
async fn what_cannot_be_made_is_said_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let app = with_root(root.path()).await;
    for (args, word) in [
        (json!({"asset_id": asset("kite.png"), "target": "a.jpg", "max_bytes": 300}), "more than 300"),
        (json!({"asset_id": asset("kite.png"), "target": "a.gif"}), "no picture is written as .gif"),
        (json!({"asset_id": asset("kite.png"), "target": "a.png", "format": "jpeg"}), "`format` wants .jpg"),
        (json!({"asset_id": asset("film.mp4"), "format": "png"}), "no picture"),
        (json!({"asset_id": asset("film.mp4"), "target": "film.webm"}), "must end in .mp4"),
        (json!({"asset_id": asset("gone.png")}), "no file `gone.png`"),
        (json!({"asset_id": asset("gone.mp4")}), "no file `gone.mp4`"),
    ] {
        let error = app.refused("comfyui_publish_asset", args).await;
        assert!(error.message().contains(word), "{word}: {error}");
    }
    assert!(names(root.path()).is_empty(), "{:?}", names(root.path()));
    std::fs::write(root.path().join("comfywarden-manifest.json"), b"[1]").unwrap();
    let error = app.refused("comfyui_publish_asset", json!({"asset_id": asset("kite.png")})).await;
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert_eq!(names(root.path()), ["comfywarden-manifest.json"]);
}
