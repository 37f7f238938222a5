//! How fast the inspector is, from 1 KB to 10 MB.
//!
//! `cargo run --release --example inspect_speed`
//!
//! Parsing is stated apart, with the strict reader that workflows go through. The graph is text-to-image over and
//! over, with a custom node in each round; it ends where a workflow has as many nodes as are accepted, which short
//! texts reach at about 1 MB.
//!
//! Each size is inspected several times by one inspector, as a server does: it remembers what names say.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use comfywarden_policy::{Inspector, Knowledge, settings::Security};
use comfywarden_workflow::{
    Workflow,
    graph::MAX_NODES,
    json::{MAX_BYTES, parse},
};
use serde_json::{Map, Value, json};

const KINDS: [&str; 4] = ["short texts", "long prompts", "custom code inputs", "custom words"];

fn main() -> io::Result<()> {
    let inspector = Inspector::new(&Security::default());
    let mut out = io::stdout().lock();
    let only = std::env::args().nth(1);
    for kind in KINDS {
        if only.as_deref().is_some_and(|only| only != kind) {
            continue;
        }
        writeln!(out, "{kind}")?;
        for bytes in [1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20] {
            let text = graph(kind, bytes).to_string();
            let start = Instant::now();
            let value = parse(text.as_bytes()).map_err(|error| io::Error::other(error.to_string()))?;
            let parsed = start.elapsed();
            let workflow =
                Workflow::from_value(&value).map_err(|error| io::Error::other(error.to_string()))?;
            let (inspected, found) = time(&inspector, &workflow.to_value(), bytes);
            // Bytes per microsecond are megabytes per second.
            let speed = text.len() as u128 * 10_000 / inspected.as_nanos().max(1);
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

/// How long one inspection takes, and how much it finds. The best of several samples: the machine may be busy with
/// something else. Small graphs are inspected many times in one sample, since clocks are coarse.
fn time(inspector: &Inspector, value: &Value, bytes: usize) -> (Duration, usize) {
    let times = u32::try_from((8 << 20) / bytes).unwrap_or(1).max(1);
    let mut found = 0;
    let mut best = Duration::MAX;
    for _ in 0..12 {
        let (worked, start) = (on_processor(), Instant::now());
        for _ in 0..times {
            found = inspector.inspect_value(value, &Knowledge::default()).len();
        }
        let passed = start.elapsed();
        let worked = on_processor().zip(worked).map(|(after, before)| after.saturating_sub(before));
        // The kernel counts in ticks; below that the clock on the wall is the better one.
        let busy = worked.filter(|worked| *worked > Duration::from_millis(40));
        best = best.min(busy.unwrap_or(passed) / times);
    }
    (best, found)
}

/// How long this thread has been on a processor, where the system tells.
fn on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The two texts of a round: the prompt, and what the custom node gets. Where texts are long they are as long as it
/// takes to have `bytes` bytes with as many nodes as are accepted.
fn texts(kind: &str, bytes: usize) -> (String, String) {
    let at_least = |text: &str, least: usize| text.repeat(least.max(bytes * 7 / MAX_NODES / text.len()));
    let prompt = match kind {
        "long prompts" => at_least("a castle on a hill, ", 100),
        _ => "a castle".to_owned(),
    };
    let custom = match kind {
        "custom code inputs" => at_least("a * 2 + round(b, 1) ", 20),
        "custom words" => at_least("cinematic light, masterpieces of architecture ", 10),
        _ => "a * 2".to_owned(),
    };
    (prompt, custom)
}

/// A graph whose text has about `bytes` bytes, or as many nodes as are accepted.
fn graph(kind: &str, bytes: usize) -> Value {
    let (prompt, custom) = texts(kind, bytes);
    // A custom node of which only a taker's taker makes words, or one that computes.
    let (class, input) =
        if kind == "custom words" { ("TextStyler", "value") } else { ("MathExpression", "expression") };
    let mut map = Map::new();
    let mut size = 0;
    let mut round = 0;
    while size < bytes && map.len() + 7 <= MAX_NODES {
        let id = |n: usize| (round * 10 + n).to_string();
        let text = if kind == "custom words" { json!([id(5), 0]) } else { json!(prompt) };
        let nodes = [
            json!({"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl/base_1.0.safetensors"}}),
            json!({"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": [id(0), 1]}}),
            json!({"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}}),
            json!({"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 7.0, "sampler_name": "euler",
                "scheduler": "normal", "denoise": 1.0, "model": [id(0), 0], "positive": [id(1), 0],
                "negative": [id(1), 0], "latent_image": [id(2), 0]}}),
            json!({"class_type": "VAEDecode", "inputs": {"samples": [id(3), 0], "vae": [id(0), 2]}}),
            json!({"class_type": class, "inputs": {input: custom, "strength": 1.0, "images": [id(4), 0]}}),
            json!({"class_type": "SaveImage", "inputs": {"filename_prefix": "out/x", "images": [id(4), 0]}}),
        ];
        let bytes_of_round: usize = nodes.iter().map(|node| node.to_string().len() + 8).sum();
        if size + bytes_of_round > MAX_BYTES - MAX_BYTES / 100 && size > 0 {
            break;
        }
        size += bytes_of_round;
        for (n, node) in nodes.into_iter().enumerate() {
            map.insert(id(n), node);
        }
        round += 1;
    }
    Value::Object(map)
}
