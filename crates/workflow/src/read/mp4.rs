//! MP4: `moov` holds named tags, the names in `keys`, the texts in `ilst`.

use std::borrow::Cow;

use super::{
    bytes::Bytes,
    texts::{Texts, damaged},
};
use crate::Result;

/// The most boxes that are looked at in one file.
const MAX_BOXES: usize = 4096;
/// The most tag names.
const MAX_KEYS: usize = 256;

/// True for the first bytes of an ISO media file.
pub(super) fn is_mp4(file: &[u8]) -> bool {
    file.get(4..8) == Some(b"ftyp")
}

/// Collects the texts; sound and pictures are skipped.
pub(super) fn texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut left = MAX_BOXES;
    for (kind, data) in boxes(file, &mut left)? {
        if kind == *b"moov" {
            add_movie(data, &mut left, &mut texts)?;
        }
    }
    Ok(texts)
}

fn add_movie<'b>(movie: &'b [u8], left: &mut usize, texts: &mut Texts<'b>) -> Result<()> {
    for (kind, data) in boxes(movie, left)? {
        match &kind {
            b"meta" => add_meta(data, left, texts)?,
            b"udta" => {
                for (kind, data) in boxes(data, left)? {
                    if kind == *b"meta" {
                        add_meta(data, left, texts)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads a `meta` box: `keys` names the entries of `ilst`, counted from one.
fn add_meta<'b>(meta: &'b [u8], left: &mut usize, texts: &mut Texts<'b>) -> Result<()> {
    // ISO files have four bytes of version and flags here, others have not.
    let children = if meta.get(4..8) == Some(b"hdlr") { meta } else { meta.get(4..).unwrap_or_default() };
    let mut names: Vec<&[u8]> = Vec::new();
    for (kind, data) in boxes(children, left)? {
        match &kind {
            b"keys" => names = key_names(data),
            b"ilst" => {
                for (index, entry) in boxes(data, left)? {
                    let index =
                        u32::from_be_bytes(index).checked_sub(1).and_then(|i| usize::try_from(i).ok());
                    let name = index.and_then(|index| names.get(index));
                    let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else { continue };
                    for (_, value) in boxes(entry, left)?.into_iter().filter(|(kind, _)| kind == b"data") {
                        texts.count()?;
                        let short = name.rsplit('.').next().unwrap_or(name);
                        texts.add(short, Cow::Borrowed(value.get(8..).unwrap_or_default()))?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn key_names(data: &[u8]) -> Vec<&[u8]> {
    let mut bytes = Bytes::new(data.get(4..).unwrap_or_default());
    let count = bytes.be32().unwrap_or(0).min(MAX_KEYS);
    let name = |_| {
        let length = bytes.be32()?.checked_sub(8)?;
        bytes.take(4)?;
        bytes.take(length)
    };
    (0..count).map_while(name).collect()
}

type Box4<'b> = ([u8; 4], &'b [u8]);

/// Splits `data` into boxes.
fn boxes<'b>(data: &'b [u8], left: &mut usize) -> Result<Vec<Box4<'b>>> {
    let mut found = Vec::new();
    let mut bytes = Bytes::new(data);
    while bytes.rest().len() >= 8 {
        *left = left.checked_sub(1).ok_or_else(|| damaged("MP4 has too many boxes"))?;
        let (Some(short), Some(kind)) = (bytes.be32(), bytes.take(4)) else { break };
        let length = match short {
            0 => Some(bytes.rest().len()),
            1 => bytes.be64().and_then(|length| length.checked_sub(16)),
            length => length.checked_sub(8),
        };
        let content = length.and_then(|length| bytes.take(length));
        let (Some(content), Ok(kind)) = (content, <[u8; 4]>::try_from(kind)) else {
            return Err(damaged("MP4 has a box that is longer than the file"));
        };
        found.push((kind, content));
    }
    Ok(found)
}
