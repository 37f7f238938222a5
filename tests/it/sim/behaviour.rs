//! What the simulated server promises to those who test against it.

use comfywarden::sim::Sim;
use serde_json::{Value, json};

use super::client::{Socket, get, submit};

#[tokio::test]
async fn a_text_to_image_graph_leaves_a_png_with_prompt_and_workflow_in_it() {
    let sim = Sim::instant().start().await.unwrap();
    let mut socket = Socket::open_with_flags(&sim, "a").await;
    let graph = text_to_image(64, 3);

    let id = submit(&sim, Some("a"), &graph).await;
    socket.until_end_of(&id).await;

    let entry = get(&sim, &format!("/history/{id}")).await.body();
    let file = &entry[&id]["outputs"]["9"]["images"][0];
    assert_eq!(file, &json!({"filename": "sim_00001_.png", "subfolder": "", "type": "output"}));
    let png = get(&sim, "/view?filename=sim_00001_.png").await;
    let decoder = png::Decoder::new(std::io::Cursor::new(png.bytes));
    let reader = decoder.read_info().unwrap();
    let texts = &reader.info().uncompressed_latin1_text;
    assert_eq!(texts[0].keyword, "prompt");
    assert_eq!(serde_json::from_str::<Value>(&texts[0].text).unwrap(), graph);
    assert!(texts.iter().any(|text| text.keyword == "simulated"));
}

fn text_to_image(size: u32, steps: u32) -> Value {
    json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": size, "height": size, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "a yellow apple"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "bad"}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0], "seed": 1, "steps": steps, "cfg": 7.0, "sampler_name": "euler",
            "scheduler": "normal", "denoise": 1.0}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sim"}},
    })
}
