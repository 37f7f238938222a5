//! Files in and out.

use base64::Engine as _;
use comfywarden::tools::Block;
use comfywarden_error::Kind;
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::{TestApp, picture::png, run_to_end, tiny_workflow};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_upload_image", upload_image),
        Scene::new("comfyui_upload_mask", upload_mask),
        Scene::new("comfyui_get_image", get_image),
        Scene::new("comfyui_list_outputs", list_outputs),
        Scene::new("comfyui_get_workflow_from_image", get_workflow_from_image),
    ]
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

async fn upload_image(show: Show) {
    let app = TestApp::start().await;
    let args = json!({"filename": "dot.png", "image_data": base64(&png(8, 8)), "subfolder": "faces"});
    let means = [("/name", json!("dot.png")), ("/subfolder", json!("faces")), ("/type", json!("input"))];
    show.success(&app, args, &means).await;
    assert_eq!(app.sim.file("input", "faces", "dot.png").unwrap(), png(8, 8));
    let args = json!({"filename": "a.png", "image_data": base64(b"<script>alert(1)</script>")});
    show.failure(
        &app,
        args,
        Kind::InvalidInput,
        &["`filename` says image/png", "no picture"],
        &["extension"],
    )
    .await;
    assert!(app.sim.file("input", "", "a.png").is_none());
}

async fn upload_mask(show: Show) {
    let app = TestApp::start().await;
    app.sim.put_file("input", "", "face.png", png(16, 16));
    let args = |original: &str| {
        let white = base64(&crate::support::picture::plain(16, 16, [255; 4]));
        json!({"filename": "masked.png", "mask_data": white, "original_image": original})
    };
    let means = [("/name", json!("masked.png")), ("/type", json!("input"))];
    let sent = show.success(&app, args("face.png"), &means).await;
    assert!(sent["result"].as_str().unwrap().contains("100 % is marked"), "{sent}");
    let merged = image::load_from_memory(&app.sim.file("input", "", "masked.png").unwrap()).unwrap();
    assert_eq!(merged.to_rgba8().get_pixel(3, 3).0[3], 0, "white is what is repainted");
    let says = ["`original_image`", "gone.png"];
    show.failure(&app, args("gone.png"), Kind::NotFound, &says, &["comfyui_upload_image"]).await;
}

async fn get_image(show: Show) {
    let app = TestApp::start().await;
    app.sim.put_file("output", "sub", "kite.png", png(30, 20));
    let means = [
        ("/width", json!(30)),
        ("/height", json!(20)),
        ("/kind", json!("image")),
        ("/uri", json!("comfyui://outputs/output/sub/kite.png")),
    ];
    let args = json!({"filename": "kite.png", "subfolder": "sub"});
    let (_, blocks) = show.picture(&app, args, &means).await;
    assert!(matches!(blocks.as_slice(), [Block::Link { .. }, Block::Image { .. }]), "{blocks:?}");
    let args = json!({"filename": "kite.png"});
    show.failure(&app, args, Kind::NotFound, &["no file `kite.png`"], &["comfyui_list_outputs", "subfolder"])
        .await;
}

async fn list_outputs(show: Show) {
    let app = TestApp::start().await;
    let id = run_to_end(&app, tiny_workflow()).await;
    let output: Value = json!({
        "filename": "tiny_00001_.png", "subfolder": "", "type": "output", "kind": "image",
        "node_id": "2", "prompt_id": id,
    });
    show.success(&app, json!({}), &[("/items", json!([output])), ("/total", json!(1))]).await;
    app.sim.faults().answer("/history", 200, "<html>login</html>");
    show.failure(&app, json!({}), Kind::Upstream, &["history"], &["comfyui.url"]).await;
}

async fn get_workflow_from_image(show: Show) {
    let app = TestApp::start().await;
    run_to_end(&app, tiny_workflow()).await;
    let means =
        [("/prompt/1/class_type", json!("EmptyImage")), ("/prompt/2/inputs/filename_prefix", json!("tiny"))];
    show.success(&app, json!({"filename": "tiny_00001_.png"}), &means).await;
    app.sim.put_file("output", "", "plain.png", png(8, 8));
    let args = json!({"filename": "plain.png"});
    show.failure(&app, args, Kind::InvalidInput, &["png file holds no workflow"], &["original file"]).await;
}
