//! Promises of the simulated server beyond the recordings: pictures, kinds of output, the journal.
#![expect(clippy::indexing_slicing, reason = "an answer without the expected field is a failed test")]

use comfywarden_sim::{CancelRoutes, Manager, Sim, SimHandle};
use serde_json::{Value, json};

use super::client::{self, Frame, Socket, get, post, submit};

/// A text-to-image graph for the default models.
pub(super) fn text_to_image(size: u32, steps: u32, seed: u64) -> Value {
    json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": size, "height": size, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "a yellow apple"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "bad"}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0], "seed": seed, "steps": steps, "cfg": 7.0, "sampler_name": "euler",
            "scheduler": "normal", "denoise": 1.0}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sim"}},
    })
}

/// Runs a graph to its end and gives its outputs.
pub(super) async fn outputs(sim: &SimHandle, graph: &Value) -> Value {
    let mut socket = Socket::open(sim, "outputs").await;
    let id = submit(sim, Some("outputs"), graph).await;
    socket.until_end_of(&id).await;
    get(sim, &format!("/history/{id}")).await.body()[&id]["outputs"].clone()
}

/// The one picture that a graph saves under the prefix `sim`.
async fn picture(sim: &SimHandle, graph: &Value) -> image::RgbImage {
    let outputs = outputs(sim, graph).await;
    let file = outputs
        .as_object()
        .and_then(|nodes| nodes.values().next())
        .map(|shown| &shown["images"][0]["filename"]);
    let name = file.and_then(Value::as_str).unwrap_or_default();
    let bytes = sim.file("output", "", name).unwrap_or_default();
    image::load_from_memory(&bytes).map(image::DynamicImage::into_rgb8).unwrap_or_default()
}

#[tokio::test]
async fn a_saved_picture_holds_prompt_workflow_and_the_word_simulated() {
    let sim = Sim::instant().start().await.unwrap();
    let graph = text_to_image(64, 3, 1);
    let workflow = json!({"id": "w", "title": "Äpfel"});
    let extra = json!({"extra_pnginfo": {"workflow": workflow}});
    let mut socket = Socket::open(&sim, "a").await;
    let body = json!({"prompt": graph, "client_id": "a", "prompt_id": "p", "extra_data": extra});
    assert_eq!(post(&sim, "/prompt", &body).await.status, 200);
    socket.until_end_of("p").await;

    let file = get(&sim, "/view?filename=sim_00001_.png").await;

    let reader = png::Decoder::new(std::io::Cursor::new(file.bytes)).read_info().unwrap();
    let texts = &reader.info().uncompressed_latin1_text;
    let keys: Vec<&str> = texts.iter().map(|text| text.keyword.as_str()).collect();
    assert_eq!(keys, ["prompt", "workflow", "simulated"]);
    assert_eq!(serde_json::from_str::<Value>(&texts[0].text).unwrap(), graph);
    assert_eq!(serde_json::from_str::<Value>(&texts[1].text).unwrap(), workflow);
}

#[tokio::test]
async fn a_painted_picture_follows_from_text_seed_and_size() {
    let sim = Sim::instant().start().await.unwrap();
    let first = picture(&sim, &text_to_image(64, 1, 1)).await;
    let other_seed = picture(&sim, &text_to_image(64, 1, 2)).await;
    let larger = picture(&sim, &text_to_image(96, 1, 1)).await;
    let again = picture(&Sim::instant().start().await.unwrap(), &text_to_image(64, 1, 1)).await;

    assert_eq!(first, again);
    assert_ne!(first, other_seed);
    assert_eq!(larger.dimensions(), (96, 96));
}

#[tokio::test]
async fn a_sampler_reports_as_many_steps_as_it_has() {
    let sim = Sim::instant().start().await.unwrap();
    let mut socket = Socket::open(&sim, "a").await;
    let id = submit(&sim, Some("a"), &text_to_image(64, 7, 1)).await;

    let frames = socket.until_end_of(&id).await;

    let steps =
        frames.iter().filter(|frame| matches!(frame, Frame::Text(event) if event["type"] == "progress"));
    assert_eq!(steps.count(), 7);
    let previews = frames.iter().filter(|frame| matches!(frame, Frame::Binary(_)));
    assert_eq!(previews.count(), 7);
}

#[tokio::test]
async fn pictures_without_a_model_are_really_worked_on() {
    let sim = Sim::instant().start().await.unwrap();
    let graph = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 4, "batch_size": 1, "color": 0x0010_2030}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "ImageBlend", "inputs": {"image1": ["1", 0], "image2": ["2", 0], "blend_factor": 0.5, "blend_mode": "normal"}},
        "4": {"class_type": "ImageScale", "inputs": {"image": ["2", 0], "upscale_method": "nearest-exact", "width": 16, "height": 0, "crop": "disabled"}},
        "5": {"class_type": "ImageCrop", "inputs": {"image": ["4", 0], "width": 4, "height": 2, "x": 1, "y": 1}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "sim"}},
    });
    let cropped = picture(&sim, &graph).await;
    assert_eq!(cropped.dimensions(), (4, 2));
    assert_eq!(cropped.get_pixel(0, 0).0, [0xef, 0xdf, 0xcf]);

    let mut blended = graph;
    blended["9"]["inputs"]["images"] = json!(["3", 0]);
    assert_eq!(picture(&sim, &blended).await.get_pixel(3, 3).0, [128, 128, 128]);
}

#[tokio::test]
async fn masks_select_what_a_composite_shows() {
    let sim = Sim::instant().start().await.unwrap();
    let graph = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "EmptyImage", "inputs": {"width": 4, "height": 4, "batch_size": 1, "color": 0x00ff_0000}},
        "3": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 4, "height": 4}},
        "4": {"class_type": "ImageCompositeMasked", "inputs": {"destination": ["1", 0], "source": ["2", 0], "mask": ["3", 0], "x": 2, "y": 2, "resize_source": false}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "sim"}},
    });
    let shown = picture(&sim, &graph).await;
    assert_eq!((shown.get_pixel(1, 1).0, shown.get_pixel(2, 2).0), ([0, 0, 0], [255, 0, 0]));

    let mut inverted = graph;
    inverted["5"] = json!({"class_type": "InvertMask", "inputs": {"mask": ["3", 0]}});
    inverted["4"]["inputs"]["mask"] = json!(["5", 0]);
    assert_eq!(picture(&sim, &inverted).await.get_pixel(2, 2).0, [0, 0, 0]);
}

#[tokio::test]
async fn every_kind_of_output_exists_and_can_be_fetched() {
    let sim = Sim::instant().start().await.unwrap();
    let graph = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 2, "color": 0}},
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8.0}},
        "3": {"class_type": "EmptyAudio", "inputs": {"duration": 1.0, "sample_rate": 44100, "channels": 2}},
        "4": {"class_type": "EmptyLatentHunyuan3Dv2", "inputs": {"resolution": 3072, "batch_size": 1}},
        "10": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "11": {"class_type": "SaveAnimatedWEBP", "inputs": {"images": ["1", 0], "filename_prefix": "a", "fps": 6.0, "lossless": true, "quality": 80, "method": "default"}},
        "12": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0], "filename_prefix": "video/v", "format": "auto", "codec": "auto"}},
        "13": {"class_type": "SaveAudio", "inputs": {"audio": ["3", 0], "filename_prefix": "audio/s"}},
        "14": {"class_type": "SaveAudioMP3", "inputs": {"audio": ["3", 0], "filename_prefix": "audio/s", "quality": "V0"}},
        "15": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    });

    let outputs = outputs(&sim, &graph).await;

    let kinds: Vec<(&str, &str, &str)> = vec![
        ("10", "images", "png"),
        ("11", "images", "webp"),
        ("12", "images", "mp4"),
        ("13", "audio", "flac"),
        ("14", "audio", "mp3"),
    ];
    for (node, key, extension) in kinds {
        let file = &outputs[node][key][0];
        let text = |name: &str| file[name].as_str().unwrap_or_default();
        assert!(text("filename").ends_with(extension), "{node}: {file}");
        let path = format!(
            "/view?filename={}&subfolder={}&type={}",
            text("filename"),
            text("subfolder"),
            text("type")
        );
        let answer = get(&sim, &path).await;
        assert!(answer.status == 200 && !answer.bytes.is_empty(), "{path}");
    }
    assert!(outputs["15"]["text"][0].is_string());
    assert_eq!(outputs["12"]["animated"], json!([true]));
}

#[tokio::test]
async fn the_journal_lists_requests_with_method_path_query_headers_and_body() {
    let sim = Sim::instant().start().await.unwrap();
    post(&sim, "/api/interrupt", &json!({"prompt_id": "p"})).await;
    get(&sim, "/view?filename=x.png").await;
    let _socket = Socket::open(&sim, "a").await;

    let journal = sim.journal();

    let listed: Vec<(&str, &str, &str)> = journal
        .iter()
        .map(|request| (request.method.as_str(), request.path.as_str(), request.query.as_str()))
        .collect();
    let expected =
        [("POST", "/interrupt", ""), ("GET", "/view", "filename=x.png"), ("GET", "/ws", "clientId=a")];
    assert_eq!(listed, expected);
    assert_eq!(journal[0].json, Some(json!({"prompt_id": "p"})));
    assert_eq!(journal[0].raw_path, "/api/interrupt");
    assert_eq!(journal[0].header("content-type"), Some("application/json"));
    assert!(journal[2].opens_socket && !journal[1].opens_socket);
    sim.clear_journal();
    assert!(sim.journal().is_empty());
}

#[tokio::test]
async fn choices_follow_the_models_and_files_of_the_moment() {
    let sim = Sim::instant().no_models().start().await.unwrap();
    sim.set_models("checkpoints", ["b.safetensors", "a.safetensors"]);
    sim.put_file("input", "", "mine.png", vec![1]);

    let loader = get(&sim, "/object_info/CheckpointLoaderSimple").await.body();
    let image = get(&sim, "/object_info/LoadImage").await.body();

    let names = &loader["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0];
    assert_eq!(names, &json!(["a.safetensors", "b.safetensors"]));
    assert_eq!(image["LoadImage"]["input"]["required"]["image"][0], json!(["example.png", "mine.png"]));
}

#[tokio::test]
async fn cancel_routes_can_be_present() {
    let sim = Sim::instant().cancel_routes(CancelRoutes::Present).start().await.unwrap();
    let gate = sim.hold("KSampler");
    let mut socket = Socket::open(&sim, "a").await;
    let running = submit(&sim, Some("a"), &text_to_image(64, 2, 1)).await;
    let pending = submit(&sim, Some("a"), &text_to_image(64, 2, 2)).await;
    gate.reached().await;

    assert_eq!(post(&sim, &format!("/api/jobs/{pending}/cancel"), &json!({})).await.status, 200);
    assert_eq!(post(&sim, &format!("/api/jobs/{running}/cancel"), &json!({})).await.status, 200);
    socket.until_end_of(&running).await;

    let job = get(&sim, &format!("/api/jobs/{running}")).await.body();
    assert_eq!(job["status"], "cancelled");
    assert_eq!(get(&sim, &format!("/api/jobs/{pending}")).await.status, 404);
}

#[tokio::test]
async fn the_manager_is_absent_unless_asked_for() {
    let without = Sim::instant().start().await.unwrap();
    assert_eq!(get(&without, "/v2/manager/version").await.status, 404);

    let sim = Sim::instant().manager(Manager::V4).start().await.unwrap();
    assert_eq!(get(&sim, "/v2/manager/version").await.body(), "V4.1");
    let mut socket = Socket::open(&sim, "mgr").await;
    for (ui_id, node) in [("t1", "comfyui-rig-nonexistent"), ("t2", "fine")] {
        let task = json!({"ui_id": ui_id, "client_id": "mgr", "kind": "install", "params": {"id": node}});
        assert_eq!(post(&sim, "/v2/manager/queue/task", &task).await.status, 200);
    }
    assert_eq!(get(&sim, "/v2/manager/queue/status").await.body()["pending_count"], 2);
    assert_eq!(get(&sim, "/v2/manager/queue/start").await.status, 200);

    let all_done = Frame::Text(json!({"type": "cm-queue-status", "data": {"status": "all-done"}}));
    let frames = socket.until(|frame| *frame == all_done).await;
    let done: Vec<&Value> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Text(event) if event["type"] == "cm-task-completed" => {
                Some(&event["data"]["status"]["status_str"])
            }
            _ => None,
        })
        .collect();
    assert_eq!(done, ["error", "success"]);
    assert_eq!(get(&sim, "/v2/manager/queue/start").await.status, 201);
}

#[tokio::test]
async fn a_required_header_keeps_strangers_out() {
    let sim = Sim::instant().require_header("X-API-Key", "secret").start().await.unwrap();

    assert_eq!(get(&sim, "/queue").await.status, 401);
    let known = client::send(client::request(&sim, "GET", "/queue").header("x-api-key", "secret")).await;
    assert_eq!(known.status, 200);
}

#[tokio::test]
async fn bodies_up_to_the_advertised_size_are_taken_and_larger_ones_refused() {
    const SIZE: usize = 6 << 20;
    let sim = Sim::instant().max_body(SIZE).start().await.unwrap();
    assert_eq!(get(&sim, "/features").await.body()["max_upload_size"], SIZE);
    let mut graph = text_to_image(64, 1, 1);
    graph["6"]["inputs"]["text"] = "x".repeat(4 << 20).into();
    assert_eq!(post(&sim, "/prompt", &json!({"prompt": graph})).await.status, 200);
    for (bytes, status) in [(5 << 20, 200), (7 << 20, 413)] {
        let part = reqwest::multipart::Part::bytes(vec![7; bytes]).file_name("large.png");
        let form = reqwest::multipart::Form::new().part("image", part);
        let answer = client::send(client::request(&sim, "POST", "/upload/image").multipart(form)).await;
        assert_eq!(answer.status, status, "{bytes} bytes: {}", answer.body());
    }
    assert_eq!(sim.file("input", "", "large.png").map(|file| file.len()), Some(5 << 20));
}
