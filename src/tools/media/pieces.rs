//! The few pieces of a file that tell what it is.

use bytes::Bytes;

use crate::comfy::{Client, OutputRef};
use comfywarden_error::{Error, Kind, Result};

/// The largest file that is taken into memory as a whole, in bytes.
pub(crate) const MAX_WHOLE: u64 = 32 * 1024 * 1024;
/// The start of a file that is always read.
const HEAD: usize = 256 * 1024;
/// The end of a file, where some kinds keep their length.
const TAIL: usize = 64 * 1024;
/// The largest index of a film that is read.
const MAX_INDEX: u64 = 16 * 1024 * 1024;
/// Maximum number of boxes of a film that are stepped over on the way to its index.
const MAX_STEPS: usize = 64;

/// Parts of a file that were read.
#[derive(Debug, Clone)]
pub(crate) struct Pieces {
    /// Its start.
    pub(crate) head: Bytes,
    /// Its end; the whole file where that is small.
    pub(crate) tail: Bytes,
    /// Its size.
    pub(crate) total: u64,
    /// Time of the last write, as HTTP says it.
    pub(crate) modified: Option<String>,
    /// The index of an ISO film (`moov`), where it lies behind the start.
    pub(crate) index: Option<Bytes>,
}

impl Pieces {
    /// Reads the pieces.
    pub(crate) async fn read(comfy: &Client, file: &OutputRef) -> Result<Self> {
        let first = comfy.view_part(file, 0, HEAD).await?;
        let (head, total) = (first.bytes, first.total);
        let tail = if total <= head.len() as u64 {
            head.clone()
        } else if head.starts_with(b"OggS") {
            comfy.view_part(file, total.saturating_sub(TAIL as u64), TAIL).await?.bytes
        } else {
            Bytes::new()
        };
        let mut pieces = Self { head, tail, total, modified: first.modified, index: None };
        if pieces.is_film() && total > pieces.head.len() as u64 {
            pieces.index = pieces.find_index(comfy, file).await?;
        }
        Ok(pieces)
    }

    /// True for an ISO film, such as MP4.
    pub(crate) fn is_film(&self) -> bool {
        self.head.get(4..8) == Some(b"ftyp")
    }

    /// True for a WAV sound.
    pub(crate) fn is_wav(&self) -> bool {
        self.head.starts_with(b"RIFF") && self.head.get(8..12) == Some(b"WAVE")
    }

    /// The one demuxer of ffmpeg for this content. Never guessed by ffmpeg itself: some of its formats are lists of
    /// other files and addresses.
    pub(crate) fn demuxer(&self) -> Option<&'static str> {
        match &*self.head {
            _ if self.is_film() => Some("mov"),
            _ if self.is_wav() => Some("wav"),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some("matroska"),
            [b'f', b'L', b'a', b'C', ..] => Some("flac"),
            [b'O', b'g', b'g', b'S', ..] => Some("ogg"),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("avi"),
            [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..] => Some("aac"),
            [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => Some("mp3"),
            _ => None,
        }
    }

    /// True when the start is the whole file.
    pub(crate) fn is_complete(&self) -> bool {
        self.total == self.head.len() as u64
    }

    /// Bytes that hold every text of the file: the file itself, or of a film its frame and its index.
    pub(crate) async fn container(&self, comfy: &Client, file: &OutputRef) -> Result<Bytes> {
        if self.is_complete() {
            return Ok(self.head.clone());
        }
        if let Some(index) = &self.index {
            let length = u32::from_be_bytes(first_four(&self.head)) as usize;
            let start = self.head.get(..length.min(self.head.len())).unwrap_or_default();
            return Ok(Bytes::from([start, index].concat()));
        }
        if self.total > MAX_WHOLE {
            return Err(Error::new(
                Kind::Upstream,
                format!(
                    "`{}` has {} bytes; at most {MAX_WHOLE} are searched for a workflow",
                    file.filename.as_str(),
                    self.total
                ),
            )
            .hint(
                "use the asset while ComfyUI's history still knows its job, or export the workflow as JSON",
            ));
        }
        let most = usize::try_from(MAX_WHOLE).unwrap_or(usize::MAX);
        Ok(comfy.view(file, crate::comfy::ViewOptions { preview: None, max_bytes: most }).await?.bytes)
    }

    /// Steps from box to box to `moov`, reading only their heads.
    async fn find_index(&self, comfy: &Client, file: &OutputRef) -> Result<Option<Bytes>> {
        let mut at = 0_u64;
        for _ in 0..MAX_STEPS {
            let here = usize::try_from(at).ok().and_then(|at| self.head.get(at..at + 16));
            let header = match here {
                Some(bytes) => Bytes::copy_from_slice(bytes),
                None if at >= self.total => return Ok(None),
                None => comfy.view_part(file, at, 16).await?.bytes,
            };
            let Some((kind, length)) = box_header(&header, self.total - at) else { return Ok(None) };
            if kind == *b"moov" {
                if length > MAX_INDEX {
                    return Ok(None);
                }
                let most = usize::try_from(length).unwrap_or(usize::MAX);
                return Ok(Some(comfy.view_part(file, at, most).await?.bytes));
            }
            at = at.saturating_add(length);
        }
        Ok(None)
    }
}

fn first_four(bytes: &[u8]) -> [u8; 4] {
    bytes.get(..4).and_then(|four| four.try_into().ok()).unwrap_or_default()
}

/// The kind of a box and its length with its head.
fn box_header(bytes: &[u8], rest: u64) -> Option<([u8; 4], u64)> {
    let kind = bytes.get(4..8)?.try_into().ok()?;
    let length = match u32::from_be_bytes(first_four(bytes)) {
        0 => rest,
        1 => u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?),
        short => short.into(),
    };
    (length >= 8).then_some((kind, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_head_tells_kind_and_length() {
        assert_eq!(box_header(b"\0\0\0\x18ftypmp42", 99), Some((*b"ftyp", 24)));
        assert_eq!(box_header(b"\0\0\0\0mdat", 99), Some((*b"mdat", 99)));
        assert_eq!(box_header(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", 99), Some((*b"mdat", 1 << 32)));
        for broken in [b"\0\0\0\x04mdat".as_slice(), b"\0\0\0\x01mdat", b"\0\0"] {
            assert_eq!(box_header(broken, 99), None);
        }
    }
}
