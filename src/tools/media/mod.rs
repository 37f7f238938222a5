//! Looking at files of every kind without taking them into memory whole: what they are, how large, how long.

mod ffmpeg;
mod kept;
mod measure;
mod pieces;
mod sheet;
mod waveform;

pub(crate) use ffmpeg::Ffmpeg;
pub(crate) use kept::{MAX_KEPT, TemporaryCopy};
pub(crate) use measure::{Measures, measure};
pub(crate) use pieces::Pieces;
pub(crate) use sheet::sheet;
pub(crate) use waveform::{decoded as decoded_waveform, wav as wav_waveform};
