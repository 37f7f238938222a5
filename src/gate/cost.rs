//! Estimates the work of a workflow: pixels × steps × pictures × frames, in megapixel-steps.
//!
//! An estimate for the rate limit, from constants alone, by the inspector's own reckoning: what it refuses as too much
//! and what is charged here are the same pixels. What cannot be read counts as one ordinary picture.

use comfywarden_policy::inspector::Inspector;
use comfywarden_workflow::Workflow;

/// Assumed size of a picture whose size is not known here, such as one that comes from a file.
const ORDINARY_MEGAPIXELS: f64 = 1.0;
/// Upper bound of an estimate; keeps products finite.
const MAX_COST: f64 = 1e12;

/// Estimates the work of a workflow. Never below zero, always finite.
///
/// Each sampler counts with its steps and the pictures that reach it, each node that makes or resizes pictures once.
/// The larger of both sums counts: samplers need far longer for a picture than all other nodes together.
pub fn megapixel_steps(inspector: &Inspector, workflow: &Workflow) -> f64 {
    let loads = inspector.work(workflow, ORDINARY_MEGAPIXELS * 1e6);
    let known = loads.iter().filter(|load| load.is_known).map(|load| load.megapixels);
    let largest = known.fold(0.0_f64, f64::max);
    let usual = if largest > 0.0 { largest } else { ORDINARY_MEGAPIXELS };
    let (mut sampled, mut resized, mut steps) = (0.0, 0.0, 0.0);
    for load in &loads {
        // A sampler whose pictures cannot be followed works on the largest there are.
        let megapixels = if load.is_known { load.megapixels } else { load.megapixels * usual };
        sampled += megapixels * load.steps;
        steps += load.steps;
        if load.resizes {
            resized += megapixels;
        }
    }
    let least = if steps > 0.0 || largest > 0.0 { 0.0 } else { ORDINARY_MEGAPIXELS };
    sampled.max(resized).max(least).clamp(0.0, MAX_COST)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn weighs(value: &Value, expected: f64) {
        let inspector = Inspector::new(&comfywarden_policy::settings::Security::default());
        let work = megapixel_steps(&inspector, &Workflow::from_value(value).unwrap());
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
            "2": {"class_type": "RepeatLatentBatch", "inputs": {"samples": ["1", 0], "amount": ["9", 0]}},
            "3": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["2", 0], "scale_by": "2.0"}},
            "4": {"class_type": "KSampler", "inputs": {"latent_image": ["3", 0], "steps": 5}},
            "9": {"class_type": "PrimitiveInt", "inputs": {"value": 8}}
        });
        weighs(&repeated, 160.0);
        let odd = json!({"1": {"class_type": "X", "inputs":
            {"width": -5, "height": "nan", "steps": 1e300, "batch_size": null, "amount": [1, 2]}}});
        let inspector = Inspector::new(&comfywarden_policy::settings::Security::default());
        assert!(megapixel_steps(&inspector, &Workflow::from_value(&odd).unwrap()).is_finite());
        let endless: serde_json::Map<String, Value> = (0..400)
            .map(|n: u16| {
                let from = json!([n.saturating_sub(1).to_string(), 0]);
                (
                    n.to_string(),
                    json!({"class_type": "RepeatImageBatch", "inputs": {"image": from, "amount": 4096}}),
                )
            })
            .collect();
        weighs(&Value::Object(endless), MAX_COST);
        weighs(&json!({"1": {"class_type": "SaveImage", "inputs": {}}}), 1.0);
    }

    #[test]
    fn pictures_count_as_large_as_they_are_where_they_are_worked_on() {
        let scaled = |class: &str, inputs: Value, steps: u32| {
            let mut scale = json!({"class_type": class, "inputs": inputs});
            scale["inputs"]["image"] = json!(["1", 0]);
            json!({
                "1": {"class_type": "EmptyImage", "inputs": {"width": 1000, "height": 1000}},
                "2": scale,
                "3": {"class_type": "KSampler", "inputs": {"latent_image": ["2", 0], "steps": steps}},
                "8": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "2x-soft.pth"}}
            })
        };
        weighs(&scaled("ImageScaleBy", json!({"scale_by": 8}), 10), 640.0);
        weighs(&scaled("ImageScale", json!({"width": 16_384, "height": 16_384}), 1), 269.44);
        weighs(&scaled("LatentUpscale", json!({"width": 4_000, "height": 0}), 2), 32.0);
        weighs(&scaled("ImageScaleToTotalPixels", json!({"megapixels": 9.0}), 2), 18.0);
        weighs(&scaled("ImageUpscaleWithModel", json!({"upscale_model": ["8", 0]}), 3), 12.0);
        weighs(&scaled("ImageUpscaleWithModel", json!({"upscale_model": ["7", 0]}), 3), 48.0);
        // What is enlarged after the sampler is not sampled.
        let mut after = scaled("ImageScaleBy", json!({"scale_by": 4}), 10);
        after["3"]["inputs"]["latent_image"] = json!(["1", 0]);
        weighs(&after, 17.0);
    }
}
