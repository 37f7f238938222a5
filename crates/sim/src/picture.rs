//! Picture files: reading them, writing them, and what ComfyUI writes into them.

use std::io::Cursor;

use image::{DynamicImage, ImageReader, Limits, RgbImage};
use serde_json::{Map, Value};

use super::{python, queue::Item};

/// The longest side that is read.
const MAX_SIDE: u32 = 16_384;

/// A `ftyp` box and an empty `mdat`.
pub(super) const PLACEHOLDER_MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x11mdatsimulated";
/// An EBML head of type webm.
pub(super) const PLACEHOLDER_WEBM: &[u8] =
    b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02simulated";
/// A FLAC marker with an empty STREAMINFO.
pub(super) const PLACEHOLDER_FLAC: &[u8] =
    b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// An empty ID3 tag.
pub(super) const PLACEHOLDER_MP3: &[u8] = b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\x64";
/// The first bytes of an Ogg page with an Opus head.
pub(super) const PLACEHOLDER_OPUS: &[u8] =
    b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
/// A binary glTF with an empty scene.
pub(super) const PLACEHOLDER_GLB: &[u8] =
    b"glTF\x02\0\0\0\x30\0\0\0\x1c\0\0\0JSON{\"asset\":{\"version\":\"2.0\"}} ";

/// The texts of a PNG, in order.
#[derive(Debug, Default)]
pub(super) struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// `prompt`, everything in `extra_pnginfo`, and the word that no model made this.
    pub(super) fn of(item: &Item) -> Self {
        let mut texts = vec![("prompt".to_owned(), python::json_dumps(&Value::Object(item.prompt.clone())))];
        let extra = item.extra_data.get("extra_pnginfo").and_then(Value::as_object);
        for (key, value) in extra.unwrap_or(&Map::new()) {
            // PNG limits keywords to 79 Latin-1 characters.
            if !key.is_empty() && key.len() < 80 && key.is_ascii() {
                texts.push((key.clone(), python::json_dumps(value)));
            }
        }
        texts.push(("simulated".to_owned(), "painted by the simulated ComfyUI, not by a model".to_owned()));
        Self(texts)
    }
}

/// Reads a picture of any known kind.
pub(super) fn decode(bytes: &[u8]) -> Option<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    reader.decode().ok()
}

/// A PNG with texts.
pub(super) fn encode_png(image: &RgbImage, metadata: &Metadata) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width(), image.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    for (key, text) in &metadata.0 {
        encoder.add_text_chunk(key.clone(), text.clone()).ok()?;
    }
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(image.as_raw()).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

/// A lossless WebP.
pub(super) fn encode_webp(image: &RgbImage) -> Option<Vec<u8>> {
    encode(&DynamicImage::ImageRgb8(image.clone()), image::ImageFormat::WebP)
}

/// A picture in this format, without texts.
pub(super) fn encode(image: &DynamicImage, format: image::ImageFormat) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), format).ok()?;
    Some(bytes)
}
