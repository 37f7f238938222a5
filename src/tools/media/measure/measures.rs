//! Measures of a file of any kind.

use std::io::Cursor;

use image::ImageReader;

use super::{film, matroska, sound};
use crate::tools::media::Pieces;

/// Measures that could be read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Measures {
    /// Pixels across.
    pub(crate) width: Option<u32>,
    /// Pixels down.
    pub(crate) height: Option<u32>,
    /// Playing time.
    pub(crate) seconds: Option<f64>,
}

impl Measures {
    pub(super) fn lasting(seconds: f64) -> Self {
        Self { seconds: (seconds.is_finite() && seconds >= 0.0).then_some(seconds), ..Self::default() }
    }
}

/// Reads what the pieces tell. Nothing is decoded, and what cannot be read is left out.
pub(crate) fn measure(pieces: &Pieces) -> Measures {
    let head: &[u8] = &pieces.head;
    let measures = match head {
        _ if pieces.is_film() => film::measure(pieces.index.as_deref().unwrap_or(head)),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => matroska::measure(head),
        [b'f', b'L', b'a', b'C', ..] => sound::flac(head),
        [b'O', b'g', b'g', b'S', ..] => sound::ogg(head, &pieces.tail),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => sound::wav(head, pieces.total),
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] if !head.starts_with(&[0xff, 0xd8]) => {
            sound::mp3(head, pieces.total)
        }
        _ => None,
    };
    measures.unwrap_or_else(|| picture(head))
}

fn picture(head: &[u8]) -> Measures {
    let size = ImageReader::new(Cursor::new(head))
        .with_guessed_format()
        .ok()
        .filter(|reader| reader.format().is_some())
        .and_then(|reader| reader.into_dimensions().ok());
    match size {
        Some((width, height)) => Measures { width: Some(width), height: Some(height), seconds: None },
        None => Measures::default(),
    }
}

/// Big-endian numbers at a place, or nothing.
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Eight bytes, high first.
pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Two bytes, low first.
pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// Four bytes, low first.
pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Eight bytes, low first.
pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// A count as a number to divide; the counts here are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "sizes and sample counts are far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
