//! EXIF in WebP and JPEG: ComfyUI writes `prompt:{…}` and `workflow:{…}` into text tags of the first directory.

use super::{bytes::Bytes, texts::Texts};
use crate::Result;

/// The most entries that are looked at in one directory.
const MAX_TAGS: usize = 512;

/// Collects the texts of a WebP file.
pub(super) fn webp_texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut bytes = Bytes::new(file.get(12..).unwrap_or_default());
    while !bytes.is_empty() {
        let (Some(kind), Some(length)) = (bytes.take(4), bytes.le32()) else { break };
        let Some(data) = bytes.take(length) else {
            return texts.cut_off("WebP has a chunk that is longer than the file");
        };
        if kind == b"EXIF" {
            add_tags(data, &mut texts)?;
        }
        bytes.take(length % 2);
    }
    Ok(texts)
}

/// Collects the texts of a JPEG file, up to where the picture begins.
pub(super) fn jpeg_texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut bytes = Bytes::new(file.get(2..).unwrap_or_default());
    while bytes.byte() == Some(0xFF) {
        let fill = bytes.rest().iter().take_while(|byte| **byte == 0xFF).count();
        bytes.take(fill);
        let Some(marker) = bytes.byte() else { break };
        match marker {
            0xD9 | 0xDA => break,
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let length = bytes.be16().and_then(|length| usize::from(length).checked_sub(2));
        let Some(data) = length.and_then(|length| bytes.take(length)) else {
            return texts.cut_off("JPEG has a segment that is longer than the file");
        };
        if marker == 0xE1 && data.starts_with(b"Exif\0") {
            add_tags(data, &mut texts)?;
        }
    }
    Ok(texts)
}

/// Reads the text tags of a TIFF block, with or without the `Exif` header.
fn add_tags<'b>(data: &'b [u8], texts: &mut Texts<'b>) -> Result<()> {
    let tiff = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
    let little = match tiff.get(..4) {
        Some(b"II*\0") => true,
        Some(b"MM\0*") => false,
        _ => return Ok(()),
    };
    let order = Order { tiff, little };
    let Some(first) = order.long(4) else { return Ok(()) };
    let Some(details) = add_directory(&order, first, texts)? else { return Ok(()) };
    add_directory(&order, details, texts).map(|_| ())
}

/// Reads one directory; returns the offset of the directory with the details.
fn add_directory<'b>(order: &Order<'b>, start: usize, texts: &mut Texts<'b>) -> Result<Option<usize>> {
    let Some(count) = order.short(start) else { return Ok(None) };
    let mut details = None;
    for index in 0..count.min(MAX_TAGS) {
        let entry = start + 2 + index * 12;
        let field =
            (order.short(entry), order.short(entry + 2), order.long(entry + 4), order.long(entry + 8));
        let (Some(tag), Some(kind), Some(length), Some(value)) = field else { break };
        if tag == 0x8769 {
            details = Some(value);
            continue;
        }
        // ASCII, or the user comment, which starts with eight bytes that name its encoding.
        let skip = match (tag, kind) {
            (0x9286, 7) => 8,
            (_, 2) => 0,
            _ => continue,
        };
        let at = if length <= 4 { entry + 8 } else { value };
        let Some(text) = at.checked_add(length).and_then(|end| order.tiff.get(at..end)) else {
            texts.fault("the EXIF block names a text outside of itself");
            continue;
        };
        texts.count()?;
        let text = text.get(skip..).unwrap_or_default();
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        texts.add_pair(text.get(..end).unwrap_or_default(), b':')?;
    }
    Ok(details)
}

/// Reads numbers at offsets of the block, in its byte order.
struct Order<'b> {
    tiff: &'b [u8],
    little: bool,
}

impl Order<'_> {
    fn short(&self, at: usize) -> Option<usize> {
        let bytes: [u8; 2] = self.tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(usize::from(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }))
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes: [u8; 4] = self.tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let number = if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(number).ok()
    }
}
