//! Nodes that work on pictures.

use std::sync::Arc;

use image::{
    Rgb, RgbImage,
    imageops::{self, FilterType},
};
use serde_json::json;

use super::{
    data::{Call, Data, Raised, Work},
    inputs::check_size,
};
use crate::paint::byte;

fn filter(method: &str) -> FilterType {
    match method {
        "nearest-exact" | "nearest" => FilterType::Nearest,
        "bicubic" => FilterType::CatmullRom,
        "lanczos" => FilterType::Lanczos3,
        _ => FilterType::Triangle,
    }
}

fn each(call: &Call, change: impl Fn(&RgbImage) -> RgbImage) -> Result<Work, Raised> {
    Ok(Work::images(call.images("image")?.iter().map(change).collect()))
}

pub(super) fn empty(call: &Call) -> Result<Work, Raised> {
    let (width, height, count) = (call.size("width"), call.size("height"), call.whole("batch_size"));
    check_size(width, height, count)?;
    let [_, red, green, blue] = u32::try_from(call.whole("color")).unwrap_or(0).to_be_bytes();
    let image = RgbImage::from_pixel(width, height, Rgb([red, green, blue]));
    Ok(Work::images((0..count).map(|_| image.clone()).collect()))
}

/// A size of 0 follows from the other side, as in ComfyUI.
fn wanted_size(width: u32, height: u32, image: &RgbImage) -> (u32, u32) {
    let (old_width, old_height) = image.dimensions();
    let follow = |side: u32, from: u32, to: u32| {
        let scaled = f64::from(side) * f64::from(to) / f64::from(from.max(1));
        format!("{:.0}", scaled.max(1.0)).parse().unwrap_or(1)
    };
    match (width, height) {
        (0, 0) => (old_width, old_height),
        (0, height) => (follow(old_width, old_height, height), height),
        (width, 0) => (width, follow(old_height, old_width, width)),
        both => both,
    }
}

/// The middle part with the proportions of the wanted size.
fn center(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (old_width, old_height) = image.dimensions();
    let (old, new) = (f64::from(old_width) / f64::from(old_height), f64::from(width) / f64::from(height));
    let part =
        |side: u32, share: f64| format!("{:.0}", (f64::from(side) * share).max(1.0)).parse().unwrap_or(side);
    let (part_width, part_height) = if old > new {
        (part(old_width, new / old), old_height)
    } else {
        (old_width, part(old_height, old / new))
    };
    let (x, y) = ((old_width - part_width) / 2, (old_height - part_height) / 2);
    imageops::crop_imm(image, x, y, part_width, part_height).to_image()
}

pub(super) fn scale(call: &Call) -> Result<Work, Raised> {
    let images = call.images("image")?;
    let filter = filter(&call.text("upscale_method"));
    let cropped = call.text("crop") == "center";
    let mut out = Vec::with_capacity(images.len());
    for image in images.iter() {
        let (width, height) = wanted_size(call.size("width"), call.size("height"), image);
        check_size(width, height, images.len() as u64)?;
        let source = if cropped { center(image, width, height) } else { image.clone() };
        out.push(imageops::resize(&source, width, height, filter));
    }
    Ok(Work::images(out))
}

fn scaled(call: &Call, factor: f64, filter: FilterType) -> Result<Work, Raised> {
    let images = call.images("image")?;
    let mut out = Vec::with_capacity(images.len());
    for image in images.iter() {
        let side = |side: u32| format!("{:.0}", (f64::from(side) * factor).max(1.0)).parse().unwrap_or(side);
        let (width, height) = (side(image.width()), side(image.height()));
        check_size(width, height, images.len() as u64)?;
        out.push(imageops::resize(image, width, height, filter));
    }
    Ok(Work::images(out))
}

pub(super) fn scale_by(call: &Call) -> Result<Work, Raised> {
    scaled(call, call.number("scale_by"), filter(&call.text("upscale_method")))
}

/// Stands in for an upscale model: four times the size.
pub(super) fn upscale(call: &Call) -> Result<Work, Raised> {
    scaled(call, 4.0, FilterType::CatmullRom)
}

pub(super) fn invert(call: &Call) -> Result<Work, Raised> {
    each(call, |image| {
        let mut out = image.clone();
        imageops::invert(&mut out);
        out
    })
}

pub(super) fn flip(call: &Call) -> Result<Work, Raised> {
    let sideways = call.text("flip_method").starts_with('y');
    each(
        call,
        |image| if sideways { imageops::flip_horizontal(image) } else { imageops::flip_vertical(image) },
    )
}

/// One channel of two pictures, both from 0 to 1.
fn mix(mode: &str, a: f64, b: f64) -> f64 {
    match mode {
        "multiply" => a * b,
        "screen" => 1.0 - (1.0 - a) * (1.0 - b),
        "overlay" if a <= 0.5 => 2.0 * a * b,
        "overlay" => 1.0 - 2.0 * (1.0 - a) * (1.0 - b),
        "soft_light" => (1.0 - 2.0 * b) * a * a + 2.0 * b * a,
        "difference" => (a - b).abs(),
        _ => b,
    }
}

pub(super) fn blend(call: &Call) -> Result<Work, Raised> {
    let (first, second) = (call.images("image1")?, call.images("image2")?);
    let (share, mode) = (call.number("blend_factor"), call.text("blend_mode"));
    let pairs = first.iter().zip(second.iter().cycle());
    let out = pairs.map(|(a, b)| {
        let b = imageops::resize(b, a.width(), a.height(), FilterType::CatmullRom);
        let mut out = a.clone();
        for (pixel, other) in out.pixels_mut().zip(b.pixels()) {
            for (mine, theirs) in pixel.0.iter_mut().zip(other.0) {
                let (a, b) = (f64::from(*mine) / 255.0, f64::from(theirs) / 255.0);
                *mine = byte((a * (1.0 - share) + mix(&mode, a, b) * share) * 255.0);
            }
        }
        out
    });
    Ok(Work::images(out.collect()))
}

pub(super) fn crop(call: &Call) -> Result<Work, Raised> {
    let (width, height) = (call.size("width").max(1), call.size("height").max(1));
    each(call, |image| {
        let x = call.size("x").min(image.width().saturating_sub(1));
        let y = call.size("y").min(image.height().saturating_sub(1));
        imageops::crop_imm(image, x, y, width.min(image.width() - x), height.min(image.height() - y))
            .to_image()
    })
}

pub(super) fn batch(call: &Call) -> Result<Work, Raised> {
    let (first, second) = (call.images("image1")?, call.images("image2")?);
    let size = first.first().map(RgbImage::dimensions).unwrap_or_default();
    let fitted = second.iter().map(|image| {
        if image.dimensions() == size {
            return image.clone();
        }
        imageops::resize(&center(image, size.0, size.1), size.0, size.1, FilterType::Triangle)
    });
    Ok(Work::images(first.iter().cloned().chain(fitted).collect()))
}

pub(super) fn repeat(call: &Call) -> Result<Work, Raised> {
    let images = call.images("image")?;
    let times = usize::try_from(call.whole("amount")).unwrap_or(1).max(1);
    let (width, height) = images.first().map(RgbImage::dimensions).unwrap_or_default();
    check_size(width, height, (images.len() as u64).saturating_mul(times as u64))?;
    Ok(Work::images(std::iter::repeat_n(images.iter(), times).flatten().cloned().collect()))
}

pub(super) fn from_batch(call: &Call) -> Result<Work, Raised> {
    let images = call.images("image")?;
    let first = usize::try_from(call.whole("batch_index")).unwrap_or(0).min(images.len().saturating_sub(1));
    let count = usize::try_from(call.whole("length")).unwrap_or(1).max(1);
    Ok(Work::images(images.iter().skip(first).take(count).cloned().collect()))
}

pub(super) fn composite(call: &Call) -> Result<Work, Raised> {
    let (below, above) = (call.images("destination")?, call.images("source")?);
    let mask = call.masks("mask");
    let (left, top) = (call.size("x"), call.size("y"));
    let resize = call.flag("resize_source");
    let out = below.iter().zip(above.iter().cycle()).map(|(below, above)| {
        let above = if resize {
            imageops::resize(above, below.width(), below.height(), FilterType::Triangle)
        } else {
            above.clone()
        };
        let mask = mask
            .as_ref()
            .and_then(|masks| masks.first())
            .map(|mask| imageops::resize(mask, above.width(), above.height(), FilterType::Triangle));
        let mut out = below.clone();
        for (x, y, pixel) in above.enumerate_pixels() {
            let Some(target) = out.get_pixel_mut_checked(x.saturating_add(left), y.saturating_add(top))
            else {
                continue;
            };
            let share = mask.as_ref().map_or(1.0, |mask| f64::from(mask.get_pixel(x, y).0[0]) / 255.0);
            for (mine, theirs) in target.0.iter_mut().zip(pixel.0) {
                *mine = byte(f64::from(*mine) * (1.0 - share) + f64::from(theirs) * share);
            }
        }
        out
    });
    Ok(Work::images(out.collect()))
}

pub(super) fn size(call: &Call) -> Result<Work, Raised> {
    let images = call.images("image")?;
    let (width, height) = images.first().map(RgbImage::dimensions).unwrap_or_default();
    let count = images.len();
    let data = [json!(width), json!(height), json!(count)].map(Data::Literal);
    let shown = json!({"text": [format!("width: {width}, height: {height}\n batch size: {count}")]});
    Ok(Work { data: data.to_vec(), ..Work::default() }.shows(shown))
}

/// The pictures of a batch as one value.
pub(super) fn data(images: Vec<RgbImage>) -> Data {
    Data::Images(Arc::new(images))
}
