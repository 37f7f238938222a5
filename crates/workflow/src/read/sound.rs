//! FLAC and Ogg comments (`key=text`) and the ID3 tags of MP3 (`TXXX` frames).

use std::borrow::Cow;

use super::{
    bytes::Bytes,
    texts::{MAX_TOTAL, Texts, damaged, too_much},
};
use crate::Result;

/// The most comments that are looked at.
const MAX_COMMENTS: usize = 1024;

/// Collects the texts of a FLAC file.
pub(super) fn flac_texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut bytes = Bytes::new(file.get(4..).unwrap_or_default());
    loop {
        let Some(header) = bytes.be32() else { return Err(damaged("FLAC ends inside its header")) };
        let Some(data) = bytes.take(header & 0x00FF_FFFF) else {
            return Err(damaged("FLAC has a block that is longer than the file"));
        };
        if (header >> 24) & 0x7F == 4 {
            add_comments(data, &mut texts)?;
        }
        if header >> 31 == 1 {
            return Ok(texts);
        }
    }
}

/// Reads `vendor, count, key=text…`, each after its little-endian length.
fn add_comments<'b>(data: &'b [u8], texts: &mut Texts<'b>) -> Result<()> {
    let mut bytes = Bytes::new(data);
    let vendor = bytes.le32().and_then(|length| bytes.take(length));
    let (Some(_), Some(count)) = (vendor, bytes.le32()) else {
        return Err(damaged("file has comments that cannot be read"));
    };
    for _ in 0..count.min(MAX_COMMENTS) {
        let Some(comment) = bytes.le32().and_then(|length| bytes.take(length)) else {
            return Err(damaged("file has comments that cannot be read"));
        };
        texts.count()?;
        texts.add_pair(comment, b'=')?;
    }
    Ok(())
}

/// Collects the texts of an Ogg stream: its second packet, which may span pages, holds the comments.
pub(super) fn ogg_texts(file: &[u8]) -> Result<Texts<'static>> {
    let packet = second_packet(file)?;
    let start = if packet.starts_with(b"OpusTags") { 8 } else { 7 };
    let mut texts = Texts::default();
    add_comments(packet.get(start..).unwrap_or_default(), &mut texts)?;
    Ok(texts.into_owned())
}

fn second_packet(file: &[u8]) -> Result<Vec<u8>> {
    let cut = || damaged("Ogg file ends inside its header");
    let mut bytes = Bytes::new(file);
    let (mut packets, mut packet) = (0, Vec::new());
    loop {
        bytes.take(26).filter(|header| header.starts_with(b"OggS")).ok_or_else(cut)?;
        let segments = bytes.byte().ok_or_else(cut)?;
        let lengths = bytes.take(usize::from(segments)).ok_or_else(cut)?;
        for length in lengths {
            let part = bytes.take(usize::from(*length)).ok_or_else(cut)?;
            if packets == 1 {
                packet.extend_from_slice(part);
            }
            if packet.len() > MAX_TOTAL {
                return Err(too_much(&format!("comments of more than {MAX_TOTAL} bytes")));
            }
            if *length < 255 {
                packets += 1;
            }
            if packets == 2 {
                return Ok(packet);
            }
        }
    }
}

/// Collects the texts of the ID3 tag before an MP3 stream (versions 2.3 and 2.4).
pub(super) fn mp3_texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut bytes = Bytes::new(file.get(3..).unwrap_or_default());
    let (Some(version), Some(flags)) = (bytes.byte(), bytes.be16()) else { return Ok(texts) };
    let length = bytes.take(4).and_then(seven_bit);
    let Some(tag) = length.and_then(|length| bytes.take(length)) else {
        return Err(damaged("ID3 tag is longer than the file"));
    };
    // Bit 7 says that 0xFF bytes are escaped, bit 6 that an extended header follows: nobody writes those here.
    if flags & 0xC0 != 0 || !(3..=4).contains(&version) {
        return Ok(texts);
    }
    let mut frames = Bytes::new(tag);
    while let Some(id) = frames.take(4).filter(|id| id.first() != Some(&0)) {
        let length = if version == 4 { frames.take(4).and_then(seven_bit) } else { frames.be32() };
        let flags = frames.be16();
        let (Some(data), Some(flags)) = (length.and_then(|length| frames.take(length)), flags) else {
            return Err(damaged("ID3 tag has a frame that is longer than itself"));
        };
        if id == b"TXXX" && flags.trailing_zeros() >= 8 {
            texts.count()?;
            add_frame(data, &mut texts)?;
        }
    }
    Ok(texts)
}

fn seven_bit(bytes: &[u8]) -> Option<usize> {
    let small = bytes.iter().all(|byte| *byte < 0x80);
    small.then(|| bytes.iter().fold(0, |length, byte| (length << 7) | usize::from(*byte)))
}

/// Reads `encoding, description NUL, text`.
fn add_frame<'b>(data: &'b [u8], texts: &mut Texts<'b>) -> Result<()> {
    let Some((encoding, rest)) = data.split_first() else { return Ok(()) };
    if matches!(encoding, 0 | 3) {
        let Some(at) = rest.iter().position(|byte| *byte == 0) else { return Ok(()) };
        let (key, text) = rest.split_at(at);
        let text = text.get(1..).unwrap_or_default();
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        return match std::str::from_utf8(key) {
            Ok(key) => texts.add(key, Cow::Borrowed(text)),
            Err(_) => Ok(()),
        };
    }
    if rest.len() > texts.room() {
        return Err(too_much(&format!("an ID3 text of {} bytes", rest.len())));
    }
    let text = utf_16(rest, *encoding == 2);
    match text.split_once('\0') {
        Some((key, text)) => {
            let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
            texts.add(key, Cow::Owned(text.as_bytes().to_vec()))
        }
        None => Ok(()),
    }
}

/// Decodes UTF-16 with a byte order mark, or big-endian without one.
fn utf_16(bytes: &[u8], big: bool) -> String {
    let big = big || bytes.starts_with(&[0xFE, 0xFF]);
    let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    let units = units.map(|pair| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
    text.trim_start_matches('\u{feff}').to_owned()
}
