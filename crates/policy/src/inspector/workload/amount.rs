//! Tells what a number counts by the name of its input, and the most that it may be.

use crate::inspector::word_list::WordList;

/// Names that mean the same in every pack.
static USUAL: WordList = WordList::new(include_str!("../lists/inputs/amounts.txt"));
/// The largest side of a picture; ComfyUI's own limit.
const MAX_SIDE: f64 = 16_384.0;
/// The most sampling steps; ComfyUI allows 10000, pictures need a hundredth of that.
const MAX_STEPS: f64 = 1_000.0;
/// The most pictures at once.
const MAX_BATCH: f64 = 512.0;
/// The most frames of one video.
const MAX_FRAMES: f64 = 8_192.0;
/// The most that a picture grows by.
const MAX_SCALE: f64 = 32.0;
/// The longest sound or film.
const MAX_SECONDS: f64 = 7_200.0;
/// The most passes over one picture.
const MAX_CYCLES: f64 = 256.0;
/// The most repetitions of anything.
const MAX_REPEATS: f64 = 10_000.0;

/// The meaning of a number under a name.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::inspector) struct Amount {
    /// The most it may be, in classes that repeat things and in others. `None`: any number will do.
    pub(in crate::inspector) most: Option<(f64, Option<f64>)>,
    /// True for a number of pictures, in classes that repeat things and in others.
    pub(in crate::inspector) batch: (bool, bool),
    /// True for a side of a picture.
    pub(in crate::inspector) side: bool,
    /// True for a side, or a number of frames.
    pub(in crate::inspector) extent: bool,
    /// True for the size of a picture, in millions of pixels.
    pub(in crate::inspector) megapixels: bool,
    /// True for a factor by which a picture grows.
    pub(in crate::inspector) factor: bool,
    /// True for a name that means the same in every pack.
    pub(in crate::inspector) is_usual: bool,
    /// True where a number below zero makes no sense.
    pub(in crate::inspector) counts: bool,
}

impl Amount {
    /// Reads the lower-case words of a name.
    pub(in crate::inspector) fn read(words: &[String]) -> Self {
        let last = words.last().map(String::as_str).unwrap_or_default();
        let whole = words.len() == 1;
        let frames = words.iter().any(|word| word == "frame" || word == "frames");
        let of = |repeats: bool| {
            Some(match last {
                "width" | "height" => MAX_SIDE,
                // What is added at a side; places in a picture are within it as well.
                "left" | "top" | "right" | "bottom" if whole => MAX_SIDE,
                "cycle" | "cycles" if whole => MAX_CYCLES,
                "total" if whole && repeats => MAX_REPEATS,
                "steps" => MAX_STEPS,
                "size" | "amount" | "count" | "num" | "images" | "batch" if is_batch(words, repeats) => {
                    MAX_BATCH
                }
                "by" | "factor" | "multiplier" | "scale"
                    if words.iter().any(|w| w.contains("scale") || w == "resize") =>
                {
                    MAX_SCALE
                }
                "length" | "frames" if !words.iter().any(|word| word == "context") => MAX_FRAMES,
                "count" | "number" | "num" if frames => MAX_FRAMES,
                "seconds" | "duration" => MAX_SECONDS,
                "iterations" | "loops" | "repeats" | "repeat" | "loop" => MAX_REPEATS,
                "megapixels" => MAX_SIDE * MAX_SIDE / 1e6,
                _ => return None,
            })
        };
        Self {
            // What limits a class that repeats nothing limits one that does.
            most: of(true).map(|repeating| (repeating, of(false))),
            batch: (is_batch(words, true), is_batch(words, false)),
            side: whole && matches!(last, "width" | "height"),
            extent: whole && matches!(last, "width" | "height" | "length" | "frames")
                || is_frame_count(words),
            megapixels: whole && last == "megapixels",
            factor: matches!(last, "by" | "factor" | "multiplier" | "scale")
                && words.iter().any(|w| w.contains("scale") || w == "resize"),
            is_usual: USUAL.contains(&words.join("_")),
            counts: matches!(last, "width" | "height" | "steps" | "length" | "frames" | "size" | "amount"),
        }
    }
}

/// True for `num_frames` and `frame_count`, but not `skip_first_frames`.
fn is_frame_count(words: &[String]) -> bool {
    match words {
        [first, last] => {
            (matches!(first.as_str(), "num" | "video" | "total") && last == "frames")
                || (first == "frame" && last == "count")
        }
        _ => false,
    }
}

/// True for a number of pictures: an `amount` is one where the class repeats them, and a length where it cuts them.
fn is_batch(words: &[String], repeats: bool) -> bool {
    let has = |word: &str| words.iter().any(|w| w == word);
    has("batch") || (repeats && has("amount")) || (has("num") && has("images"))
}
