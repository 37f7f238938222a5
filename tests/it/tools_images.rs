//! Pictures in and out, models and the server itself.

use base64::Engine as _;
use comfywarden::{
    app::{Block, Reply},
    error::Kind,
};
use serde_json::json;

use crate::support::TestApp;

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, ((x * y) % 251) as u8])
    });
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn an_upload_is_found_under_the_name_that_comfyui_chose() {
    let app = TestApp::start().await;
    let (first, second) = (png(8, 8), png(9, 9));
    let send = async |bytes: &[u8]| {
        app.call("comfyui_upload_image", json!({"filename": "dot.png", "image_data": base64(bytes)})).await
    };
    assert_eq!(send(&first).await["name"], "dot.png");
    let renamed = send(&second).await;
    assert_eq!(renamed["name"], "dot (1).png", "{renamed}");
    assert_eq!(app.sim.file("input", "", "dot (1).png").unwrap(), second);
}

#[tokio::test]
async fn what_is_no_such_picture_is_refused_before_it_is_sent() {
    let app = TestApp::with(|config| config.security.max_upload_size_mb = 1).await;
    for (filename, data) in [
        ("a.png", base64(b"<script>alert(1)</script>")),
        ("a.jpg", base64(&png(8, 8))),
        ("a.png", "not base64!".to_owned()),
        ("a.png", base64(&vec![0; 2 << 20])),
        ("a.svg", base64(b"<svg/>")),
    ] {
        let error =
            app.refused("comfyui_upload_image", json!({"filename": filename, "image_data": data})).await;
        assert_eq!(error.kind(), Kind::InvalidInput, "{filename}: {error}");
    }
    let neither = app.refused("comfyui_upload_image", json!({"filename": "a.png"})).await;
    assert!(neither.message().contains("image_data"), "{neither}");
    assert!(app.posts().is_empty());
}

#[tokio::test]
async fn a_local_file_is_read_only_inside_the_open_folders() {
    let open = tempfile::tempdir().unwrap();
    let closed = tempfile::tempdir().unwrap();
    for folder in [&open, &closed] {
        std::fs::write(folder.path().join("dot.png"), png(8, 8)).unwrap();
    }
    let root = open.path().to_path_buf();
    let app = TestApp::with(|config| config.files.allowed_roots = vec![root]).await;
    let send =
        |folder: &tempfile::TempDir| json!({"filename": "dot.png", "path": folder.path().join("dot.png")});
    assert_eq!(app.call("comfyui_upload_image", send(&open)).await["name"], "dot.png");
    assert_eq!(app.refused("comfyui_upload_image", send(&closed)).await.kind(), Kind::Denied);
}

#[tokio::test]
async fn a_large_picture_comes_as_a_small_preview_and_a_link() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "sub dir", "big.png", png(2000, 1000));
    let args = json!({"filename": "big.png", "subfolder": "sub dir"});
    let Ok(Reply::Done { structured, blocks }) = app.reply("comfyui_get_image", args).await else {
        panic!("no picture");
    };
    assert_eq!((&structured["width"], &structured["height"]), (&json!(2000), &json!(1000)));
    assert_eq!(structured["reduced"], true);
    let [Block::Link { uri, size, .. }, Block::Image { bytes, mime_type }] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    assert_eq!(uri, "comfyui://outputs/output/sub%20dir/big.png");
    assert!(size.is_some_and(|size| size > 0));
    assert_eq!(mime_type, "image/jpeg");
    let preview = image::load_from_memory(bytes).unwrap();
    assert_eq!((preview.width(), preview.height()), (512, 256));
    assert!(bytes.len() <= 75_000);
}

#[tokio::test]
async fn links_name_only_hosts_that_the_operator_lists() {
    let app = TestApp::with(|config| config.files.url_hosts = vec!["pictures.example.com".into()]).await;
    let args = |base: &str| json!({"filename": "a.png", "response_format": "url", "base_url_override": base});
    let plain = app.call("comfyui_get_image", json!({"filename": "a.png", "response_format": "url"})).await;
    assert!(plain["url"].as_str().unwrap().starts_with(&app.sim.url()), "{plain}");
    let moved = app.call("comfyui_get_image", args("https://pictures.example.com/comfy")).await;
    assert!(
        moved["url"].as_str().unwrap().starts_with("https://pictures.example.com/comfy/view?"),
        "{moved}"
    );
    for evil in ["https://evil.example", "javascript:alert(1)", "https://pictures.example.com@evil.example/"]
    {
        assert_eq!(app.refused("comfyui_get_image", args(evil)).await.kind(), Kind::Denied, "{evil}");
    }
}

#[tokio::test]
async fn what_cannot_be_shown_is_said() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "notes.txt", b"words".to_vec());
    let error = app.refused("comfyui_get_image", json!({"filename": "notes.txt"})).await;
    assert!(error.hint_text().is_some(), "{error}");
    let error = app.refused("comfyui_get_image", json!({"filename": "missing.png"})).await;
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
    let error = app.refused("comfyui_get_image", json!({"filename": "a.png", "preview_quality": 50})).await;
    assert!(error.message().contains("preview_format"), "{error}");
}

#[tokio::test]
async fn models_are_listed_in_pages() {
    let app = TestApp::start().await;
    app.sim.set_models("loras", (0..7).map(|i| format!("style_{i}.safetensors")));
    let page = app.call("comfyui_list_models", json!({"folder": "loras", "limit": 3, "offset": 6})).await;
    assert_eq!(page["items"], json!(["style_6.safetensors"]));
    assert_eq!((&page["total"], &page["has_more"]), (&json!(7), &json!(false)));
    let error = app.refused("comfyui_list_models", json!({"folder": "no_such_folder"})).await;
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
}

#[tokio::test]
async fn the_server_is_described_without_its_machine() {
    let app = TestApp::start().await;
    let info = app.call("comfyui_get_system_info", json!({})).await;
    assert!(info["devices"][0]["vram_total_mb"].is_u64(), "{info}");
    for leak in ["argv", "python", "\"os\"", "hostname"] {
        assert!(!info.to_string().contains(leak), "{info}");
    }
    app.sim.faults().down(true);
    assert_eq!(app.refused("comfyui_get_system_info", json!({})).await.kind(), Kind::Unavailable);
}
