//! Reading a node's inputs, with the catalogue's defaults for what is not given.

use std::sync::Arc;

use image::{GrayImage, RgbImage};
use serde_json::Value;

use super::data::{Call, Data, Input, Raised};

/// A picture may not have more pixels than this, or a batch of them.
pub(super) const MAX_PIXELS: u64 = 64 << 20;

impl Call {
    /// The plain value of an input.
    pub(super) fn literal(&self, name: &str) -> Option<Value> {
        match self.inputs.get(name) {
            Some(Input::Literal(value) | Input::Linked(Data::Literal(value))) => Some(value.clone()),
            Some(Input::Linked(_)) => None,
            None => self.default_of(name),
        }
    }

    fn default_of(&self, name: &str) -> Option<Value> {
        let entry = self.server.catalogue.raw(&self.class)?;
        let of = |section: &str| {
            entry.pointer(&format!("/input/{section}"))?.get(name)?.get(1)?.get("default").cloned()
        };
        of("required").or_else(|| of("optional"))
    }

    pub(super) fn text(&self, name: &str) -> String {
        match self.literal(name) {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(other) => crate::python::str(&other),
        }
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.literal(name).and_then(|value| value.as_f64()).unwrap_or(0.0)
    }

    pub(super) fn whole(&self, name: &str) -> u64 {
        self.literal(name).and_then(|value| whole(&value)).unwrap_or(0)
    }

    pub(super) fn size(&self, name: &str) -> u32 {
        u32::try_from(self.whole(name)).unwrap_or(u32::MAX)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.literal(name).and_then(|value| value.as_bool()).unwrap_or(false)
    }

    /// The pictures of an input; anything else that can be painted is painted.
    pub(super) fn images(&self, name: &str) -> Result<Arc<Vec<RgbImage>>, Raised> {
        match self.inputs.get(name) {
            Some(Input::Linked(data)) => {
                pictures(data).ok_or_else(|| Raised::new("TypeError", format!("'{name}' is not a picture")))
            }
            _ => Err(Raised::new("TypeError", format!("missing 1 required positional argument: '{name}'"))),
        }
    }

    /// The pictures of an input, if it is linked to some.
    pub(super) fn some_images(&self, name: &str) -> Option<Arc<Vec<RgbImage>>> {
        match self.inputs.get(name)? {
            Input::Linked(data) => pictures(data),
            Input::Literal(_) => None,
        }
    }

    /// The masks of an input, if it is linked to some.
    pub(super) fn masks(&self, name: &str) -> Option<Arc<Vec<GrayImage>>> {
        match self.inputs.get(name)? {
            Input::Linked(Data::Masks(masks)) => Some(masks.clone()),
            _ => None,
        }
    }
}

fn pictures(data: &Data) -> Option<Arc<Vec<RgbImage>>> {
    match data {
        Data::Images(images) => Some(images.clone()),
        Data::Trace(trace) => Some(Arc::new(trace.paint())),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64().filter(|float| *float >= 0.0)?;
        format!("{float:.0}").parse().ok()
    })
}

/// Refuses pictures that would not fit, the way a graphics card does.
pub(super) fn check_size(width: u32, height: u32, count: u64) -> Result<(), Raised> {
    let pixels = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(count);
    if pixels > MAX_PIXELS {
        let message = format!("CUDA out of memory. Tried to allocate {width}x{height} x {count} pictures");
        return Err(Raised::new("torch.OutOfMemoryError", message));
    }
    if pixels == 0 {
        return Err(Raised::new("RuntimeError", "a picture needs a width, a height and a count above 0"));
    }
    Ok(())
}
