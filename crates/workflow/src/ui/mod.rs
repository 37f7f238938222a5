//! The editor's format: nodes with positions, links and widget values in the order of the widgets.
//!
//! Only `read` and `convert` see this format. It is kept as its JSON, with an index beside it.

mod graph;
mod parse;

pub(crate) use graph::{BroadcastLink, LinkId, UiGraph, UiInput, UiNode, UiOutput, UiPort, UiSubgraph};
pub use parse::UiWorkflow;
