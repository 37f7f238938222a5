//! Prints how long the workflow functions take for 100, 1 000 and 10 000 nodes, in milliseconds.
//!
//! `cargo run --release --example bench_workflow [OBJECT_INFO.json]`. Without a catalogue, the check looks at
//! the graph alone.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use comfywarden_workflow::edit::{self, Operation};
use comfywarden_workflow::templates::{Model, Txt2Img};
use comfywarden_workflow::{ObjectInfo, Workflow, analyze, check, diff, outline, script, summary};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let object_info = match std::env::args().nth(1) {
        Some(path) => Some(ObjectInfo::parse(&std::fs::read(path)?)?),
        None => None,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:>7} {}", "nodes", STEPS.map(|step| format!("{step:>9}")).join(""))?;
    for nodes in [100, 1_000, 10_000] {
        let workflow = grown(nodes);
        let times = measure(&workflow, object_info.as_ref())?;
        writeln!(out, "{:>7} {}", workflow.len(), times.map(|ms| format!("{ms:>9.2}")).join(""))?;
    }
    Ok(())
}

const STEPS: [&str; 8] = ["check", "analyze", "diff", "print", "parse", "mermaid", "outline", "edit"];

/// Milliseconds of each step: the best of three.
fn measure(workflow: &Workflow, object_info: Option<&ObjectInfo>) -> Result<[f64; 8], Box<dyn Error>> {
    let mut changed = workflow.clone();
    let operations = Operation::read_list(&json!([
        {"op": "set_input", "node_id": "5", "input_name": "steps", "value": 9},
        {"op": "remove_node", "node_id": "7"},
    ]))?;
    edit::apply(&mut changed, &operations, object_info)?;
    let text = script::print(workflow);
    let mut best = [f64::MAX; 8];
    for _ in 0..3 {
        let times = [
            time(|| check::check(workflow, object_info).len()),
            time(|| analyze::analyze(workflow, object_info).node_count),
            time(|| diff::diff(workflow, &changed).unchanged),
            time(|| script::print(workflow).len()),
            time(|| script::parse(&text, object_info).map_or(0, |parsed| parsed.workflow.len())),
            time(|| summary::mermaid(workflow, object_info).len()),
            time(|| outline::outline(workflow, 20_000).len()),
            time(|| edit::apply(&mut workflow.clone(), &operations, object_info).map_or(0, |c| c.len())),
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time);
        }
    }
    Ok(best)
}

fn time(work: impl FnOnce() -> usize) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64() * 1000.0
}

/// A chain of text-to-image graphs: one checkpoint feeds all of them, as large graphs are in practice.
fn grown(nodes: usize) -> Workflow {
    let one = Txt2Img {
        positive: "a fox".into(),
        negative: "blurry".into(),
        width: 512,
        height: 512,
        steps: 20,
        cfg: 7.0,
        sampler_name: "euler".into(),
        scheduler: "normal".into(),
        denoise: 1.0,
        seed: 1,
        batch_size: 1,
        model: Model::Checkpoint { name: "sd15_tiny_random.safetensors".into() },
        loras: Vec::new(),
        vae: None,
        prefix: "bench".into(),
        clip_skip: 1,
        guidance: None,
    }
    .build();
    let mut workflow = Workflow::new();
    for copy in 0..nodes.div_ceil(one.len()) {
        for (id, node) in one.iter() {
            let shift = |id: &str| (id.parse::<usize>().unwrap_or(0) + copy * one.len()).to_string();
            let mut node = node.clone();
            for value in node.inputs.values_mut() {
                if let Some(link) = comfywarden_workflow::Link::read(value) {
                    // Every copy takes its model from the first one.
                    let source = link.node_id.as_str();
                    let source = if source == "1" { "1".to_owned() } else { shift(source) };
                    *value = Value::Array(vec![source.into(), link.output.into()]);
                }
            }
            workflow.insert(shift(id.as_str()), node);
        }
    }
    workflow
}
