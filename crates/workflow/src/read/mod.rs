//! Reading a workflow from whatever holds it: text, pictures, videos, sounds. The content decides, not the name.
//!
//! Containers are walked by their own structure with hard bounds; nothing is decoded but text.

mod bytes;
mod exif;
mod found;
mod mp4;
mod png;
mod sound;
#[cfg(test)]
mod tests;
mod texts;
mod webm;

pub use found::{Found, Source, read, read_value};
