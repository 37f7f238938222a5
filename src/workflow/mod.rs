//! Workflows as data: parse, look at, check, change, build, convert. Pure: no I/O, no clock, no async.

pub mod check;
pub mod edit;
pub mod error;
pub mod families;
pub mod graph;
pub mod nearest;
pub mod object_info;
pub mod presets;
#[cfg(test)]
mod recorded;
pub mod templates;

pub use error::{Error, Result};
pub use graph::{ClassType, Link, Node, NodeId, Workflow};
pub use object_info::ObjectInfo;
