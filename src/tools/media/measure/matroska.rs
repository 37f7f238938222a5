//! `WebM` and Matroska: length in `Info`, size of the picture in `Tracks`, both near the start.

use super::measures::Measures;

/// Maximum number of elements that are looked at.
const MAX_ELEMENTS: usize = 4_096;

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;

pub(super) fn measure(bytes: &[u8]) -> Option<Measures> {
    let mut measures = Measures::default();
    let (mut scale, mut length) = (1_000_000_u64, None);
    let mut open = vec![bytes];
    let mut left = MAX_ELEMENTS;
    while let Some(rest) = open.pop() {
        let Some((id, content, after)) = element(rest) else { continue };
        left = left.checked_sub(1)?;
        open.push(after);
        match id {
            SEGMENT | INFO | TRACKS | TRACK_ENTRY | VIDEO => open.push(content),
            TIMESTAMP_SCALE => scale = unsigned(content),
            DURATION => length = floating(content),
            PIXEL_WIDTH => measures.width = u32::try_from(unsigned(content)).ok(),
            PIXEL_HEIGHT => measures.height = u32::try_from(unsigned(content)).ok(),
            _ => {}
        }
    }
    measures.seconds =
        length.and_then(|length| Measures::lasting(length * super::measures::float(scale) / 1e9).seconds);
    Some(measures)
}

/// Id, content and what comes after; the content of a cut element is what there is of it.
fn element(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let first = *bytes.first()?;
    let id_length = usize::try_from(first.leading_zeros()).ok()? + 1;
    if id_length > 4 {
        return None;
    }
    let id = bytes.get(..id_length)?.iter().fold(0, |id, byte| (id << 8) | u32::from(*byte));
    let rest = bytes.get(id_length..)?;
    let first = *rest.first()?;
    let size_length = usize::try_from(first.leading_zeros()).ok()? + 1;
    if size_length > 8 {
        return None;
    }
    let mask = 0xff_u64.checked_shr(u32::try_from(size_length).ok()?).unwrap_or(0);
    let digits = rest.get(..size_length)?;
    let unknown = u64::from(first) & mask == mask && digits.iter().skip(1).all(|byte| *byte == 0xff);
    let size =
        digits.iter().skip(1).fold(u64::from(first) & mask, |size, byte| (size << 8) | u64::from(*byte));
    let content = rest.get(size_length..)?;
    let size = if unknown { content.len() } else { usize::try_from(size).ok()?.min(content.len()) };
    Some((id, content.get(..size)?, content.get(size..)?))
}

fn unsigned(content: &[u8]) -> u64 {
    content.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn floating(content: &[u8]) -> Option<f64> {
    match content.len() {
        4 => Some(f32::from_be_bytes(content.try_into().ok()?).into()),
        8 => Some(f64::from_be_bytes(content.try_into().ok()?)),
        _ => None,
    }
}
