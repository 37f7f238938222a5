//! Small pictures for a model's eyes: bounded in pixels and in bytes, whatever the original is.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder};

use comfywarden_error::{Error, Kind, Result};

/// The longer side of an inline picture, in pixels: enough to judge it, and cheap in the context of a client.
pub(crate) const MAX_SIDE: u32 = 512;
/// Maximum size of an inline picture, in bytes; in base64 they are 100 kB.
pub(crate) const MAX_BYTES: usize = 75_000;
/// The most pixels that are decoded: 400 MB of memory, for which a small compressed file may ask.
const MAX_PIXELS: u64 = 100_000_000;
/// The longest side that is decoded.
const MAX_DECODED_SIDE: u32 = 16_384;

/// A picture that fits.
#[derive(Debug)]
pub(crate) struct Inline {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mime_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The size of the original.
    pub(crate) original: (u32, u32),
}

/// Makes an inline picture of `bytes`: the original where it fits, else a smaller JPEG of at most `quality`.
/// Decoding is work: call it where blocking is allowed.
pub(crate) fn inline(bytes: &[u8], quality: u8) -> Result<Inline> {
    let (format, width, height) = measure(bytes)?;
    if width.max(height) <= MAX_SIDE && bytes.len() <= MAX_BYTES {
        return Ok(Inline {
            bytes: bytes.to_vec(),
            mime_type: format.to_mime_type(),
            width,
            height,
            original: (width, height),
        });
    }
    let picture = decode(bytes)?;
    let mut side = MAX_SIDE.min(width.max(height));
    let mut quality = quality.clamp(1, 95);
    loop {
        let small = if width.max(height) > side { picture.thumbnail(side, side) } else { picture.clone() };
        let jpeg = encode(&small, quality)?;
        if jpeg.len() <= MAX_BYTES || (quality <= 40 && side <= 64) {
            return Ok(Inline {
                bytes: jpeg,
                mime_type: "image/jpeg",
                width: small.width(),
                height: small.height(),
                original: (width, height),
            });
        }
        if quality > 40 {
            quality = quality.saturating_sub(20).max(40);
        } else {
            side /= 2;
        }
    }
}

/// The format and size of a picture, from its header. Refuses what would take too much to decode.
pub(crate) fn measure(bytes: &[u8]) -> Result<(ImageFormat, u32, u32)> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(unreadable)?;
    let format = reader.format().ok_or_else(|| {
        Error::new(Kind::Upstream, "the file is no PNG, JPEG, WebP or GIF picture")
            .hint("read it as a resource instead, or convert it in ComfyUI")
    })?;
    let (width, height) = reader.into_dimensions().map_err(unreadable)?;
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > MAX_DECODED_SIDE || pixels > MAX_PIXELS {
        return Err(Error::denied(format!(
            "the picture is {width}×{height}; at most {MAX_DECODED_SIDE} on a side and {MAX_PIXELS} pixels are decoded"
        ))
        .hint("read the full file through its resource link"));
    }
    Ok((format, width, height))
}

/// True when some pixel of the picture can be looked through. Decoding is work: call it where blocking is allowed.
pub(crate) fn is_transparent(bytes: &[u8]) -> Result<bool> {
    measure(bytes)?;
    let picture = decode(bytes)?;
    Ok(picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX))
}

/// Decodes a picture within limits.
pub(crate) fn decode(bytes: &[u8]) -> Result<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(unreadable)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_DECODED_SIDE);
    limits.max_image_height = Some(MAX_DECODED_SIDE);
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    reader.decode().map_err(unreadable)
}

/// JPEG has no transparency: what is transparent becomes white, as a viewer would show it.
pub(crate) fn encode(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>> {
    let flat = if picture.color().has_alpha() {
        let mut rgba = picture.to_rgba8();
        for pixel in rgba.pixels_mut() {
            let [r, g, b, a] = pixel.0;
            let over_white = |value: u8| {
                let mixed = u16::from(value) * u16::from(a) + 255 * (255 - u16::from(a));
                u8::try_from(mixed / 255).unwrap_or(u8::MAX)
            };
            pixel.0 = [over_white(r), over_white(g), over_white(b), 255];
        }
        DynamicImage::ImageRgba8(rgba).to_rgb8()
    } else {
        picture.to_rgb8()
    };
    let mut jpeg = Vec::new();
    flat.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, quality)).map_err(unreadable)?;
    Ok(jpeg)
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Upstream, "the picture cannot be read")
        .hint(
            "the file may be damaged or still being written; try again, or read it through its resource link",
        )
        .source(error)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn png(width: u32, height: u32, noisy: bool) -> Vec<u8> {
        let picture = RgbaImage::from_fn(width, height, |x, y| {
            let value =
                if noisy { (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)).to_le_bytes()[0] } else { 0 };
            Rgba([value, value.wrapping_mul(31), value.wrapping_mul(17), if noisy { 255 } else { 0 }])
        });
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    #[test]
    fn a_small_picture_stays_as_it_is() {
        let original = png(64, 32, false);
        let inline = inline(&original, 85).unwrap();
        assert_eq!((inline.bytes, inline.mime_type), (original, "image/png"));
    }

    #[test]
    fn a_large_noisy_picture_is_made_to_fit() {
        let inline = inline(&png(1500, 900, true), 90).unwrap();
        assert!(inline.bytes.len() <= MAX_BYTES, "{} bytes", inline.bytes.len());
        assert!(inline.width <= MAX_SIDE && inline.height <= MAX_SIDE);
        assert_eq!((inline.mime_type, inline.original), ("image/jpeg", (1500, 900)));
    }

    #[test]
    fn transparency_becomes_white() {
        let inline = inline(&png(600, 600, false), 85).unwrap();
        let back = image::load_from_memory(&inline.bytes).unwrap().to_rgb8();
        assert!(back.get_pixel(10, 10).0.iter().all(|value| *value > 250));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let error = inline(b"<html><script>alert(1)</script>", 85).unwrap_err();
        assert_eq!(error.kind(), Kind::Upstream);
    }
}
