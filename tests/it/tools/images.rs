//! Pictures in and out, models and the server itself.

use base64::Engine as _;
use comfywarden::{
    tools::{Block, Reply},
    web::Fetcher,
};
use comfywarden_error::Kind;
use comfywarden_sim::Sim;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

/// A server that gives these bytes for every request, and the way to it as `pictures.example.com`.
async fn web_with(bytes: Vec<u8>) -> Fetcher {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            let mut asked = [0; 2048];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&[head.as_bytes(), &bytes].concat()).await;
        }
    });
    Fetcher::new().stand_in("pictures.example.com", address)
}

#[tokio::test]
async fn a_picture_is_fetched_from_the_internet_under_the_rules() {
    let sim = Sim::instant().start().await.unwrap();
    let app = TestApp::on_web(sim, web_with(png(8, 8)).await, |_| {});
    let send = |filename: &str, url: &str| json!({"filename": filename, "url": url});
    let good = "https://pictures.example.com/a.png";
    assert_eq!(app.call("comfyui_upload_image", send("dot.png", good)).await["name"], "dot.png");
    assert_eq!(app.sim.file("input", "", "dot.png").unwrap(), png(8, 8));
    let uploads = app.posts().len();
    for (filename, url) in [
        ("a.png", "https://pictures.example.com\\@evil.example/a.png"),
        ("dot.jpg", good),
        ("dot.png", "http://pictures.example.com/a.png"),
        ("dot.png", "https://user@pictures.example.com/a.png"),
        ("dot.png", "https://127.0.0.1/a.png"),
        ("dot.png", "https://169.254.169.254/latest/meta-data"),
        ("dot.png", "https://localhost/a.png"),
        ("dot.png", "file:///etc/passwd"),
    ] {
        let error = app.refused("comfyui_upload_image", send(filename, url)).await;
        assert!(matches!(error.kind(), Kind::InvalidInput | Kind::Denied), "{url}: {error}");
    }
    let both = json!({"filename": "a.png", "url": good, "image_data": base64(&png(8, 8))});
    assert!(app.refused("comfyui_upload_image", both).await.message().contains("exactly one"));
    assert_eq!(app.posts().len(), uploads);
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_not_fetched() {
    let sim = Sim::instant().start().await.unwrap();
    let web = web_with(vec![0; 2 << 20]).await;
    let app = TestApp::on_web(sim, web, |config| config.security.max_upload_size_mb = 1);
    let args = json!({"filename": "a.png", "url": "https://pictures.example.com/a.png"});
    app.refused("comfyui_upload_image", args).await;
    assert!(app.posts().is_empty());
}

/// 16×16; the left half transparent, or the left half white, or all black.
fn mask(alpha: bool, open: u32) -> Vec<u8> {
    let picture = image::RgbaImage::from_fn(16, 16, |x, _| match (alpha, x < open) {
        (true, open) => image::Rgba([0, 0, 0, if open { 0 } else { 255 }]),
        (false, open) => image::Rgba(if open { [255; 4] } else { [0, 0, 0, 255] }),
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn a_mask_marks_by_transparency_or_else_by_white() {
    let app = TestApp::start().await;
    app.sim.put_file("input", "faces", "a.png", png(16, 16));
    for (data, said) in [
        (mask(true, 8), "50 % is marked for repainting, from the transparency"),
        (mask(false, 4), "25 % is marked for repainting, from the mask's brightness"),
        (mask(false, 0), "nothing is marked"),
    ] {
        let args = json!({
            "filename": "masked.png", "mask_data": base64(&data), "original_image": "a.png",
            "original_subfolder": "faces", "overwrite": true,
        });
        let sent = app.call("comfyui_upload_mask", args).await;
        assert!(sent["result"].as_str().unwrap().contains(said), "{sent}");
        assert_eq!((&sent["name"], &sent["type"]), (&json!("masked.png"), &json!("input")));
        let merged =
            image::load_from_memory(&app.sim.file("input", "", "masked.png").unwrap()).unwrap().to_rgba8();
        let original = image::load_from_memory(&png(16, 16)).unwrap().to_rgb8();
        assert_eq!(merged.get_pixel(9, 9).0[..3], original.get_pixel(9, 9).0);
        assert_eq!(merged.get_pixel(1, 1).0[3] == 0, !said.starts_with("nothing"));
    }
}

#[tokio::test]
async fn a_mask_that_comfyui_would_lose_or_break_on_is_refused() {
    let app = TestApp::start().await;
    app.sim.put_file("input", "", "a.png", png(16, 16));
    app.sim.put_file("input", "", "other.png", png(8, 16));
    app.sim.put_file("input", "", "words.txt", b"no picture".to_vec());
    for (filename, original, data, kind, word) in [
        ("m.png", "missing.png", base64(&mask(true, 8)), Kind::NotFound, "original_image"),
        ("m.png", "other.png", base64(&mask(true, 8)), Kind::InvalidInput, "the original 8×16"),
        ("m.png", "words.txt", base64(&mask(true, 8)), Kind::InvalidInput, "no picture"),
        ("m.jpg", "a.png", base64(&mask(true, 8)), Kind::InvalidInput, "cannot carry a mask"),
        ("m.png", "a.png", base64(b"<svg/>"), Kind::InvalidInput, "content"),
        ("m.png", "a.png", "???".to_owned(), Kind::InvalidInput, "mask_data"),
    ] {
        let args = json!({"filename": filename, "mask_data": data, "original_image": original});
        let error = app.refused("comfyui_upload_mask", args).await;
        assert!(error.kind() == kind && error.message().contains(word), "{word}: {error}");
        assert!(error.hint_text().is_some(), "{error}");
    }
    assert!(app.posts().is_empty());
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
    let words = app.call("comfyui_get_image", json!({"filename": "notes.txt"})).await;
    assert!(words["note"].as_str().unwrap().starts_with("no preview"), "{words}");
    assert_eq!((&words["kind"], &words["bytes"]), (&json!("text"), &json!(5)));
    let error = app.refused("comfyui_get_image", json!({"filename": "missing.mp4"})).await;
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
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
