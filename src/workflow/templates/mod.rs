//! Workflows built from typed parameters.

pub mod choose;
pub mod graph;
pub mod txt2img;

pub use choose::{Installed, Model, choose_model};
pub use txt2img::Txt2Img;
