//! Names that may reach a file system or a URL: accepted or refused, never rewritten.
//!
//! Percent escapes and compatibility characters are decoded only to look for danger; what is returned is what was
//! given. Windows rules hold on every platform, since ComfyUI may run there.

mod decodings;
mod extensions;
mod names;
mod rules;
#[cfg(test)]
mod tests;

pub use names::{ModelFolder, ModelName, OutputName, PathSegment, Subfolder, UploadName};
