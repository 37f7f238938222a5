//! Workflows built from typed parameters.

mod audio;
pub mod catalogue;
pub mod choose;
mod control;
pub mod graph;
pub mod parameter;
mod picture;
pub mod txt2img;
pub mod values;
mod video;

pub use catalogue::{Built, Template, build, catalogue, pack_of, refuse_absent};
pub use choose::{Installed, Model, choose_model};
pub use parameter::Parameter;
pub use txt2img::{Txt2Img, cell};
pub use values::installed;

#[cfg(test)]
mod tests;
