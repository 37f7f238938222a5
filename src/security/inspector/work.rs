//! How much work a node asks for.

use serde_json::Value;

use super::{classes::Origin, flow::Flow};
use crate::error::JsonObject;

/// The largest side of a picture; ComfyUI's own limit.
const MOST_SIDE: f64 = 16_384.0;
/// The most sampling steps; ComfyUI allows 10000, pictures need a hundredth of that.
const MOST_STEPS: f64 = 1_000.0;
/// The most pictures at once.
const MOST_BATCH: f64 = 512.0;
/// The most frames of one video.
const MOST_FRAMES: f64 = 8_192.0;
/// The most that a picture grows by.
const MOST_SCALE: f64 = 32.0;
/// The longest sound or film.
const MOST_SECONDS: f64 = 7_200.0;
/// The most pixels of one latent, over batch and frames.
const MOST_PIXELS: f64 = 8e9;
/// The most repetitions of anything.
const MOST_REPEATS: f64 = 10_000.0;

/// The inputs that ask for too much, and why.
pub(super) fn excesses(
    class: &str,
    inputs: &JsonObject,
    origin: Origin,
    flow: &Flow<'_>,
) -> Vec<(String, String)> {
    let repeats = class.contains("Repeat") || class.contains("Batch");
    let mut excesses = Vec::new();
    let mut pixels = 1.0;
    let mut sides = 0;
    for (name, value) in inputs {
        let Some(number) = number(value) else { continue };
        let known = flow.name(name);
        let words = &known.words;
        let whole = words.len() == 1;
        let last = words.last().map(String::as_str).unwrap_or_default();
        let most = match last {
            "width" | "height" => {
                sides += usize::from(whole);
                MOST_SIDE
            }
            "steps" => MOST_STEPS,
            "size" | "amount" | "count" | "num" | "images" | "batch" if is_batch(words, repeats) => {
                MOST_BATCH
            }
            "by" | "factor" | "multiplier" | "scale"
                if words.iter().any(|w| w.contains("scale") || w == "resize") =>
            {
                MOST_SCALE
            }
            "length" | "frames" if !words.iter().any(|word| word == "context") => MOST_FRAMES,
            "count" | "number" | "num" if words.iter().any(|word| word == "frame" || word == "frames") => {
                MOST_FRAMES
            }
            "seconds" | "duration" => MOST_SECONDS,
            "iterations" | "loops" | "repeats" | "repeat" | "loop" => MOST_REPEATS,
            "megapixels" => MOST_SIDE * MOST_SIDE / 1e6,
            _ => continue,
        };
        let least = if origin == Origin::Core { 0.0 } else { -1.0 };
        if number > most {
            excesses.push((name.clone(), format!("{number} is more than {most}")));
        } else if number < least
            && matches!(last, "width" | "height" | "steps" | "length" | "frames" | "size" | "amount")
        {
            excesses.push((name.clone(), format!("{number} is less than nothing")));
        }
        if (whole && matches!(last, "width" | "height" | "length" | "frames")) || is_batch(words, repeats) {
            pixels *= number.max(1.0);
        }
    }
    if sides >= 2 && pixels > MOST_PIXELS && excesses.is_empty() {
        excesses.push((
            "width".into(),
            format!("{pixels:.0} pixels over all frames are more than {MOST_PIXELS:.0}"),
        ));
    }
    excesses
}

/// An `amount` is one of pictures where the class repeats them, and a length where it cuts them.
fn is_batch(words: &[String], repeats: bool) -> bool {
    let has = |word: &str| words.iter().any(|w| w == word);
    has("batch") || (repeats && has("amount")) || (has("num") && has("images"))
}

/// ComfyUI turns text into numbers where it wants numbers.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.len() <= 32 => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(inputs: &Value) -> usize {
        let none = JsonObject::new();
        excesses("RepeatLatentBatch", inputs.as_object().unwrap(), Origin::Core, &Flow::new(&none, None))
            .len()
    }

    #[test]
    fn ordinary_work_is_no_excess() {
        assert_eq!(count(&json!({"width": 4096, "height": 2160, "batch_size": 4})), 0);
        assert_eq!(count(&json!({"width": 1280, "height": 720, "length": 241, "batch_size": 1})), 0);
        assert_eq!(
            count(
                &json!({"steps": 150, "seed": 18_446_744_073_709_551_615_u64, "width": 0, "tile_size": 512})
            ),
            0
        );
    }

    #[test]
    fn gigapixels_and_endless_loops_are() {
        assert_eq!(count(&json!({"width": 100_000, "height": 8})), 1);
        assert_eq!(count(&json!({"width": "100000", "height": 8})), 1);
        assert_eq!(count(&json!({"steps": 10_000})), 1);
        assert_eq!(count(&json!({"scale_by": 1000})), 1);
        assert_eq!(count(&json!({"frame_count": 1_000_000})), 1);
        assert_eq!(count(&json!({"seconds": 1e9})), 1);
        assert_eq!(count(&json!({"amount": 100_000})), 1);
        assert_eq!(count(&json!({"width": -8})), 1);
        assert_eq!(count(&json!({"width": 8192, "height": 8192, "length": 4096})), 1);
    }
}
