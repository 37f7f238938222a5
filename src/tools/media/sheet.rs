//! A film on one sheet: frames from its whole length, side by side.

use super::{Ffmpeg, TemporaryCopy};
use comfywarden_error::{Error, Kind, Result};

/// Maximum number of frames on a sheet.
const MAX_FRAMES: u32 = 9;
/// Between the frames, and around them.
const GAP: u32 = 4;
/// The side of a sheet, in pixels.
const SIDE: u32 = 512;
/// Length in seconds above which only the key frames are looked at, since all frames would take too long.
const LONG: f64 = 60.0;
/// Maximum number of bytes of a sheet as ffmpeg writes it.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Layout of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    frames: u32,
    columns: u32,
    rows: u32,
}

impl Layout {
    /// Eight frames a second are enough to see what happens; short films have fewer.
    fn of(seconds: Option<f64>) -> Self {
        let frames = (1..MAX_FRAMES).find(|frames| seconds.is_some_and(|s| s * 8.0 <= f64::from(*frames)));
        let frames = frames.unwrap_or(MAX_FRAMES);
        let columns = (1..=frames).find(|columns| columns * columns >= frames).unwrap_or(frames);
        Self { frames, columns, rows: frames.div_ceil(columns) }
    }

    fn filter(self, seconds: Option<f64>) -> String {
        let side = (SIDE - GAP) / self.columns.max(self.rows) - GAP;
        let (frames, columns, rows) = (self.frames, self.columns, self.rows);
        let rate = match seconds.filter(|seconds| *seconds > 0.0) {
            Some(seconds) => format!("{:.6}", f64::from(frames) / seconds),
            None => "1".to_owned(),
        };
        format!(
            "fps={rate}:start_time=0:round=up,scale={side}:{side}:force_original_aspect_ratio=decrease,setsar=1,\
             tile={columns}x{rows}:nb_frames={frames}:padding={GAP}:margin={GAP}:color=black"
        )
    }
}

/// Draws the sheet, as JPEG. `format` is the demuxer for the film.
pub(crate) async fn sheet(
    ffmpeg: &Ffmpeg,
    film: &TemporaryCopy,
    format: &str,
    seconds: Option<f64>,
) -> Result<Vec<u8>> {
    let long = seconds.is_none_or(|seconds| seconds > LONG);
    let before: &[&str] = if long { &["-skip_frame", "nokey"] } else { &[] };
    let filter = Layout::of(seconds).filter(seconds);
    let after = [
        "-map",
        "0:v:0",
        "-an",
        "-sn",
        "-dn",
        "-vf",
        &filter,
        "-frames:v",
        "1",
        "-c:v",
        "mjpeg",
        "-q:v",
        "4",
        "-f",
        "image2pipe",
        "pipe:1",
    ];
    let mut jpeg = Vec::new();
    ffmpeg
        .run(format, before, film.path(), &after, |bytes| {
            if jpeg.len() + bytes.len() > MAX_BYTES {
                return Err(Error::new(Kind::Upstream, "ffmpeg made a picture that is too large")
                    .hint("open the file itself through its link"));
            }
            jpeg.extend_from_slice(bytes);
            Ok(())
        })
        .await?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_films_get_fewer_frames() {
        let grid = |seconds| {
            let layout = Layout::of(seconds);
            (layout.frames, layout.columns, layout.rows)
        };
        assert_eq!(grid(Some(0.0)), (1, 1, 1));
        assert_eq!(grid(Some(0.167)), (2, 2, 1));
        assert_eq!(grid(Some(0.5)), (4, 2, 2));
        assert_eq!(grid(Some(5.0)), (9, 3, 3));
        assert_eq!(grid(None), (9, 3, 3));
        assert!(Layout::of(Some(3.0)).filter(Some(3.0)).starts_with("fps=3.000000:start_time=0"));
    }
}
