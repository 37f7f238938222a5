//! Nodes that work on masks.

use image::{DynamicImage, GrayImage, Luma, imageops};

use super::{
    data::{Call, Raised, Work},
    inputs::check_size,
};
use crate::paint::byte;

fn masks(call: &Call) -> Result<std::sync::Arc<Vec<GrayImage>>, Raised> {
    call.masks("mask").ok_or_else(|| Raised::new("TypeError", "'mask' is not a mask"))
}

pub(super) fn solid(call: &Call) -> Result<Work, Raised> {
    let (width, height) = (call.size("width"), call.size("height"));
    check_size(width, height, 1)?;
    let value = byte(call.number("value") * 255.0);
    Ok(Work::masks(vec![GrayImage::from_pixel(width, height, Luma([value]))]))
}

pub(super) fn to_image(call: &Call) -> Result<Work, Raised> {
    let pictures = masks(call)?.iter().map(|mask| DynamicImage::ImageLuma8(mask.clone()).to_rgb8()).collect();
    Ok(Work::images(pictures))
}

pub(super) fn from_image(call: &Call) -> Result<Work, Raised> {
    let channel = match call.text("channel").as_str() {
        "green" => 1,
        "blue" => 2,
        "alpha" => 3,
        _ => 0,
    };
    let of = |image: &image::RgbImage| {
        GrayImage::from_fn(image.width(), image.height(), |x, y| {
            // Pictures carry no alpha here: an opaque one is 255 everywhere.
            Luma([image.get_pixel(x, y).0.get(channel).copied().unwrap_or(255)])
        })
    };
    Ok(Work::masks(call.images("image")?.iter().map(of).collect()))
}

pub(super) fn invert(call: &Call) -> Result<Work, Raised> {
    let masks = masks(call)?;
    let inverted = masks.iter().map(|mask| {
        let mut mask = mask.clone();
        imageops::invert(&mut mask);
        mask
    });
    Ok(Work::masks(inverted.collect()))
}
