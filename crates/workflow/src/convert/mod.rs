//! Converts between the editor's format and the API format as ComfyUI's own editor does.
//!
//! [`to_api`] loads the workflow as the editor would (`loaded`, `model`, `widgets`, `promoted`), lets primitives
//! and promoted widgets write (`primitive`, `sync`), expands subgraphs (`expand`), follows links (`links`) and
//! writes the result (`emit`, `text`). [`to_ui`] goes the other way.

mod api;
mod broadcast;
mod editor_nodes;
mod emit;
mod expand;
mod group_nodes;
mod left_out;
mod links;
mod loaded;
mod missing;
mod model;
mod moment;
mod new_node;
mod primitive;
mod promoted;
mod renames;
mod report;
mod shared_text;
mod sync;
#[cfg(test)]
mod tests;
mod text;
mod ui;
mod values;
mod widgets;

pub use api::{file_to_api, to_api, to_api_at};
pub use moment::Moment;
pub use report::{Converted, Report};
pub use ui::{UiConverted, to_ui};
