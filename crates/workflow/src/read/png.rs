//! PNG: `tEXt`, `zTXt` and `iTXt` chunks, and the `comf` chunks of ComfyUI's animated PNGs.

use std::{borrow::Cow, io::Read as _};

use super::{
    bytes::Bytes,
    texts::{MAX_TEXT, Texts, damaged, too_much},
};
use crate::Result;

/// The first eight bytes.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Collects the texts; the picture itself is skipped.
pub(super) fn texts(file: &[u8]) -> Result<Texts<'_>> {
    let mut texts = Texts::default();
    let mut bytes = Bytes::new(file.get(SIGNATURE.len()..).unwrap_or_default());
    loop {
        let Some(length) = bytes.be32() else { return texts.cut_off("PNG ends without its IEND chunk") };
        let covered = bytes.rest();
        let (kind, data) = (bytes.take(4), bytes.take(length));
        let (Some(kind), Some(data), Some(stated)) = (kind, data, bytes.be32()) else {
            return texts.cut_off("PNG has a chunk that is longer than the file");
        };
        if kind == b"IEND" {
            return Ok(texts);
        }
        if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt" | b"comf") {
            continue;
        }
        texts.count()?;
        let mut crc = flate2::Crc::new();
        crc.update(covered.get(..4 + length).unwrap_or_default());
        if usize::try_from(crc.sum()).ok() != Some(stated) {
            // The editor does not look at checksums, and programs that change the text often leave the old one.
            texts.fault("a text chunk has a wrong checksum");
        }
        add_chunk(kind, data, &mut texts)?;
    }
}

fn add_chunk<'b>(kind: &[u8], data: &'b [u8], texts: &mut Texts<'b>) -> Result<()> {
    let Some((key, rest)) = split_at_zero(data) else { return Ok(()) };
    let Ok(key) = std::str::from_utf8(key) else { return Ok(()) };
    if !matches!(key, "prompt" | "workflow") {
        return Ok(());
    }
    match kind {
        b"tEXt" | b"comf" => texts.add(key, latin_1(rest)),
        b"zTXt" => match rest.split_first() {
            Some((0, packed)) => {
                let text = inflate(packed, texts.room())?;
                texts.add(key, Cow::Owned(latin_1(&text).into_owned()))
            }
            _ => Err(damaged("PNG has a text packed in an unknown way")),
        },
        _ => add_international(key, rest, texts),
    }
}

/// Reads `flag, method, language NUL, translated key NUL, text` in UTF-8.
fn add_international<'b>(key: &str, rest: &'b [u8], texts: &mut Texts<'b>) -> Result<()> {
    let ([packed, method], rest) = (rest.get(..2).unwrap_or(&[9, 9]), rest.get(2..).unwrap_or_default())
    else {
        return Ok(());
    };
    let text = split_at_zero(rest).and_then(|(_, rest)| split_at_zero(rest)).map(|(_, text)| text);
    match (packed, method, text) {
        (0, _, Some(text)) => texts.add(key, Cow::Borrowed(text)),
        (1, 0, Some(text)) => {
            let text = inflate(text, texts.room())?;
            texts.add(key, Cow::Owned(text))
        }
        _ => Err(damaged("PNG has an iTXt chunk that cannot be read")),
    }
}

fn split_at_zero(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == 0)?;
    Some((data.get(..at)?, data.get(at + 1..)?))
}

/// Inflates at most `room` bytes; a bomb stops there.
fn inflate(packed: &[u8], room: usize) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = u64::try_from(room).unwrap_or(0) + 1;
    flate2::read::ZlibDecoder::new(packed)
        .take(limit)
        .read_to_end(&mut text)
        .map_err(|_| damaged("PNG has a packed text that cannot be inflated"))?;
    if text.len() > room {
        return Err(too_much(&format!("a packed text that inflates to more than {MAX_TEXT} bytes")));
    }
    Ok(text)
}

/// Converts Latin-1 to UTF-8. Programs that write UTF-8 here are understood as well.
fn latin_1(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes())
}
