//! The placeholder picture: a landscape whose colours and shapes follow from prompt, seed and size.

use image::{Rgb, RgbImage};
use sha2::{Digest, Sha256};

use super::picture::{self, Metadata};

/// The input of a picture: equal paintings give equal pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Painting<'a> {
    pub(super) text: &'a str,
    pub(super) seed: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Index in the batch.
    pub(super) variant: u64,
}

/// Rounds a channel into its range.
pub(super) fn byte(value: f64) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of a byte"
    )]
    let rounded = value.round().clamp(0.0, 255.0) as u8;
    rounded
}

/// Scatters the bits of a number.
pub(super) fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Numbers from 0 to 1 out of a hash, one after the other.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = scatter(self.0.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let [a, b, c, d, ..] = self.0.to_be_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }
}

/// A colour by hue, saturation and lightness, all from 0 to 1.
fn color(hue: f64, saturation: f64, lightness: f64) -> [f64; 3] {
    let reach = saturation * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|offset| {
        let place = (offset + hue.rem_euclid(1.0) * 12.0).rem_euclid(12.0);
        (lightness - reach * (place - 3.0).min(9.0 - place).clamp(-1.0, 1.0)) * 255.0
    })
}

fn mix(a: [f64; 3], b: [f64; 3], share: f64) -> [f64; 3] {
    let [ar, ag, ab] = a;
    let [br, bg, bb] = b;
    [ar + (br - ar) * share, ag + (bg - ag) * share, ab + (bb - ab) * share]
}

/// A ridge line: a few waves over each other.
struct Ridge {
    level: f64,
    waves: [(f64, f64, f64); 3],
    color: [f64; 3],
}

impl Ridge {
    fn height(&self, x: f64) -> f64 {
        let waves = self.waves.iter().map(|(size, length, shift)| size * (x * length + shift).sin());
        self.level + waves.sum::<f64>()
    }
}

/// Paints the picture. Every pixel depends on all that `Painting` holds.
pub(super) fn paint(painting: &Painting<'_>) -> RgbImage {
    let digest = Sha256::digest(painting.text.as_bytes());
    let text = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut dice = Dice(text ^ scatter(painting.seed) ^ scatter(painting.variant).rotate_left(21));
    let hue = dice.roll();
    let top = color(hue, 0.55, 0.30 + 0.15 * dice.roll());
    let bottom = color(hue + 0.08 + 0.1 * dice.roll(), 0.75, 0.78);
    let (sun_x, sun_y, sun_size) =
        (0.2 + 0.6 * dice.roll(), 0.18 + 0.3 * dice.roll(), 0.07 + 0.09 * dice.roll());
    let sun = color(hue + 0.06 + 0.12 * dice.roll(), 0.95, 0.86);
    let ridges: Vec<Ridge> = (0..4)
        .map(|layer| {
            let depth = f64::from(layer) / 4.0;
            let mut wave = |size: f64, length: f64| {
                (size * dice.roll(), length * (0.5 + dice.roll()), dice.roll() * std::f64::consts::TAU)
            };
            let waves = [wave(0.07, 5.0), wave(0.04, 11.0), wave(0.015, 29.0)];
            let color = color(hue + 0.3 + 0.06 * depth, 0.45, 0.48 - 0.36 * depth);
            Ridge { level: 0.55 + 0.13 * f64::from(layer), waves, color }
        })
        .collect();
    let (width, height) = (f64::from(painting.width), f64::from(painting.height));
    let aspect = width / height;
    let heights: Vec<Vec<f64>> = (0..painting.width)
        .map(|x| ridges.iter().map(|ridge| ridge.height(f64::from(x) / width * aspect.max(0.6))).collect())
        .collect();
    let mut image = RgbImage::new(painting.width, painting.height);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let (across, down) = (f64::from(x) / width, f64::from(y) / height);
        let distance = ((across - sun_x) * aspect).hypot(down - sun_y);
        let glow = (1.0 - distance / (sun_size * 4.0)).clamp(0.0, 1.0).powi(2) * 0.6;
        let disc = ((sun_size - distance) * height / 2.0).clamp(0.0, 1.0);
        let mut shade = mix(mix(top, bottom, down), sun, glow.max(disc));
        let column = usize::try_from(x).ok().and_then(|x| heights.get(x));
        for (ridge, level) in ridges.iter().zip(column.into_iter().flatten()) {
            shade = mix(shade, ridge.color, ((down - level) * height).clamp(0.0, 1.0));
        }
        *pixel = Rgb(shade.map(byte));
    }
    label(&mut image);
    image
}

/// The letters of “SIMULATED”, five rows of up to five dots each, the leftmost dot in the highest bit.
const LETTERS: [[u8; 5]; 9] = [
    [0b01110, 0b10000, 0b01110, 0b00001, 0b11110],
    [0b01110, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b10001, 0b11011, 0b10101, 0b10001, 0b10001],
    [0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
    [0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
    [0b01110, 0b10001, 0b11111, 0b10001, 0b10001],
    [0b11111, 0b00100, 0b00100, 0b00100, 0b00100],
    [0b11111, 0b10000, 0b11110, 0b10000, 0b11111],
    [0b11110, 0b10001, 0b10001, 0b10001, 0b11110],
];

/// Writes the word into the lower right corner, where there is room for it.
fn label(image: &mut RgbImage) {
    let dot = (image.width() / 256).max(1);
    let (wide, high) = (9 * 6 * dot, 5 * dot);
    let margin = 2 * dot;
    if image.width() < wide + 2 * margin || image.height() < high + 2 * margin {
        return;
    }
    let (left, top) = (image.width() - wide - margin, image.height() - high - margin);
    for y in 0..high {
        for x in 0..wide {
            let letter = usize::try_from(x / dot / 6).ok().and_then(|at| LETTERS.get(at));
            let row = letter.zip(usize::try_from(y / dot).ok()).and_then(|(letter, row)| letter.get(row));
            let column = (x / dot) % 6;
            if column < 5
                && row.is_some_and(|row| row >> (4 - column) & 1 == 1)
                && let Some(pixel) = image.get_pixel_mut_checked(left + x, top + y)
            {
                *pixel = Rgb(pixel.0.map(|channel| byte(f64::from(channel) * 0.35 + 165.0)));
            }
        }
    }
}

/// The picture a fresh installation has in its input folder.
pub(super) fn example_picture() -> Option<Vec<u8>> {
    let painting = Painting { text: "example", seed: 1, width: 128, height: 96, variant: 0 };
    picture::encode_png(&paint(&painting), &Metadata::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(text: &str, seed: u64, size: u32) -> RgbImage {
        paint(&Painting { text, seed, width: size, height: size, variant: 0 })
    }

    #[test]
    fn the_same_wish_gives_the_same_picture() {
        assert_eq!(painted("a yellow apple", 7, 64), painted("a yellow apple", 7, 64));
    }

    #[test]
    fn text_and_seed_change_the_picture() {
        let picture = painted("a yellow apple", 7, 64);
        assert_ne!(picture, painted("a red apple", 7, 64));
        assert_ne!(picture, painted("a yellow apple", 8, 64));
    }
}
