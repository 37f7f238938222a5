//! Pictures that tests make.

use image::{ImageFormat, Rgba, RgbaImage};

/// A PNG of one colour.
pub(crate) fn plain(width: u32, height: u32, colour: [u8; 4]) -> Vec<u8> {
    written(&RgbaImage::from_pixel(width, height, Rgba(colour)))
}

/// A PNG with a different colour nearly everywhere.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    written(&RgbaImage::from_fn(width, height, |x, y| {
        Rgba([(x % 256) as u8, (y % 256) as u8, ((x * y) % 251) as u8, 255])
    }))
}

fn written(picture: &RgbaImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A PNG that carries the workflow it was made by, as ComfyUI writes it.
pub(crate) fn carrying(workflow: &serde_json::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.add_text_chunk("prompt".into(), workflow.to_string()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
    bytes
}
