//! Reads workflows from text, pictures, videos and sounds. The content decides, not the file name.
//!
//! Containers are walked by their own structure with hard bounds; nothing is decoded but text.

mod bytes;
mod compare;
mod exif;
mod file;
mod locate;
mod mp4;
mod png;
mod sound;
#[cfg(test)]
mod tests;
mod texts;
mod webm;

pub use file::{FileFormat, Part, WorkflowFile, read, read_value, starts_as_json};
