//! Films and sounds as pictures, with ffmpeg where it is and a plain word where it is not.

use comfywarden::{
    config::Files,
    gate::Caller,
    tools::{Block, Reply, ToolFilter},
};
use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded};

const FILM: &[u8] = include_bytes!("../../fixtures/embedded/video.mp4");
const SOUND: &[u8] = include_bytes!("../../fixtures/embedded/sound.flac");

/// True on machines that have it; what needs it is not tried elsewhere.
fn has_ffmpeg() -> bool {
    let found = Files::default().find_ffmpeg().is_some();
    if !found {
        eprintln!("skipped: there is no ffmpeg on this machine");
    }
    found
}

/// The result and the inline picture.
async fn look(app: &TestApp, filename: &str) -> (Value, Option<image::DynamicImage>) {
    let Ok(Reply::Done { structured, blocks }) =
        app.reply("comfyui_get_image", json!({"filename": filename})).await
    else {
        panic!("{filename} was not shown");
    };
    assert!(matches!(blocks.first(), Some(Block::Link { size: Some(_), .. })), "{blocks:?}");
    let picture = blocks.iter().find_map(|block| match block {
        Block::Image { bytes, .. } => {
            assert!(bytes.len() <= 75_000, "{} bytes", bytes.len());
            Some(image::load_from_memory(bytes).unwrap())
        }
        Block::Link { .. } => None,
    });
    (structured, picture)
}

fn wav(seconds: u32) -> Vec<u8> {
    let samples: Vec<u8> = (0..seconds * 8_000)
        .flat_map(|at| {
            (if at % 8_000 < 4_000 { 20_000_i16 } else { 0 } * if at % 2 == 0 { 1 } else { -1 }).to_le_bytes()
        })
        .collect();
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend_from_slice(&8_000_u32.to_le_bytes());
    bytes.extend_from_slice(&16_000_u32.to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&u32::try_from(samples.len()).unwrap().to_le_bytes());
    [bytes, samples].concat()
}

#[tokio::test]
async fn without_ffmpeg_films_are_named_and_wav_is_still_drawn() {
    let app = TestApp::with(|config| config.files.ffmpeg = String::new()).await;
    app.sim.put_file("output", "", "film.mp4", FILM.to_vec());
    app.sim.put_file("output", "", "sound.flac", SOUND.to_vec());
    app.sim.put_file("output", "", "sound.wav", wav(2));
    for (name, word) in [("film.mp4", "contact sheet"), ("sound.flac", "waveform")] {
        let (shown, picture) = look(&app, name).await;
        assert!(picture.is_none() && shown.get("preview").is_none(), "{shown}");
        let note = shown["note"].as_str().unwrap();
        assert!(note.starts_with(&format!("no {word}: ffmpeg is not installed")), "{note}");
        assert!(shown["duration_seconds"].as_f64().unwrap() > 0.1, "{shown}");
    }
    let (shown, picture) = look(&app, "sound.wav").await;
    let picture = picture.unwrap().to_rgb8();
    assert_eq!((&shown["preview"], &shown["duration_seconds"]), (&json!("waveform"), &json!(2.0)));
    assert_eq!((picture.width(), picture.height()), (512, 128));
    // Loud in the first half of each second, silent in the second.
    assert_ne!(picture.get_pixel(40, 40), picture.get_pixel(200, 40), "{shown}");
    assert_eq!(picture.get_pixel(40, 40), picture.get_pixel(300, 40));
}

#[tokio::test]
async fn a_film_becomes_a_sheet_of_frames_and_a_sound_a_line() {
    if !has_ffmpeg() {
        return;
    }
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "film.mp4", FILM.to_vec());
    app.sim.put_file(
        "output",
        "",
        "film.webm",
        include_bytes!("../../fixtures/embedded/video.webm").to_vec(),
    );
    app.sim.put_file("output", "", "sound.flac", SOUND.to_vec());
    app.sim.put_file("output", "", "sound.mp3", include_bytes!("../../fixtures/embedded/sound.mp3").to_vec());
    app.sim.put_file(
        "output",
        "",
        "sound.opus",
        include_bytes!("../../fixtures/embedded/sound.opus").to_vec(),
    );
    for name in ["film.mp4", "film.webm"] {
        let (shown, picture) = look(&app, name).await;
        assert_eq!((&shown["preview"], &shown["width"]), (&json!("contact_sheet"), &json!(64)), "{shown}");
        let picture = picture.unwrap();
        assert!(picture.width() <= 512 && picture.height() <= 512 && picture.width() > picture.height());
    }
    for name in ["sound.flac", "sound.mp3", "sound.opus"] {
        let (shown, picture) = look(&app, name).await;
        assert_eq!(shown["preview"], "waveform", "{shown}");
        assert_eq!(picture.unwrap().width(), 512);
    }
}

#[tokio::test]
async fn what_is_no_film_is_not_given_to_ffmpeg_to_guess() {
    let app = TestApp::with(|config| config.files.ffmpeg = "/bin/sh".into()).await;
    let playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n".to_vec();
    app.sim.put_file("output", "", "list.mp4", playlist.clone());
    app.sim.put_file("output", "", "list.mp3", playlist);
    for name in ["list.mp4", "list.mp3"] {
        let (shown, picture) = look(&app, name).await;
        assert!(picture.is_none() && shown["note"].as_str().unwrap().contains("of a known kind"), "{shown}");
    }
}

/// A program in place of ffmpeg, to see how it is treated.
#[cfg(unix)]
fn stand_in(folder: &std::path::Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let program = folder.join("stand-in");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program.to_str().unwrap().to_owned()
}

#[cfg(unix)]
#[tokio::test]
async fn the_child_has_no_environment_and_its_output_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let noted = folder.path().join("noted");
    let script = format!(
        "/usr/bin/env > {0}\necho \"$@\" >> {0}\nwhile :; do echo 0123456789abcdef; done",
        noted.display()
    );
    let program = stand_in(folder.path(), &script);
    let app = TestApp::with(|config| config.files.ffmpeg = program).await;
    app.sim.put_file("output", "", "film.mp4", FILM.to_vec());
    let (shown, picture) = look(&app, "film.mp4").await;
    assert!(picture.is_none() && shown["note"].as_str().unwrap().contains("too large"), "{shown}");
    let noted = std::fs::read_to_string(noted).unwrap();
    assert!(!noted.contains("HOME=") && !noted.contains("PATH=/") && !noted.contains("CARGO"), "{noted}");
    assert!(noted.contains("-protocol_whitelist file") && noted.contains("-f mov -i"), "{noted}");
    let input = noted.split("-i ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(input.contains("comfywarden-") && !std::path::Path::new(input).exists(), "{input}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_fails_leaves_a_word_and_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let program = stand_in(folder.path(), "echo 'cannot read /srv/secret' >&2; exit 1");
    let app = TestApp::with(|config| config.files.ffmpeg = program).await;
    app.sim.put_file("output", "", "film.mp4", FILM.to_vec());
    let (shown, _) = look(&app, "film.mp4").await;
    let note = shown["note"].as_str().unwrap();
    assert!(note.contains("may be damaged") && !note.contains("secret"), "{note}");
}

#[tokio::test]
async fn a_large_file_is_no_resource_and_the_refusal_says_where_it_is() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "long.mp4", vec![0; 33 << 20]);
    let caller = Caller::local();
    let read = app.app.read(&caller, ToolFilter::default(), "comfyui://outputs/output/long.mp4");
    let error = bounded(read).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.details()["limit_bytes"].as_u64()),
        (Kind::Denied, Some(32 << 20)),
        "{error}"
    );
    assert!(error.hint_text().unwrap().contains(&app.sim.url()), "{error}");
}

#[tokio::test]
async fn links_to_the_outside_are_given_where_comfyui_has_an_address_there() {
    let app = TestApp::with(|config| {
        config.comfyui.external_url = Some("https://comfy.example.com/ui".parse().unwrap());
    })
    .await;
    let shown = app.call("comfyui_get_image", json!({"filename": "example.png", "type": "input"})).await;
    let url = shown["url"].as_str().unwrap();
    assert!(url.starts_with("https://comfy.example.com/ui/view?filename=example.png"), "{url}");
}
