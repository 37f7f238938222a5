//! The checks of `POST /prompt`, compared with a real ComfyUI over many broken graphs.
//!
//! `COMFYUI_TEST_URL=http://127.0.0.1:8188 cargo test --test it -- --ignored live`
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a server that answers nonsense is a failed test"
)]

use comfywarden_sim::{Sim, SimHandle};
use serde_json::{Value, json};

use super::{client::send, recording::differences};

/// Texts that are not interface: names that a class's author gave.
const PROSE: [&str; 3] = ["prompt_id", "number", "input_config/1"];

fn cheap() -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "upscale_method": "bilinear", "width": 8, "height": 8, "crop": "disabled"}},
        "3": {"class_type": "ImageBlend", "inputs": {"image1": ["1", 0], "image2": ["2", 0], "blend_factor": 0.5, "blend_mode": "normal"}},
        "4": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 8, "height": 8}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "live"}},
        "10": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
    })
}

/// A sampler graph that no server accepts: the sampler has no steps.
fn costly(checkpoint: &Value) -> Value {
    json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "a cat"}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0],
            "latent_image": ["5", 0], "seed": 1, "steps": 0, "cfg": 7.0, "sampler_name": "euler",
            "scheduler": "normal", "denoise": 1.0}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "live"}},
    })
}

fn wrong_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!("abc"),
        json!("3"),
        json!("1.5"),
        json!(""),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(1_000_000_000),
        json!({"a": 1}),
        json!({"__value__": 4}),
        json!([]),
        json!(["1"]),
        json!(["1", 0, 0]),
        json!(["99", 0]),
        json!([1, 0]),
        json!(["1", 9]),
        json!(["1", "0"]),
        json!(["1", -1]),
        json!(["1", 0.0]),
        json!(["1", null]),
        json!(["1", true]),
        json!(["4", 0]),
        json!(["9", 0]),
    ]
}

/// Every input of every node taken away, or replaced by each of the wrong values.
fn mutations(graph: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (id, node) in graph.as_object().unwrap() {
        for name in node["inputs"].as_object().unwrap().keys() {
            let mut without = graph.clone();
            without[id]["inputs"].as_object_mut().unwrap().shift_remove(name);
            all.push(without);
            for value in wrong_values() {
                let mut other = graph.clone();
                other[id]["inputs"][name] = value;
                all.push(other);
            }
        }
    }
    all
}

/// ComfyUI keeps inputs and outputs in sets: their order, and which of several links to a bad node reports
/// it, change with every start of the server.
fn without_order(mut body: Value) -> Value {
    for (_, node) in body["node_errors"].as_object_mut().into_iter().flatten() {
        node["dependent_outputs"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        let errors = node["errors"].as_array_mut().unwrap();
        for error in errors.iter_mut().filter(|error| error["type"] == "exception_during_inner_validation") {
            error["extra_info"] = error["extra_info"]["exception_type"].clone();
        }
        errors.sort_by_key(|error| format!("{} {}", error["type"], error["details"]));
    }
    body
}

#[expect(clippy::disallowed_methods, reason = "the address of a real server is the tester's to name")]
fn real_url() -> String {
    std::env::var("COMFYUI_TEST_URL").unwrap()
}

async fn get(url: &str, path: &str) -> Value {
    send(crate::support::http_client().get(format!("{url}{path}"))).await.body()
}

/// A simulated server with the models of the real one.
async fn twin(url: &str) -> SimHandle {
    let sim = Sim::instant().no_models().start().await.unwrap();
    for folder in ["checkpoints", "loras", "vae", "upscale_models"] {
        let names: Vec<String> =
            serde_json::from_value(get(url, &format!("/models/{folder}")).await).unwrap();
        sim.set_models(folder, names);
    }
    sim
}

#[tokio::test]
#[ignore = "needs a real ComfyUI: set COMFYUI_TEST_URL"]
async fn live_refusals_are_those_of_a_real_server() {
    let url = real_url();
    let sim = twin(&url).await;
    let checkpoint = get(&url, "/models/checkpoints").await[0].clone();
    // One client for all: each new one reads the system's certificates.
    let client = crate::support::http_client();
    let post = |url: &str, body: &Value| send(client.post(format!("{url}/prompt")).json(body));
    let mut wrong = Vec::new();
    let graphs = mutations(&cheap()).into_iter().chain(mutations(&costly(&checkpoint)));
    for graph in graphs {
        let body = json!({"prompt": graph});
        let ours = post(&sim.url(), &body).await;
        if ours.status == 200 && graph.get("8").is_some() {
            // What our server would run is not asked of the real one, which would sample.
            continue;
        }
        let theirs = post(&url, &body).await;
        let mut found = differences(&json!(theirs.status), &json!(ours.status), &[]);
        let (theirs, mut ours) = (without_order(theirs.body()), without_order(ours.body()));
        if theirs.to_string().contains("exception_during") {
            // How much was looked at before the exception is a matter of order too.
            let known = theirs["node_errors"].as_object().cloned().unwrap_or_default();
            ours["node_errors"].as_object_mut().unwrap().retain(|id, _| known.contains_key(id));
        }
        found.extend(differences(&theirs, &ours, &PROSE));
        if !found.is_empty() {
            wrong.push(format!("{graph}\n{found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}
