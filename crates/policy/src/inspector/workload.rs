//! How much work a node asks for.

use serde_json::Value;

use super::classes::Origin;

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
/// The most pixels of one latent, over batch and frames.
const MAX_PIXELS: f64 = 8e9;
/// Pixels from which on it matters how many pictures are made that large.
const LARGE: f64 = 2_048.0 * 2_048.0;
/// The most passes over one picture.
const MAX_CYCLES: f64 = 256.0;
/// The most repetitions of anything.
const MAX_REPEATS: f64 = 10_000.0;

/// What a number under a name counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    /// The most it may be, in classes that repeat things and in others. `None`: any number will do.
    most: Option<(f64, Option<f64>)>,
    /// It counts pictures, in classes that repeat things and in others.
    batch: (bool, bool),
    /// It is a side of a picture.
    side: bool,
    /// It is a side, or a number of frames.
    extent: bool,
    /// It is the size of a picture, in millions of pixels.
    megapixels: bool,
    /// What a picture grows by.
    factor: bool,
    /// Less than nothing makes no sense.
    counts: bool,
}

impl Amount {
    /// Reads the lower-case words of a name.
    pub(super) fn read(words: &[String]) -> Self {
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
            counts: matches!(last, "width" | "height" | "steps" | "length" | "frames" | "size" | "amount"),
        }
    }
}

/// The numbers of one node, added up input by input.
pub(super) struct Work {
    repeats: bool,
    least: f64,
    /// How many pictures or frames it makes of one.
    many: f64,
    area: f64,
    sides: usize,
    /// Sides of no length: they follow from the other and from the picture.
    open_sides: usize,
    factor: f64,
    /// The size that a picture gets whatever it had.
    target: Option<f64>,
    excessive: bool,
}

impl Work {
    /// Nothing yet, in a class of this origin that `repeats` things or not.
    pub(super) fn new(repeats: bool, origin: Origin) -> Self {
        let least = if origin == Origin::Core { 0.0 } else { -1.0 };
        Self {
            repeats,
            least,
            many: 1.0,
            area: 1.0,
            sides: 0,
            open_sides: 0,
            factor: 1.0,
            target: None,
            excessive: false,
        }
    }

    /// Adds one input, and says why it is too much.
    pub(super) fn add(&mut self, amount: &Amount, number: impl FnOnce() -> Option<f64>) -> Option<String> {
        let (repeating, single) = amount.most?;
        let most = if self.repeats { repeating } else { single? };
        let number = number()?;
        let batch = if self.repeats { amount.batch.0 } else { amount.batch.1 };
        if amount.side && number < 1.0 {
            self.open_sides += 1;
        } else if amount.side {
            self.sides += 1;
            self.area *= number;
        } else if amount.extent || batch {
            self.many *= number.max(1.0);
        } else if amount.factor {
            self.factor *= number.max(1.0);
        } else if amount.megapixels {
            self.target = Some(number.max(0.0) * 1e6);
        }
        let why = if number > most {
            format!("{number} is more than {most}")
        } else if number < self.least && amount.counts {
            format!("{number} is less than nothing")
        } else {
            return None;
        };
        self.excessive = true;
        Some(why)
    }

    /// Why all inputs together are too much, though each alone is not.
    pub(super) fn together(&self) -> Option<String> {
        let pixels = self.fixed_area()? * self.many;
        (!self.excessive).then(|| too_many(pixels)).flatten()
    }

    /// The size that the node gives its pictures, whatever they had. An open side is taken to be like the other.
    fn fixed_area(&self) -> Option<f64> {
        match (self.sides, self.open_sides) {
            (0, _) | (1, 0) => self.target,
            (1, _) => Some(self.area * self.area),
            _ => Some(self.area),
        }
    }

    /// The node enlarges by a model, which does so by its own factor.
    pub(super) fn enlarge(&mut self, factor: f64) {
        self.factor = self.factor.max(factor);
    }

    /// True when the node decides how large its pictures are, or how many.
    pub(super) fn resizes(&self) -> bool {
        self.fixed_area().is_some() || self.factor > 1.0 || self.many > 1.0
    }

    /// True when the node may make pictures larger that it gets from others.
    pub(super) fn enlarges(&self) -> bool {
        !self.excessive && (self.factor > 1.0 || self.fixed_area().is_some_and(|area| area >= LARGE))
    }

    /// What the node makes of what it gets.
    pub(super) fn applied_to(&self, given: Volume) -> Volume {
        let fixed = self.fixed_area();
        let area = fixed.unwrap_or(given.area * self.factor * self.factor);
        let many = (given.many * self.many).min(1e30);
        Volume { area: area.min(1e30), many, is_known: given.is_known || fixed.is_some() }
    }
}

/// Pictures on their way through the graph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Volume {
    /// Pixels of one.
    pub(super) area: f64,
    /// How many there are.
    pub(super) many: f64,
    /// The graph says how large they are, and not only by how much they grow.
    pub(super) is_known: bool,
}

impl Volume {
    /// One pixel, as far as anybody knows.
    pub(super) const LEAST: Self = Self { area: 1.0, many: 1.0, is_known: false };

    /// The larger of both, each by itself.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            area: self.area.max(other.area),
            many: self.many.max(other.many),
            is_known: self.is_known || other.is_known,
        }
    }

    /// Why it is too much.
    pub(super) fn excess(self) -> Option<String> {
        too_many(self.area * self.many)
    }
}

fn too_many(pixels: f64) -> Option<String> {
    (pixels > MAX_PIXELS)
        .then(|| format!("{pixels:.0} pixels over all pictures and frames are more than {MAX_PIXELS:.0}"))
}

/// `num_frames` and `frame_count`, but not `skip_first_frames`.
fn is_frame_count(words: &[String]) -> bool {
    match words {
        [first, last] => {
            (matches!(first.as_str(), "num" | "video" | "total") && last == "frames")
                || (first == "frame" && last == "count")
        }
        _ => false,
    }
}

/// By how much a model enlarges, by what its file is called: `4x-sharp`, `RealESRGAN_x2`. Most do so by four.
pub(super) fn enlargement(name: &str) -> f64 {
    const ORDINARY: f64 = 4.0;
    let name = name.as_bytes();
    let digit = |at: Option<usize>| {
        let byte = name.get(at?)?;
        matches!(byte, b'1'..=b'9').then(|| f64::from(byte - b'0'))
    };
    let marks = name.iter().enumerate().filter(|(_, byte)| byte.eq_ignore_ascii_case(&b'x'));
    let mut factors = marks.filter_map(|(at, _)| digit(at.checked_sub(1)).or_else(|| digit(Some(at + 1))));
    factors.next().unwrap_or(ORDINARY)
}

/// An `amount` is one of pictures where the class repeats them, and a length where it cuts them.
fn is_batch(words: &[String], repeats: bool) -> bool {
    let has = |word: &str| words.iter().any(|w| w == word);
    has("batch") || (repeats && has("amount")) || (has("num") && has("images"))
}

/// ComfyUI turns text into numbers where it wants numbers.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number: Option<f64> = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.len() <= 32 => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| !number.is_nan())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::inputs::NameFacts, *};

    fn count(inputs: &Value) -> usize {
        let mut work = Work::new(true, Origin::Core);
        let inputs = inputs.as_object().unwrap().iter();
        let alone = inputs
            .filter_map(|(name, value)| work.add(&NameFacts::read(name).amount, || number(value)))
            .count();
        alone + usize::from(work.together().is_some())
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

    #[test]
    fn a_models_name_tells_by_how_much_it_enlarges() {
        for (name, factor) in [
            ("4x-UltraSharp.pth", 4.0),
            ("RealESRGAN_x2plus.pth", 2.0),
            ("8x_NMKD-Faces.pth", 8.0),
            ("1xDeJPG.pth", 1.0),
            ("experimental.pth", 4.0),
            ("", 4.0),
        ] {
            assert!((enlargement(name) - factor).abs() < 0.01, "{name}");
        }
    }
}
