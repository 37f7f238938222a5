//! Warns about latents and batches that are larger than a graphics card is likely to hold.

use serde_json::Value;

use super::inputs::Number;
use super::{Checker, NodeRef, Problem, ProblemKind};

/// Pixels of one picture above which a warning is due (4096 × 4096).
const MAX_PIXELS: f64 = 16_777_216.0;
/// Pixels of all pictures of a batch or clip above which a warning is due (about 160 frames at 832 × 480).
const MAX_TOTAL: f64 = 67_108_864.0;
/// Pictures per run above which a warning is due.
const MAX_BATCH: f64 = 64.0;

pub(super) fn check(checker: &mut Checker<'_>) {
    let workflow = checker.workflow;
    for (id, node) in workflow.iter() {
        let number = |name: &str| node.inputs.get(name).and_then(Number::read).map(Number::as_f64);
        let (Some(width), Some(height)) = (number("width"), number("height")) else { continue };
        let batch = number("batch_size").unwrap_or(1.0).max(1.0);
        let length = number("length").unwrap_or(1.0).max(1.0);
        let empty = node.class_type.contains("Empty") || node.class_type.contains("Latent");
        let (pixels, total) = (width * height, width * height * batch * length);
        let what = if pixels > MAX_PIXELS {
            format!("{width}x{height} is more than 4096x4096 pixels")
        } else if empty && batch > MAX_BATCH {
            format!("a batch of {batch} is more than {MAX_BATCH}")
        } else if total > MAX_TOTAL {
            format!("{width}x{height} times {} is a lot of pixels", batch * length)
        } else {
            continue;
        };
        let message = format!("{what}; it may not fit into memory");
        let problem = Problem::of_node(ProblemKind::Oversized, NodeRef { id, node }, &message);
        checker.problems.push(problem.received(&Value::from(total)).warning());
    }
}
