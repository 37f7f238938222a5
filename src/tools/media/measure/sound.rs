//! Playing time of sounds.

use super::measures::{Measures, be32, be64, float, le16, le32, le64};

/// `STREAMINFO` comes first and holds rate and number of samples.
pub(super) fn flac(head: &[u8]) -> Option<Measures> {
    let packed = be64(head, 18)?;
    let (rate, samples) = (packed >> 44, packed & 0xf_ffff_ffff);
    (rate > 0 && samples > 0).then(|| Measures::lasting(float(samples) / float(rate)))
}

/// The last page knows the last sample; Opus counts 48,000 a second, Vorbis says its rate.
pub(super) fn ogg(head: &[u8], tail: &[u8]) -> Option<Measures> {
    let last = tail.windows(4).rposition(|four| four == b"OggS")?;
    let samples = le64(tail, last + 6)?;
    let find = |name: &[u8]| head.windows(name.len()).take(512).position(|window| window == name);
    let (rate, skipped) = match (find(b"OpusHead"), find(b"\x01vorbis")) {
        (Some(at), _) => (48_000, u64::from(le16(head, at + 10)?)),
        (None, Some(at)) => (le32(head, at + 12)?, 0),
        (None, None) => return None,
    };
    (rate > 0 && samples != u64::MAX)
        .then(|| Measures::lasting(float(samples.saturating_sub(skipped)) / f64::from(rate)))
}

/// `fmt ` says how many bytes a second are; `data` how many there are.
pub(super) fn wav(head: &[u8], total: u64) -> Option<Measures> {
    let mut at = 12;
    let mut rate = None;
    for _ in 0..64 {
        let (kind, size) = (head.get(at..at + 4)?, le32(head, at + 4)?);
        match kind {
            b"fmt " => rate = le32(head, at + 16),
            b"data" => {
                let rate = rate.filter(|rate| *rate > 0)?;
                // A stream that was never finished has no true size.
                let bytes = u64::from(size).min(total.saturating_sub(at as u64 + 8));
                return Some(Measures::lasting(float(bytes) / f64::from(rate)));
            }
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(size as usize)?.checked_add((size % 2) as usize)?;
    }
    None
}

/// A `Xing` or `Info` head counts the frames; without one all frames are taken to be as large as the first.
pub(super) fn mp3(head: &[u8], total: u64) -> Option<Measures> {
    let mut start = 0;
    if head.starts_with(b"ID3") {
        let digits = head.get(6..10)?;
        start = digits.iter().fold(0_usize, |size, digit| (size << 7) | usize::from(digit & 0x7f)) + 10;
    }
    let frame = head.get(start..)?;
    let at = frame.windows(2).take(4096).position(|two| matches!(two, [0xff, 0xe2..=0xff]))?;
    let word = be32(frame, at)?;
    let (version, bitrate, rate) = ((word >> 19) & 3, (word >> 12) & 15, (word >> 10) & 3);
    let hertz = f64::from(*[44_100_u32, 48_000, 32_000].get(rate as usize)?)
        / match version {
            3 => 1.0,
            2 => 2.0,
            _ => 4.0,
        };
    let samples = if version == 3 { 1_152.0 } else { 576.0 };
    let body = frame.get(at..)?;
    let counted = body.windows(4).take(64).position(|four| four == b"Xing" || four == b"Info");
    if let Some(found) = counted
        && be32(body, found + 4)? & 1 == 1
    {
        return Some(Measures::lasting(f64::from(be32(body, found + 8)?) * samples / hertz));
    }
    let table: &[u32] = if version == 3 {
        &[0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    } else {
        &[0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    };
    let kilobits = *table.get(bitrate as usize).filter(|rate| **rate > 0)?;
    let bytes = total.saturating_sub((start + at) as u64);
    Some(Measures::lasting(float(bytes) * 8.0 / (f64::from(kilobits) * 1000.0)))
}
