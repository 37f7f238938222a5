//! Nodes that read pictures from the server's own store.

use std::sync::Arc;

use image::{DynamicImage, GrayImage, Luma};

use super::{
    data::{Call, Data, Raised, Work},
    images,
};
use crate::{
    server::lock,
    store::{File, FileStore},
};

/// Splits ` [input]`, ` [output]` or ` [temp]` off a name.
pub(crate) fn annotated(name: &str) -> (&str, Option<&'static str>) {
    for (suffix, kind) in [(" [input]", "input"), (" [output]", "output"), (" [temp]", "temp")] {
        if let Some(plain) = name.strip_suffix(suffix) {
            return (plain, Some(kind));
        }
    }
    (name, None)
}

/// The file a loader would open for this value. Paths never leave the store.
pub(crate) fn find_input(files: &FileStore, name: &str) -> Option<Arc<File>> {
    let (name, kind) = annotated(name);
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    files.get(kind.unwrap_or("input"), folder, file)
}

fn open(call: &Call) -> Result<DynamicImage, Raised> {
    const FRAMES: [(&str, u32, &str); 2] =
        [("nodes.py", 1716, "load_image"), ("node_helpers.py", 31, "pillow")];
    let name = call.text("image");
    let unknown = || {
        let message = format!("cannot identify image file '/srv/comfyui/input/{name}'");
        Raised::new("PIL.UnidentifiedImageError", message).with_frames(&FRAMES)
    };
    let file = find_input(&lock(&call.server.files), &name).ok_or_else(unknown)?;
    crate::picture::decode(&file.bytes).ok_or_else(unknown)
}

/// A picture, and as its mask what is transparent.
pub(super) fn image(call: &Call) -> Result<Work, Raised> {
    let picture = open(call)?;
    let mask = if picture.color().has_alpha() {
        let rgba = picture.to_rgba8();
        GrayImage::from_fn(rgba.width(), rgba.height(), |x, y| Luma([255 - rgba.get_pixel(x, y).0[3]]))
    } else {
        GrayImage::new(64, 64)
    };
    Ok(Work::of([images::data(vec![picture.to_rgb8()]), Data::Masks(Arc::new(vec![mask]))]))
}

/// One channel of a picture as a mask; alpha counts the other way round.
pub(super) fn mask(call: &Call) -> Result<Work, Raised> {
    let picture = open(call)?;
    let channel = call.text("channel");
    let rgba = picture.to_rgba8();
    if channel == "alpha" && !picture.color().has_alpha() {
        return Ok(Work::masks(vec![GrayImage::new(64, 64)]));
    }
    let value = |pixel: [u8; 4]| {
        let [red, green, blue, alpha] = pixel;
        match channel.as_str() {
            "red" => red,
            "green" => green,
            "blue" => blue,
            _ => 255 - alpha,
        }
    };
    let mask = GrayImage::from_fn(rgba.width(), rgba.height(), |x, y| Luma([value(rgba.get_pixel(x, y).0)]));
    Ok(Work::masks(vec![mask]))
}
