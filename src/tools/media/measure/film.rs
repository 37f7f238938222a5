//! MP4 and Quicktime: the index says how long the film plays and how large its picture is.

use super::measures::{Measures, be32, be64, float};

/// Maximum number of boxes that are looked at.
const MAX_BOXES: usize = 1_024;

pub(super) fn measure(bytes: &[u8]) -> Option<Measures> {
    let mut left = MAX_BOXES;
    let index = child(bytes, *b"moov", &mut left)?;
    let mut measures = Measures::default();
    if let Some(header) = child(index, *b"mvhd", &mut left) {
        let (scale, length) = match header.first()? {
            0 => (be32(header, 12)?, be32(header, 16)?.into()),
            _ => (be32(header, 20)?, be64(header, 24)?),
        };
        if scale > 0 {
            measures = Measures::lasting(float(length) / f64::from(scale));
        }
    }
    for (kind, track) in boxes(index, &mut left) {
        let Some(header) = child(track, *b"tkhd", &mut left).filter(|_| kind == *b"trak") else { continue };
        // The last eight bytes are width and height, 16.16 fixed point; a sound track has zeros there.
        let at = header.len().checked_sub(8)?;
        let (width, height) = (be32(header, at)? >> 16, be32(header, at + 4)? >> 16);
        if width > 0 && height > 0 {
            (measures.width, measures.height) = (Some(width), Some(height));
            break;
        }
    }
    Some(measures)
}

fn child<'b>(bytes: &'b [u8], wanted: [u8; 4], left: &mut usize) -> Option<&'b [u8]> {
    boxes(bytes, left).into_iter().find(|(kind, _)| *kind == wanted).map(|(_, content)| content)
}

/// The boxes that lie whole in `bytes`, and what is there of a last one that is cut.
fn boxes<'b>(bytes: &'b [u8], left: &mut usize) -> Vec<([u8; 4], &'b [u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let (Some(short), Some(kind), true) = (be32(rest, 0), rest.get(4..8), *left > 0) {
        *left -= 1;
        let (head, length) = match short {
            0 => (8, rest.len()),
            1 => (16, be64(rest, 8).and_then(|long| usize::try_from(long).ok()).unwrap_or(0)),
            short => (8, short as usize),
        };
        let Ok(kind) = <[u8; 4]>::try_from(kind) else { break };
        let Some(content) = rest.get(head..length.min(rest.len())) else { break };
        found.push((kind, content));
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}
