//! Looking at files of every kind without taking them into memory whole: what they are, how large, how long.

mod measure;
mod pieces;

pub(crate) use measure::measure;
pub(crate) use pieces::Pieces;
