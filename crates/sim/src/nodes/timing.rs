//! Timing and previews of a node.

use std::time::Duration;

use image::{ExtendedColorType, RgbImage, codecs::jpeg::JpegEncoder};

use super::{
    data::{Call, Data, Input, Inputs},
    trace::trace,
};
use crate::options::Options;

/// The longer side of a preview.
const PREVIEW: u32 = 128;
/// The share of it that is still noise after the first steps falls to none at the last.
const NOISE_CELL: u32 = 4;

/// Steps and pauses of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timing {
    /// Steps that are reported, each after a pause.
    pub(crate) steps: u64,
    pub(crate) pause: Duration,
    /// Stops at an interrupt.
    pub(crate) interruptible: bool,
}

/// Gives the timing of a node of this class with these inputs.
pub(crate) fn timing(class: &str, inputs: &Inputs, options: &Options) -> Timing {
    let number = |name: &str| match inputs.get(name) {
        Some(Input::Literal(value)) => value.as_f64(),
        _ => None,
    };
    let slept = number("seconds").unwrap_or(5.0).clamp(0.0, 3600.0) * options.sleep_scale;
    match class {
        "RigSleep" => {
            let steps = whole(number("steps").unwrap_or(10.0));
            Timing { steps, pause: share(slept, steps), interruptible: true }
        }
        "RigSleepUninterruptible" => Timing { steps: 0, pause: share(slept, 1), interruptible: false },
        "ImageUpscaleWithModel" => Timing { steps: 1, pause: Duration::ZERO, interruptible: true },
        _ => {
            let steps = sampling_steps(class, inputs);
            Timing { steps, pause: share(options.sampling_time.as_secs_f64(), steps), interruptible: true }
        }
    }
}

fn share(seconds: f64, steps: u64) -> Duration {
    let steps = u32::try_from(steps.max(1)).unwrap_or(u32::MAX);
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default() / steps
}

fn whole(number: f64) -> u64 {
    format!("{:.0}", number.clamp(0.0, 100_000.0)).parse().unwrap_or(1)
}

fn sampling_steps(class: &str, inputs: &Inputs) -> u64 {
    let number = |name: &str| match inputs.get(name) {
        Some(Input::Literal(value)) => value.as_f64().map(whole),
        _ => None,
    };
    match class {
        "KSampler" => number("steps").unwrap_or(20),
        "KSamplerAdvanced" => {
            let steps = number("steps").unwrap_or(20);
            let end = number("end_at_step").unwrap_or(steps).min(steps);
            end.saturating_sub(number("start_at_step").unwrap_or(0))
        }
        "SamplerCustom" | "SamplerCustomAdvanced" => match inputs.get("sigmas") {
            Some(Input::Linked(Data::Trace(trace))) => trace.steps.unwrap_or(20),
            _ => 20,
        },
        _ => 0,
    }
}

/// The previews of one sampler.
#[derive(Debug)]
pub(crate) struct Previews {
    picture: RgbImage,
    seed: u64,
}

/// Previews for a node that samples.
pub(crate) fn previews(call: &Call) -> Option<Previews> {
    (sampling_steps(&call.class, &call.inputs) > 0).then(|| {
        let trace = trace(call);
        Previews { picture: trace.sketch(PREVIEW), seed: trace.seed }
    })
}

impl Previews {
    /// A JPEG of the picture as it looks after this step.
    pub(crate) fn at(&mut self, step: u64, steps: u64) -> Option<Vec<u8>> {
        let left = 1.0 - f64::from(u32::try_from(step).ok()?) / f64::from(u32::try_from(steps).ok()?);
        let mut shown = self.picture.clone();
        for (x, y, pixel) in shown.enumerate_pixels_mut() {
            let cell = u64::from(x / NOISE_CELL) << 32 | u64::from(y / NOISE_CELL);
            let noise = crate::paint::scatter(self.seed ^ cell.wrapping_mul(step | 1));
            for (channel, grain) in pixel.0.iter_mut().zip(noise.to_be_bytes()) {
                *channel = crate::paint::byte(f64::from(*channel) * (1.0 - left) + f64::from(grain) * left);
            }
        }
        let mut jpeg = Vec::new();
        let (width, height) = shown.dimensions();
        JpegEncoder::new_with_quality(&mut jpeg, 80)
            .encode(shown.as_raw(), width, height, ExtendedColorType::Rgb8)
            .ok()?;
        Some(jpeg)
    }
}
