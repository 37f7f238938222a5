//! Adds up the work that a node asks for.

use serde_json::Value;

use super::amount::Amount;
use crate::inspector::classes::Origin;

/// The reason against too many pixels, between their number and the most.
pub(in crate::inspector) const TOO_MANY: &str = "pixels over all pictures and frames are more than";
/// The most pixels of one latent, over batch and frames.
const MAX_PIXELS: f64 = 8e9;
/// Pixels from which on it matters how many pictures are made that large.
const LARGE: f64 = 2_048.0 * 2_048.0;

/// The numbers of one node, added up input by input.
pub(in crate::inspector) struct Work {
    repeats: bool,
    least: f64,
    /// The pictures or frames that it makes of one.
    many: f64,
    area: f64,
    sides: usize,
    /// Sides that follow from the other one and from the picture.
    open_sides: usize,
    factor: f64,
    /// The area that a picture gets whatever it had.
    target: Option<f64>,
    excessive: bool,
}

impl Work {
    /// Begins with no inputs, for a class of this origin that `repeats` things or not.
    pub(in crate::inspector) fn new(repeats: bool, origin: Origin) -> Self {
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

    /// Adds one input, and returns the reason if it is too much.
    pub(in crate::inspector) fn add(
        &mut self,
        amount: &Amount,
        number: impl FnOnce() -> Option<f64>,
    ) -> Option<String> {
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

    /// Returns the reason if all inputs together are too much, though each alone is not.
    pub(in crate::inspector) fn together(&self) -> Option<String> {
        let pixels = self.fixed_area()? * self.many;
        (!self.excessive).then(|| too_many(pixels)).flatten()
    }

    /// Returns the area that the node gives its pictures, whatever they had. An open side counts as the other one.
    fn fixed_area(&self) -> Option<f64> {
        match (self.sides, self.open_sides) {
            (0, _) | (1, 0) => self.target,
            (1, _) => Some(self.area * self.area),
            _ => Some(self.area),
        }
    }

    /// Adds a model that enlarges by its own factor.
    pub(in crate::inspector) fn enlarge(&mut self, factor: f64) {
        self.factor = self.factor.max(factor);
    }

    /// True when the node decides how large its pictures are, or how many.
    pub(in crate::inspector) fn resizes(&self) -> bool {
        self.fixed_area().is_some() || self.factor > 1.0 || self.many > 1.0
    }

    /// True when the node may make pictures larger that it gets from others.
    pub(in crate::inspector) fn enlarges(&self) -> bool {
        !self.excessive && (self.factor > 1.0 || self.fixed_area().is_some_and(|area| area >= LARGE))
    }

    /// Applies the node to the pictures that it gets.
    pub(in crate::inspector) fn applied_to(&self, given: Volume) -> Volume {
        let fixed = self.fixed_area();
        let area = fixed.unwrap_or(given.area * self.factor * self.factor);
        let many = (given.many * self.many).min(1e30);
        Volume { area: area.min(1e30), many, is_known: given.is_known || fixed.is_some() }
    }
}

/// Pictures on their way through the graph.
#[derive(Debug, Clone, Copy)]
pub(in crate::inspector) struct Volume {
    /// The pixels of one.
    pub(in crate::inspector) area: f64,
    /// Their number.
    pub(in crate::inspector) many: f64,
    /// The graph says how large they are, and not only by how much they grow.
    pub(in crate::inspector) is_known: bool,
}

impl Volume {
    /// One pixel, as far as anybody knows.
    pub(in crate::inspector) const LEAST: Self = Self { area: 1.0, many: 1.0, is_known: false };

    /// Returns the larger of both, each field by itself.
    pub(in crate::inspector) fn or(self, other: Self) -> Self {
        Self {
            area: self.area.max(other.area),
            many: self.many.max(other.many),
            is_known: self.is_known || other.is_known,
        }
    }

    /// Returns the reason if it is too much.
    pub(in crate::inspector) fn excess(self) -> Option<String> {
        too_many(self.area * self.many)
    }
}

fn too_many(pixels: f64) -> Option<String> {
    (pixels > MAX_PIXELS).then(|| format!("{pixels:.0} {TOO_MANY} {MAX_PIXELS:.0}"))
}

/// Reads a model's factor from the name of its file: `4x-sharp`, `RealESRGAN_x2`. Most enlarge by four.
pub(in crate::inspector) fn enlargement(name: &str) -> f64 {
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

/// Reads a number; ComfyUI turns text into numbers where it wants numbers.
pub(in crate::inspector) fn number(value: &Value) -> Option<f64> {
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

    use super::*;
    use crate::inspector::inputs::NameFacts;

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
