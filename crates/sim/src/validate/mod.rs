//! ComfyUI's checks of a prompt, with its wording.

mod graph;
mod inputs;
mod report;
mod types;

pub(super) use graph::{Accepted, validate};
pub(super) use report::error;
