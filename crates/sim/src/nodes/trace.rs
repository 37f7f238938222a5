//! Origin of a latent, a conditioning or a model: enough to paint a placeholder.

use std::sync::Arc;

use image::{GrayImage, RgbImage, imageops::FilterType};
use serde_json::Value;

use super::data::{Call, Data, Input};
use crate::paint::{Painting, paint};

/// Inputs that say what is not wanted.
const UNWANTED: [&str; 4] = ["negative", "uncond", "empty_conditioning", "negative_cond"];

/// The origin of a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(super) text: String,
    pub(super) seed: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) batch: u32,
    pub(super) frames: u32,
    pub(super) steps: Option<u64>,
    pub(super) seconds: f64,
    pub(super) denoise: Option<f64>,
    pub(super) base: Option<Arc<Vec<RgbImage>>>,
    pub(super) mask: Option<Arc<Vec<GrayImage>>>,
}

impl Trace {
    /// Takes over what another trace knows and this one does not.
    fn absorb(&mut self, other: &Self) {
        if self.text.is_empty() {
            self.text.clone_from(&other.text);
        } else if !other.text.is_empty() && !self.text.contains(&other.text) {
            self.text = format!("{} {}", self.text, other.text);
        }
        let take = |mine: &mut u32, theirs: u32| {
            if *mine == 0 {
                *mine = theirs;
            }
        };
        take(&mut self.width, other.width);
        take(&mut self.height, other.height);
        take(&mut self.batch, other.batch);
        take(&mut self.frames, other.frames);
        if self.seed == 0 {
            self.seed = other.seed;
        }
        if self.seconds == 0.0 {
            self.seconds = other.seconds;
        }
        self.steps = self.steps.or(other.steps);
        self.denoise = self.denoise.or(other.denoise);
        self.base = self.base.take().or_else(|| other.base.clone());
        self.mask = self.mask.take().or_else(|| other.mask.clone());
    }

    /// The pictures this stands for.
    pub(crate) fn paint(&self) -> Vec<RgbImage> {
        let (width, height) = self.size();
        let count = self.batch.max(1).saturating_mul(self.frames.max(1));
        let room = super::inputs::MAX_PIXELS / (u64::from(width) * u64::from(height)).max(1);
        let count = u64::from(count).min(room).max(1);
        (0..count).map(|at| self.picture(width, height, at)).collect()
    }

    /// A smaller version of the first picture, for previews.
    pub(crate) fn sketch(&self, longest: u32) -> RgbImage {
        let (width, height) = self.size();
        let scale = f64::from(longest) / f64::from(width.max(height));
        let small =
            |side: u32| format!("{:.0}", (f64::from(side) * scale.min(1.0)).max(8.0)).parse().unwrap_or(8);
        self.picture(small(width), small(height), 0)
    }

    fn size(&self) -> (u32, u32) {
        // A latent has no half cells, so what is decoded from it is a multiple of 8.
        let side = |side: u32| if side == 0 { 512 } else { side.clamp(8, 8192) / 8 * 8 };
        (side(self.width), side(self.height))
    }

    fn picture(&self, width: u32, height: u32, at: u64) -> RgbImage {
        let painted = paint(&Painting { text: &self.text, seed: self.seed, width, height, variant: at });
        let Some(base) = self.base.as_ref().and_then(|base| {
            let wrapped = usize::try_from(at).unwrap_or(0) % base.len().max(1);
            base.get(wrapped)
        }) else {
            return painted;
        };
        let base = image::imageops::resize(base, width, height, FilterType::Triangle);
        let mask = self.mask.as_ref().and_then(|mask| mask.first());
        let mask = mask.map(|mask| image::imageops::resize(mask, width, height, FilterType::Triangle));
        blend(&base, &painted, mask.as_ref(), self.denoise.unwrap_or(1.0))
    }
}

/// The share of the new picture is `denoise`, and nothing outside the mask.
fn blend(base: &RgbImage, new: &RgbImage, mask: Option<&GrayImage>, denoise: f64) -> RgbImage {
    let mut out = base.clone();
    for (x, y, pixel) in out.enumerate_pixels_mut() {
        let open = mask.map_or(1.0, |mask| f64::from(mask.get_pixel(x, y).0[0]) / 255.0);
        let share = open * denoise.clamp(0.0, 1.0);
        for (mine, theirs) in pixel.0.iter_mut().zip(new.get_pixel(x, y).0) {
            *mine = crate::paint::byte(f64::from(*mine) * (1.0 - share) + f64::from(theirs) * share);
        }
    }
    out
}

/// Derives the origin of a node's results from its inputs.
pub(super) fn trace(call: &Call) -> Trace {
    let mut trace = own(call);
    for (name, input) in &call.inputs {
        if UNWANTED.contains(&name.as_str()) {
            continue;
        }
        match input {
            Input::Linked(Data::Trace(other)) => trace.absorb(other),
            Input::Linked(Data::Masks(mask)) if name.contains("mask") => trace.mask = Some(mask.clone()),
            Input::Linked(Data::Images(images)) if is_base(&call.class, name) => {
                if let Some(first) = images.first() {
                    (trace.width, trace.height) = first.dimensions();
                }
                trace.batch = u32::try_from(images.len()).unwrap_or(1);
                trace.base = Some(images.clone());
            }
            Input::Linked(_) | Input::Literal(_) => {}
        }
    }
    if let Some(Value::Number(scale)) = call.literal("scale_by").filter(|_| call.class.starts_with("Latent"))
    {
        let scale = scale.as_f64().unwrap_or(1.0);
        let scaled = |side: u32| format!("{:.0}", f64::from(side) * scale).parse().unwrap_or(side);
        (trace.width, trace.height) = (scaled(trace.width), scaled(trace.height));
    }
    trace
}

/// Pictures that the result is made from, and not only looked at.
fn is_base(class: &str, input: &str) -> bool {
    class.starts_with("VAEEncode")
        || class == "InpaintModelConditioning"
        || input == "pixels"
        || input == "start_image"
}

/// Reads the node's own values.
fn own(call: &Call) -> Trace {
    let number = |name: &str| call.inputs.get(name).map_or(0, |_| call.size(name));
    let cell = if call.class.contains("Flux2") { 16 } else { 1 };
    let seed = ["seed", "noise_seed"].into_iter().find(|name| call.inputs.contains_key(*name));
    Trace {
        text: if call.class.contains("TextEncode") { texts(call) } else { String::new() },
        seed: seed.map_or(0, |name| call.whole(name)),
        width: number("width") / cell * cell,
        height: number("height") / cell * cell,
        batch: number("batch_size"),
        frames: if call.class.contains("Audio") { 0 } else { number("length").min(256) },
        steps: call.inputs.contains_key("steps").then(|| call.whole("steps")),
        seconds: call.inputs.get("seconds").map_or(0.0, |_| call.number("seconds")),
        denoise: call.inputs.contains_key("denoise").then(|| call.number("denoise")),
        base: None,
        mask: None,
    }
}

/// The texts among a node's values, in order, each once.
fn texts(call: &Call) -> String {
    let mut texts: Vec<String> = Vec::new();
    for name in call.inputs.keys() {
        if let Some(Value::String(text)) = call.literal(name)
            && !texts.contains(&text)
        {
            texts.push(text);
        }
    }
    texts.join(" ")
}
