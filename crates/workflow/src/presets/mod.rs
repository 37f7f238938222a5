//! The recommended settings of each model family: sampling and prompting.

pub mod guide;
pub mod preset;

pub use guide::Guide;
pub use preset::Preset;
