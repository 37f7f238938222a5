//! Stand-ins for the nodes that tests bring along. They imitate; none runs code or touches a file.

use std::sync::Arc;

use image::RgbImage;
use serde_json::{Value, json};

use super::{
    data::{Call, Data, Raised, Work},
    inputs::check_size,
};
use crate::paint::scatter;

fn black() -> Data {
    Data::Images(Arc::new(vec![RgbImage::new(64, 64)]))
}

/// Both sleepers: the sleeping itself is a matter of `timing`.
pub(super) fn slept(call: &Call) -> Work {
    let seconds = match call.literal("seconds") {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0),
        _ => 0.0,
    };
    let image = call.some_images("image").map_or_else(black, Data::Images);
    Work::of([image]).shows(json!({"text": [format!("slept {seconds:?}")]}))
}

/// Raises the asked-for exception.
pub(super) fn fail(call: &Call) -> Result<Work, Raised> {
    const FRAME: [(&str, u32, &str); 1] = [("custom_nodes/sim_test_nodes/__init__.py", 117, "run")];
    let message = call.text("message");
    let (exception_type, message) = match call.text("kind").as_str() {
        "SystemExit" => return Ok(Work { exits: true, ..Work::default() }),
        "OutOfMemoryError" => (
            "torch.OutOfMemoryError",
            format!(
                "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8.00 GiB ({message})"
            ),
        ),
        "KeyError" => ("KeyError", crate::python::repr(&Value::String(message))),
        "RuntimeError" => ("RuntimeError", message),
        _ => ("ValueError", message),
    };
    Err(Raised::new(exception_type, message).with_frames(&FRAME))
}

/// Sends a line of text and blocks whatever comes behind it.
pub(super) fn block(call: &Call) -> Work {
    let mut work = Work::of([Data::Blocked(Some(call.text("message")))]);
    work.progress_text = Some("rig progress text".to_owned());
    work
}

/// Noise, as many pictures and as large as asked for.
pub(super) fn many_images(call: &Call) -> Result<Work, Raised> {
    let (width, height, count) = (call.size("width"), call.size("height"), call.whole("count"));
    check_size(width, height, count)?;
    let seed = call.whole("seed");
    let noise = |at: u64| {
        RgbImage::from_fn(width, height, |x, y| {
            let cell = u64::from(x) << 32 | u64::from(y);
            let [red, green, blue, ..] = scatter(seed ^ cell ^ at.rotate_left(17)).to_be_bytes();
            image::Rgb([red, green, blue])
        })
    };
    Ok(Work::images((0..count).map(noise).collect()))
}

/// Imitations of nodes that run code or touch files: only the shape of their answer.
pub(super) fn dangerous(call: &Call) -> Work {
    let line = format!("{} was not really run: this server is simulated", call.class);
    Work::of([Data::Literal(line.clone().into())]).shows(json!({"text": [line]}))
}
