//! Width, height and length of pictures, films and sounds, read from a few bytes of their own structure.

mod film;
mod matroska;
mod measures;
mod sound;
#[cfg(test)]
mod tests;

pub(crate) use measures::{Measures, measure};
