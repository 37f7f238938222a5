//! How much work a workflow asks for: pixels × steps × pictures × frames, in megapixel-steps.
//!
//! An estimate for the rate limit, from constants alone: what cannot be read counts as one ordinary picture.

use serde_json::Value;

use crate::workflow::{Link, Node, Workflow};

/// The size of a picture that comes from a file, whose size is not known here.
const ORDINARY_MEGAPIXELS: f64 = 1.0;
/// More than any workflow does; keeps products finite.
const MOST: f64 = 1e12;

/// The work of a workflow. Never below zero, always finite.
pub fn megapixel_steps(workflow: &Workflow) -> f64 {
    let mut largest = 0.0_f64;
    let mut steps = 0.0;
    let mut copies = 1.0;
    for (_, node) in workflow.iter() {
        let number = |names: &[&str]| names.iter().find_map(|name| number(workflow, node, name));
        let at_least_one = |names: &[&str]| number(names).map_or(1.0, |count| count.max(1.0));
        if let (Some(width), Some(height)) = (number(&["width"]), number(&["height"])) {
            let frames = at_least_one(&["length", "frames", "num_frames", "video_frames", "frame_count"]);
            let pictures = at_least_one(&["batch_size", "batch_count"]);
            largest = largest.max(width.max(0.0) * height.max(0.0) * frames * pictures / 1e6);
        }
        if node.class_type.starts_with("Repeat") {
            copies *= at_least_one(&["amount"]);
        }
        copies *= at_least_one(&["scale_by", "upscale_by"]).powi(2);
        steps += number(&["steps"]).map_or(0.0, |steps| steps.max(0.0));
    }
    let megapixels = if largest > 0.0 { largest } else { ORDINARY_MEGAPIXELS };
    (megapixels * copies * steps.max(1.0)).clamp(0.0, MOST)
}

/// A number in an input, or in the node that a link names.
fn number(workflow: &Workflow, node: &Node, name: &str) -> Option<f64> {
    let value = node.inputs.get(name)?;
    plain(value).or_else(|| {
        let source = workflow.get(Link::read(value)?.node_id.as_str())?;
        ["value", "int", "number"].iter().find_map(|name| plain(source.inputs.get(*name)?))
    })
}

/// ComfyUI turns text into numbers where it wants numbers.
fn plain(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.len() <= 32 => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn weighs(value: &Value, expected: f64) {
        let work = megapixel_steps(&Workflow::from_value(value).unwrap());
        assert!((work - expected).abs() < 0.01, "{work}");
    }

    #[test]
    fn pixels_steps_pictures_and_frames_multiply() {
        let picture = |width, batch, steps| {
            json!({
                "1": {"class_type": "EmptyLatentImage", "inputs": {"width": width, "height": 1000, "batch_size": batch}},
                "2": {"class_type": "KSampler", "inputs": {"steps": steps, "latent_image": ["1", 0]}}
            })
        };
        weighs(&picture(1000, 1, 20), 20.0);
        weighs(&picture(2000, 4, 20), 160.0);
        let film = json!({
            "1": {"class_type": "EmptyHunyuanLatentVideo",
                "inputs": {"width": 1000, "height": 1000, "length": 81, "batch_size": 1}},
            "2": {"class_type": "KSampler", "inputs": {"steps": 10}},
            "3": {"class_type": "KSampler", "inputs": {"steps": 10}}
        });
        weighs(&film, 1620.0);
    }

    #[test]
    fn repeats_links_and_texts_count_and_odd_values_do_not_break_it() {
        let repeated = json!({
            "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
            "2": {"class_type": "RepeatLatentBatch", "inputs": {"amount": ["9", 0]}},
            "3": {"class_type": "LatentUpscaleBy", "inputs": {"scale_by": "2.0"}},
            "4": {"class_type": "KSampler", "inputs": {"steps": 5}},
            "9": {"class_type": "PrimitiveInt", "inputs": {"value": 8}}
        });
        weighs(&repeated, 160.0);
        let odd = json!({"1": {"class_type": "X", "inputs":
            {"width": -5, "height": "nan", "steps": 1e300, "batch_size": null, "amount": [1, 2]}}});
        assert!(megapixel_steps(&Workflow::from_value(&odd).unwrap()).is_finite());
        let endless: serde_json::Map<String, Value> = (0..400)
            .map(|n| (n.to_string(), json!({"class_type": "RepeatImageBatch", "inputs": {"amount": 4096}})))
            .collect();
        weighs(&Value::Object(endless), MOST);
        weighs(&json!({"1": {"class_type": "SaveImage", "inputs": {}}}), 1.0);
    }
}
