//! Sound as a picture: how loud it is along its length.

use std::{
    fs::File,
    io::{BufReader, Cursor, SeekFrom},
};

use image::{ImageFormat, Rgb, RgbImage};

use super::{Ffmpeg, TemporaryCopy};
use comfywarden_error::{Error, Kind, Result};

const WIDTH: u32 = 512;
const HEIGHT: u32 = 128;
const PAPER: Rgb<u8> = Rgb([16, 20, 26]);
const LINE: Rgb<u8> = Rgb([52, 62, 76]);
const INK: Rgb<u8> = Rgb([92, 184, 255]);
/// Samples per second that are looked at when ffmpeg decodes.
const RATE: &str = "16000";
/// Maximum number of bytes that ffmpeg may give: more than four hours of sound.
const MAX_SAMPLES: u64 = 512 * 1024 * 1024;

/// The loudest points of ever longer stretches: any number of samples in a fixed number of places.
#[derive(Debug)]
struct Peaks {
    places: Vec<(f32, f32)>,
    /// Samples in one place, and in the last one so far.
    per_place: u64,
    in_last: u64,
}

impl Default for Peaks {
    fn default() -> Self {
        Self { places: Vec::new(), per_place: 1, in_last: 0 }
    }
}

impl Peaks {
    fn add(&mut self, sample: f32) {
        let sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        if self.in_last == self.per_place || self.places.is_empty() {
            if self.places.len() == 2 * WIDTH as usize {
                self.halve();
            }
            if self.in_last == self.per_place || self.places.is_empty() {
                self.places.push((sample, sample));
                self.in_last = 0;
            }
        }
        if let Some((low, high)) = self.places.last_mut() {
            (*low, *high) = (low.min(sample), high.max(sample));
        }
        self.in_last += 1;
    }

    /// Joins places two by two.
    fn halve(&mut self) {
        let joined = self.places.chunks(2).map(|pair| {
            pair.iter().fold((f32::MAX, f32::MIN), |(low, high), place| (low.min(place.0), high.max(place.1)))
        });
        self.places = joined.collect();
        self.per_place *= 2;
        self.in_last = self.per_place;
    }

    /// The picture, as PNG.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "samples lie between -1 and 1, rows between 0 and the height"
    )]
    fn draw(&self) -> Result<Vec<u8>> {
        let mut picture = RgbImage::from_pixel(WIDTH, HEIGHT, PAPER);
        let row = |sample: f32| (((1.0 - sample) * 0.5 * (HEIGHT - 1) as f32).round() as u32).min(HEIGHT - 1);
        for x in 0..WIDTH {
            picture.put_pixel(x, HEIGHT / 2, LINE);
            let (from, to) = (self.at(x), self.at(x + 1));
            let stretch = self.places.get(from..to.max(from + 1)).unwrap_or_default();
            let Some((low, high)) = stretch.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            else {
                continue;
            };
            for y in row(high)..=row(low) {
                picture.put_pixel(x, y, INK);
            }
        }
        let mut png = Cursor::new(Vec::new());
        picture
            .write_to(&mut png, ImageFormat::Png)
            .map_err(|error| Error::internal("the waveform cannot be drawn").source(error))?;
        Ok(png.into_inner())
    }

    /// The first place of column `x`.
    fn at(&self, x: u32) -> usize {
        self.places.len() * x as usize / WIDTH as usize
    }
}

/// Draws a sound that ffmpeg decodes.
pub(crate) async fn decoded(ffmpeg: &Ffmpeg, sound: &TemporaryCopy, format: &str) -> Result<Vec<u8>> {
    let after = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", RATE, "-f", "s16le", "pipe:1"];
    let (mut peaks, mut seen, mut odd) = (Peaks::default(), 0_u64, None);
    ffmpeg
        .run(format, &[], sound.path(), &after, |bytes| {
            seen += bytes.len() as u64;
            if seen > MAX_SAMPLES {
                return Err(Error::new(Kind::Upstream, "the sound is too long to be drawn")
                    .hint("open the file itself through its link"));
            }
            for byte in bytes {
                match odd.take() {
                    None => odd = Some(*byte),
                    Some(low) => peaks.add(f32::from(i16::from_le_bytes([low, *byte])) / 32768.0),
                }
            }
            Ok(())
        })
        .await?;
    peaks.draw()
}

/// Draws a WAV sound. It reads the whole file: call it where blocking is allowed.
pub(crate) fn wav(sound: &TemporaryCopy) -> Result<Vec<u8>> {
    let unreadable = || {
        Error::new(Kind::Upstream, "the WAV file cannot be read")
            .hint("open the file itself through its link")
    };
    let mut file = BufReader::new(File::open(sound.path()).map_err(|error| unreadable().source(error))?);
    read_wav(&mut file).ok_or_else(unreadable)?.draw()
}

/// Format of the numbers in a WAV file.
#[derive(Debug, Clone, Copy)]
struct Form {
    float: bool,
    bytes: usize,
    channels: usize,
}

fn read_wav(file: &mut (impl std::io::Read + std::io::Seek)) -> Option<Peaks> {
    let mut head = [0; 12];
    file.read_exact(&mut head).ok()?;
    if !(head.starts_with(b"RIFF") && head.ends_with(b"WAVE")) {
        return None;
    }
    let mut form = None;
    for _ in 0..64 {
        let mut chunk = [0; 8];
        file.read_exact(&mut chunk).ok()?;
        let [a, b, c, d, size @ ..] = chunk;
        let size = u32::from_le_bytes(size);
        match &[a, b, c, d] {
            b"fmt " => {
                let mut bytes = vec![0; size.min(64) as usize];
                file.read_exact(&mut bytes).ok()?;
                form = Some(read_form(&bytes)?);
                let rest = size.saturating_sub(64);
                file.seek(SeekFrom::Current(i64::from(rest) + i64::from(size % 2))).ok()?;
            }
            b"data" => return Some(read_samples(std::io::Read::take(&mut *file, size.into()), form?)),
            _ => {
                file.seek(SeekFrom::Current(i64::from(size) + i64::from(size % 2))).ok()?;
            }
        }
    }
    None
}

fn read_form(bytes: &[u8]) -> Option<Form> {
    let number = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (mut kind, channels, bits) = (number(0)?, number(2)?, number(14)?);
    if kind == 0xfffe {
        kind = number(24)?;
    }
    let float = match (kind, bits) {
        (1, 8 | 16 | 24 | 32) => false,
        (3, 32 | 64) => true,
        _ => return None,
    };
    (1..=64).contains(&channels).then(|| Form {
        float,
        bytes: usize::from(bits / 8),
        channels: channels.into(),
    })
}

/// The loudest channel counts.
fn read_samples(mut data: impl std::io::Read, form: Form) -> Peaks {
    let mut peaks = Peaks::default();
    let mut frame = vec![0; form.bytes * form.channels];
    while data.read_exact(&mut frame).is_ok() {
        let samples = frame.chunks_exact(form.bytes).map(|bytes| sample(bytes, form.float));
        peaks.add(
            samples.fold(
                0.0,
                |loudest: f32, sample| if sample.abs() > loudest.abs() { sample } else { loudest },
            ),
        );
    }
    peaks
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a picture needs no more")]
fn sample(bytes: &[u8], float: bool) -> f32 {
    match (bytes.len(), float) {
        (4, true) => f32::from_le_bytes(exactly(bytes)),
        (8, true) => f64::from_le_bytes(exactly(bytes)) as f32,
        (1, false) => (f32::from(u8::from_le_bytes(exactly(bytes))) - 128.0) / 128.0,
        (2, false) => f32::from(i16::from_le_bytes(exactly(bytes))) / 32_768.0,
        (3, false) => {
            let [low, middle, high]: [u8; 3] = exactly(bytes);
            (i32::from_le_bytes([0, low, middle, high]) >> 8) as f32 / 8_388_608.0
        }
        (4, false) => i32::from_le_bytes(exactly(bytes)) as f32 / 2_147_483_648.0,
        _ => 0.0,
    }
}

/// The bytes as an array; zeros where their number is another.
fn exactly<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav_of(kind: u16, bits: u16, samples: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&[1, 0]);
        bytes.extend_from_slice(&8_000_u32.to_le_bytes());
        bytes.extend_from_slice(&(8_000 * u32::from(bits) / 8).to_le_bytes());
        bytes.extend_from_slice(&(bits / 8).to_le_bytes());
        bytes.extend_from_slice(&bits.to_le_bytes());
        bytes.extend_from_slice(b"data");
        bytes.extend_from_slice(&u32::try_from(samples.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(samples);
        bytes
    }

    #[test]
    fn every_way_to_write_numbers_gives_the_same_line() {
        let half: [(u16, u16, Vec<u8>); 6] = [
            (1, 8, vec![192]),
            (1, 16, 16_384_i16.to_le_bytes().to_vec()),
            (1, 24, vec![0, 0, 0x40]),
            (1, 32, (1_i32 << 30).to_le_bytes().to_vec()),
            (3, 32, 0.5_f32.to_le_bytes().to_vec()),
            (3, 64, 0.5_f64.to_le_bytes().to_vec()),
        ];
        for (kind, bits, one) in half {
            let peaks = read_wav(&mut Cursor::new(wav_of(kind, bits, &one.repeat(1000)))).unwrap();
            assert!(
                peaks.places.iter().all(|(low, high)| (low - 0.5).abs() < 0.01 && (high - 0.5).abs() < 0.01)
            );
        }
        assert!(read_wav(&mut Cursor::new(wav_of(2, 4, b"x"))).is_none());
        assert!(read_wav(&mut Cursor::new(b"RIFF".to_vec())).is_none());
    }

    #[test]
    fn a_long_sound_takes_no_more_places_than_a_short_one_and_keeps_its_loudest_point() {
        let mut peaks = Peaks::default();
        for at in 0..1_000_000 {
            peaks.add(if at == 777_777 { -0.9 } else { 0.1 });
        }
        assert!(peaks.places.len() <= 2 * WIDTH as usize);
        let loud = peaks.places.iter().position(|(low, _)| *low < -0.8).unwrap();
        let share = loud * 1000 / peaks.places.len();
        assert!((760..800).contains(&share), "{share}");
        let picture = image::load_from_memory(&peaks.draw().unwrap()).unwrap().to_rgb8();
        assert_eq!((picture.width(), picture.height()), (WIDTH, HEIGHT));
        let low = |x: &u32| picture.get_pixel(*x, HEIGHT * 9 / 10) == &INK;
        let columns: Vec<u32> = (0..WIDTH).filter(low).collect();
        let [column] = columns.as_slice() else { panic!("one column reaches so low: {columns:?}") };
        let place = u32::try_from(loud * WIDTH as usize / peaks.places.len()).unwrap();
        assert!(column.abs_diff(place) <= 1, "{column}, {place}");
        assert_eq!(Peaks::default().draw().unwrap().get(..4).unwrap(), b"\x89PNG");
    }
}
