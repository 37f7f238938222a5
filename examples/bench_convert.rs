//! How long a conversion takes: `cargo run --release --example bench_convert -- OBJECT_INFO.json`.
//!
//! Prints one line per size; ten times the nodes should take about ten times as long.

use std::{
    io::{self, Write as _},
    time::Instant,
};

use comfywarden_workflow::{
    ObjectInfo, UiWorkflow,
    convert::{to_api, to_ui},
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: bench_convert OBJECT_INFO.json")?;
    let info = ObjectInfo::parse(&std::fs::read(file)?)?;
    let mut out = io::stdout().lock();
    for size in [100, 1_000, 10_000] {
        let workflow = UiWorkflow::from_value(chains(size))?;
        let start = Instant::now();
        let converted = to_api(&workflow, &info)?;
        let there = start.elapsed();
        let start = Instant::now();
        to_ui(&converted.workflow, Some(&info))?;
        let back = start.elapsed();
        writeln!(out, "{size} nodes: to API {there:?}, to UI {back:?}")?;
    }
    Ok(())
}

/// Chains of a loader, two texts, a latent, a sampler, a reroute and a bypassed node before each save.
fn chains(nodes: usize) -> Value {
    let mut made = Vec::new();
    let mut links = Vec::new();
    let mut link = |from: usize, output: usize, to: usize, slot: usize, ty: &str| {
        links.push(json!([links.len() + 1, from, output, to, slot, ty]));
        links.len()
    };
    for chain in 0..nodes / 10 {
        let id = |at: usize| chain * 10 + at + 1;
        let node = |at: usize, ty: &str, inputs: Value, values: Value, mode: u32| json!({ "id": id(at), "type": ty, "mode": mode, "inputs": inputs, "outputs": [], "properties": {}, "widgets_values": values });
        let mut slot = |from: usize, output: usize, to: usize, at: usize, name: &str, ty: &str| json!({ "name": name, "type": ty, "link": link(id(from), output, id(to), at, ty) });
        made.push(node(0, "CheckpointLoaderSimple", json!([]), json!(["model.safetensors"]), 0));
        for text in [1, 2] {
            let clip = slot(0, 1, text, 0, "clip", "CLIP");
            made.push(node(text, "CLIPTextEncode", json!([clip]), json!(["a {red|blue} house"]), 0));
        }
        made.push(node(3, "EmptyLatentImage", json!([]), json!([512, 512, 1]), 0));
        let sampler = json!([
            slot(0, 0, 4, 0, "model", "MODEL"),
            slot(1, 0, 4, 1, "positive", "CONDITIONING"),
            slot(2, 0, 4, 2, "negative", "CONDITIONING"),
            slot(3, 0, 4, 3, "latent_image", "LATENT"),
        ]);
        made.push(node(4, "KSampler", sampler, json!([1, "fixed", 20, 8, "euler", "normal", 1]), 0));
        made.push(node(5, "Reroute", json!([slot(4, 0, 5, 0, "", "*")]), json!(null), 0));
        let decode = json!([slot(5, 0, 6, 0, "samples", "LATENT"), slot(0, 2, 6, 1, "vae", "VAE")]);
        made.push(node(6, "VAEDecode", decode, json!([]), 0));
        made.push(node(7, "ImageInvert", json!([slot(6, 0, 7, 0, "image", "IMAGE")]), json!([]), 4));
        made.push(node(8, "SaveImage", json!([slot(7, 0, 8, 0, "images", "IMAGE")]), json!(["out"]), 0));
        made.push(node(9, "Note", json!([]), json!(["chain"]), 0));
    }
    json!({ "nodes": made, "links": links, "version": 0.4 })
}
