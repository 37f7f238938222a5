//! A picture in another format, narrower, and inside a budget of bytes.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, imageops::FilterType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tools::preview;
use comfywarden_error::{Error, Result};

/// The best and the worst quality that is tried.
const QUALITIES: (u8, u8) = (92, 30);

/// Formats that a picture can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Png,
    Jpeg,
    Webp,
}

impl Format {
    /// The format that a file's extension says.
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    fn of_content(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::WebP => Some(Self::Webp),
            _ => None,
        }
    }
}

/// Requested conversion of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) format: Format,
    pub(super) max_width: Option<u32>,
    pub(super) max_bytes: Option<u64>,
    /// The best quality of a JPEG.
    pub(super) quality: Option<u8>,
}

/// A picture as it will be written.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) bytes: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Quality of a JPEG that is made anew.
    pub(super) quality: Option<u8>,
}

/// Writes the picture as wished. One that already fits stays as it is, to the byte. Work: call it where blocking is
/// allowed.
pub(super) fn render(original: Vec<u8>, wish: Wish) -> Result<Rendered> {
    let (_, width, height) = preview::measure(&original)?;
    let fits = Format::of_content(&original) == Some(wish.format)
        && wish.quality.is_none()
        && wish.max_width.is_none_or(|most| width <= most)
        && wish.max_bytes.is_none_or(|most| original.len() as u64 <= most);
    if fits {
        return Ok(Rendered { bytes: original, width, height, quality: None });
    }
    let mut picture = preview::decode(&original)?;
    let own_size = (Format::of_content(&original) == Some(wish.format)).then_some(original.len());
    drop(original);
    if let Some(most) = wish.max_width.filter(|most| width > *most) {
        let scaled = (u64::from(height) * u64::from(most)).div_ceil(u64::from(width));
        let height = u32::try_from(scaled).unwrap_or(u32::MAX).max(1);
        picture = picture.resize_exact(most, height, FilterType::Lanczos3);
    }
    let own_size = own_size.filter(|_| width == picture.width());
    let (width, height) = (picture.width(), picture.height());
    let (bytes, quality) = match wish.format {
        Format::Jpeg => {
            let (bytes, quality) = jpeg(&picture, wish.quality, wish.max_bytes)?;
            (bytes, Some(quality))
        }
        Format::Png => (lossless(&picture, ImageFormat::Png, own_size, wish.max_bytes)?, None),
        Format::Webp => (lossless(&picture, ImageFormat::WebP, own_size, wish.max_bytes)?, None),
    };
    Ok(Rendered { bytes, width, height, quality })
}

fn too_large(smallest: usize, most: u64, hint: &str) -> Error {
    Error::invalid_input(format!("`max_bytes`: the picture has {smallest} bytes at least, more than {most}"))
        .hint(hint)
        .detail("smallest_bytes", smallest)
}

/// The best quality within the budget, found by halving.
fn jpeg(picture: &DynamicImage, wanted: Option<u8>, most: Option<u64>) -> Result<(Vec<u8>, u8)> {
    let mut high = wanted.unwrap_or(QUALITIES.0);
    let mut low = QUALITIES.1.min(high);
    let best = preview::encode(picture, high)?;
    let Some(most) = most.filter(|most| best.len() as u64 > *most) else { return Ok((best, high)) };
    let smallest = preview::encode(picture, low)?;
    if smallest.len() as u64 > most {
        return Err(too_large(smallest.len(), most, "give a smaller max_width, or a larger budget"));
    }
    let mut found = smallest;
    while high - low > 1 {
        let middle = low.midpoint(high);
        let tried = preview::encode(picture, middle)?;
        if tried.len() as u64 <= most {
            (low, found) = (middle, tried);
        } else {
            high = middle;
        }
    }
    Ok((found, low))
}

fn lossless(
    picture: &DynamicImage,
    format: ImageFormat,
    own_size: Option<usize>,
    most: Option<u64>,
) -> Result<Vec<u8>> {
    // WebP is written in eight bits a channel only.
    let plain = match (format, picture.color().has_alpha()) {
        (ImageFormat::WebP, true) => &DynamicImage::ImageRgba8(picture.to_rgba8()),
        (ImageFormat::WebP, false) => &DynamicImage::ImageRgb8(picture.to_rgb8()),
        _ => picture,
    };
    let mut bytes = Cursor::new(Vec::new());
    plain
        .write_to(&mut bytes, format)
        .map_err(|error| Error::internal("the picture cannot be written").source(error))?;
    let bytes = bytes.into_inner();
    match most {
        Some(most) if bytes.len() as u64 > most => Err(too_large(
            own_size.map_or(bytes.len(), |own| own.min(bytes.len())),
            most,
            "png and webp are written without loss here: use jpeg, or a smaller max_width",
        )),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: u32, height: u32) -> Vec<u8> {
        let picture = image::RgbaImage::from_fn(width, height, |x, y| {
            let value = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_be_bytes();
            image::Rgba([value[0], value[1], value[2], 200])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn wish(format: Format, max_width: Option<u32>, max_bytes: Option<u64>) -> Wish {
        Wish { format, max_width, max_bytes, quality: None }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let original = noise(64, 32);
        let kept = render(original.clone(), wish(Format::Png, Some(64), Some(1 << 20))).unwrap();
        assert_eq!((kept.bytes, kept.width, kept.height, kept.quality), (original, 64, 32, None));
    }

    #[test]
    fn a_budget_is_kept_with_the_best_quality_that_fits() {
        let best = render(noise(300, 200), wish(Format::Jpeg, None, None)).unwrap();
        assert_eq!(best.quality, Some(92));
        let budget = best.bytes.len() as u64 * 2 / 3;
        let fitting = render(noise(300, 200), wish(Format::Jpeg, None, Some(budget))).unwrap();
        let quality = fitting.quality.unwrap();
        assert!(fitting.bytes.len() as u64 <= budget && (31..92).contains(&quality), "{quality}");
        let decoded = preview::decode(&noise(300, 200)).unwrap();
        assert!(preview::encode(&decoded, quality + 1).unwrap().len() as u64 > budget);
        let error = render(noise(300, 200), wish(Format::Jpeg, None, Some(500))).unwrap_err();
        assert!(error.message().contains("more than 500"), "{error}");
        let original = noise(300, 200);
        let size = original.len();
        let error = render(original, wish(Format::Png, None, Some(500))).unwrap_err();
        assert!(error.details()["smallest_bytes"].as_u64().unwrap() <= size as u64, "{error}");
    }

    #[test]
    fn a_quality_that_was_asked_for_is_the_best_that_is_used() {
        let rendered = |quality, max_bytes| {
            render(noise(300, 200), Wish { format: Format::Jpeg, max_width: None, max_bytes, quality })
        };
        let (fine, coarse) = (rendered(Some(95), None).unwrap(), rendered(Some(20), None).unwrap());
        assert_eq!((fine.quality, coarse.quality), (Some(95), Some(20)));
        assert!(coarse.bytes.len() < fine.bytes.len());
        let budget = fine.bytes.len() as u64 / 2;
        let fitting = rendered(Some(95), Some(budget)).unwrap();
        assert!(fitting.bytes.len() as u64 <= budget && fitting.quality.unwrap() < 95);
    }

    #[test]
    fn every_format_is_written_and_narrowed_in_proportion() {
        for (format, magic) in
            [(Format::Png, &b"\x89PNG"[..]), (Format::Jpeg, b"\xff\xd8"), (Format::Webp, b"RIFF")]
        {
            let made = render(noise(300, 200), wish(format, Some(150), None)).unwrap();
            assert_eq!((made.width, made.height), (150, 100));
            assert!(made.bytes.starts_with(magic));
        }
    }
}
