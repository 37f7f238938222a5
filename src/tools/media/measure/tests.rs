use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::tools::media::Pieces;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/embedded/", $name)).as_slice()
    };
}

fn pieces(bytes: &[u8]) -> Pieces {
    let whole = Bytes::copy_from_slice(bytes);
    Pieces { head: whole.clone(), tail: whole, total: bytes.len() as u64, modified: None, index: None }
}

fn measured(bytes: &[u8]) -> (Option<(u32, u32)>, Option<f64>) {
    let found = measure(&pieces(bytes));
    (found.width.zip(found.height), found.seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0))
}

/// One second of silence, 8 kHz, 16 bit, one channel.
fn wav() -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend_from_slice(&8_000_u32.to_le_bytes());
    bytes.extend_from_slice(&16_000_u32.to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&16_000_u32.to_le_bytes());
    bytes.resize(bytes.len() + 16_000, 0);
    bytes
}

#[test]
fn files_that_comfyui_saved_have_the_size_and_length_that_other_programs_see() {
    let square = Some((64, 64));
    for (bytes, size, seconds) in [
        (fixture!("saved.png"), square, None),
        (fixture!("animated.webp"), square, None),
        (fixture!("video.mp4"), square, Some(0.167)),
        (fixture!("video.webm"), square, Some(0.167)),
        (fixture!("sound.flac"), None, Some(0.2)),
        (fixture!("sound.opus"), None, Some(0.2)),
        (&wav(), None, Some(1.0)),
    ] {
        assert_eq!(measured(bytes), (size, seconds));
    }
    let mp3 = measured(fixture!("sound.mp3")).1.unwrap();
    assert!((0.2..0.3).contains(&mp3), "{mp3}");
}

#[test]
fn what_is_no_such_file_measures_nothing() {
    for bytes in [b"".as_slice(), b"hello", b"{\"a\": 1}", b"\x1a\x45\xdf\xa3", b"\0\0\0\x08ftyp"] {
        assert_eq!(measured(bytes), (None, None));
    }
}

proptest! {
    #[test]
    fn damaged_files_give_numbers_or_nothing(
        which in 0_usize..6,
        cut in 0.0_f64..1.0,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let files = [fixture!("saved.png"), fixture!("video.mp4"), fixture!("video.webm"), fixture!("sound.flac"),
            fixture!("sound.opus"), fixture!("sound.mp3")];
        let mut bytes = files[which].to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a length below 20 000")]
        let end = (bytes.len() as f64 * cut) as usize;
        let _ = measure(&pieces(&bytes[..end]));
    }
}
