//! `WebM` and Matroska: `Tags` with a `SimpleTag` per text, anywhere in the file.

use std::borrow::Cow;

use super::{
    bytes::Bytes,
    texts::{Texts, damaged},
};
use crate::Result;

/// The first four bytes.
pub(super) const SIGNATURE: &[u8] = b"\x1a\x45\xdf\xa3";

/// The most elements that are looked at in one file.
const MAX_ELEMENTS: usize = 65_536;

const SEGMENT: u32 = 0x1853_8067;
const TAGS: u32 = 0x1254_C367;
const TAG: u32 = 0x7373;
const SIMPLE_TAG: u32 = 0x67C8;
const TAG_NAME: u32 = 0x45A3;
const TAG_STRING: u32 = 0x4487;

/// Collects the texts; sound and pictures are skipped.
pub(super) fn texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut left = MAX_ELEMENTS;
    let mut open = vec![Bytes::new(file)];
    let mut name: Option<&[u8]> = None;
    while let Some(mut bytes) = open.pop() {
        if bytes.is_empty() {
            continue;
        }
        left = left.checked_sub(1).ok_or_else(|| damaged("WebM has too many elements"))?;
        let (Some(id), Some(length)) = (element_id(&mut bytes), element_length(&mut bytes)) else {
            return Err(damaged("WebM has an element that cannot be read"));
        };
        let Some(data) = bytes.take(length) else {
            return Err(damaged("WebM has an element that is longer than the file"));
        };
        open.push(bytes);
        match id {
            SEGMENT | TAGS | TAG => open.push(Bytes::new(data)),
            SIMPLE_TAG => {
                name = None;
                open.push(Bytes::new(data));
            }
            TAG_NAME => name = Some(data),
            TAG_STRING => {
                texts.count()?;
                if let Some(key) = name.take().and_then(|name| std::str::from_utf8(name).ok()) {
                    texts.add(key.trim_end_matches('\0'), Cow::Borrowed(data))?;
                }
            }
            _ => {}
        }
    }
    Ok(texts)
}

/// Reads one to four bytes; the position of the first set bit tells how many.
fn element_id(bytes: &mut Bytes<'_>) -> Option<u32> {
    let first = bytes.byte()?;
    let more = usize::try_from(first.leading_zeros()).ok().filter(|more| *more < 4)?;
    let rest = bytes.take(more)?;
    Some(rest.iter().fold(u32::from(first), |id, byte| (id << 8) | u32::from(*byte)))
}

/// Reads one to eight bytes; all bits set means “to the end”.
fn element_length(bytes: &mut Bytes<'_>) -> Option<usize> {
    let first = bytes.byte()?;
    let more = usize::try_from(first.leading_zeros()).ok().filter(|more| *more < 8)?;
    let rest = bytes.take(more)?;
    let mask = 0x7F_u8.checked_shr(first.leading_zeros()).unwrap_or(0);
    let unknown = first & mask == mask && rest.iter().all(|byte| *byte == 0xFF);
    let length = rest.iter().fold(u64::from(first & mask), |length, byte| (length << 8) | u64::from(*byte));
    if unknown { Some(bytes.rest().len()) } else { usize::try_from(length).ok() }
}
