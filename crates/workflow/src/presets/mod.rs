//! What each model family wants: sampling settings and ways of prompting.

pub mod guide;
pub mod preset;

pub use guide::Guide;
pub use preset::Preset;
