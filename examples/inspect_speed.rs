//! How fast the inspector is, from 1 KB to 10 MB.
//!
//! `cargo run --release --example inspect_speed`
//!
//! Parsing is stated apart. The graph is text-to-image over and over, with a custom node in each round.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use comfywarden::{
    config::Security,
    security::{Inspector, Knowledge},
    workflow::Workflow,
};
use serde_json::{Map, Value, json};

fn main() -> io::Result<()> {
    let inspector = Inspector::new(&Security::default());
    let mut out = io::stdout().lock();
    let only = std::env::args().nth(1);
    for kind in ["short texts", "long prompts", "custom code inputs"] {
        if only.as_deref().is_some_and(|only| only != kind) {
            continue;
        }
        writeln!(out, "{kind}")?;
        for bytes in [1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20] {
            let text = graph(kind, bytes).to_string();
            let start = Instant::now();
            let value: Value = serde_json::from_str(&text)?;
            let parsed = start.elapsed();
            let Ok(workflow) = Workflow::from_value(&value) else { continue };
            let value = workflow.to_value();
            // The best of several rounds: the machine may be busy with something else.
            let mut found = 0;
            let mut inspected = Duration::MAX;
            for _ in 0..rounds(bytes) {
                let (start, worked) = (Instant::now(), on_processor());
                found = inspector.inspect_value(&value, &Knowledge::default()).len();
                let worked = on_processor().zip(worked).map(|(after, before)| after.saturating_sub(before));
                // The kernel counts in ticks; below that the clock on the wall is the better one.
                let busy = worked.filter(|worked| *worked > Duration::from_millis(8));
                inspected = inspected.min(busy.unwrap_or_else(|| start.elapsed()));
            }
            // Bytes per microsecond are megabytes per second.
            let speed = text.len() as u128 * 10 / inspected.as_micros().max(1);
            writeln!(
                out,
                "{:>9} bytes, {:>6} nodes: parse {:>9.2?}, inspect {:>9.2?} = {:>5}.{} MB/s, {found} findings",
                text.len(),
                workflow.len(),
                parsed,
                inspected,
                speed / 10,
                speed % 10
            )?;
        }
    }
    Ok(())
}

/// How long this thread has been on a processor, where the system tells.
fn on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Small graphs are measured more often.
fn rounds(bytes: usize) -> usize {
    (4 << 20) / bytes.clamp(1 << 18, 1 << 20) + 2
}

/// A graph whose text has about `bytes` bytes.
fn graph(kind: &str, bytes: usize) -> Value {
    let prompt =
        if kind == "long prompts" { "a castle on a hill, ".repeat(100) } else { "a castle".to_owned() };
    let custom =
        if kind == "custom code inputs" { "a * 2 + round(b, 1) ".repeat(20) } else { "a * 2".to_owned() };
    let mut map = Map::new();
    let mut size = 0;
    let mut round = 0;
    while size < bytes && map.len() < 19_990 {
        let id = |n: usize| (round * 10 + n).to_string();
        let nodes = [
            json!({"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl/base_1.0.safetensors"}}),
            json!({"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": [id(0), 1]}}),
            json!({"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}}),
            json!({"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 7.0, "sampler_name": "euler",
                "scheduler": "normal", "denoise": 1.0, "model": [id(0), 0], "positive": [id(1), 0],
                "negative": [id(1), 0], "latent_image": [id(2), 0]}}),
            json!({"class_type": "VAEDecode", "inputs": {"samples": [id(3), 0], "vae": [id(0), 2]}}),
            json!({"class_type": "MathExpression", "inputs": {"expression": custom}}),
            json!({"class_type": "SaveImage", "inputs": {"filename_prefix": "out/x", "images": [id(4), 0]}}),
        ];
        for (n, node) in nodes.into_iter().enumerate() {
            size += node.to_string().len() + 8;
            map.insert(id(n), node);
        }
        round += 1;
    }
    Value::Object(map)
}
