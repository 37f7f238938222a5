//! Workflows as data: parse, analyse, check, change, build, convert. Pure: no I/O, no clock, no async.

pub mod analyze;
pub mod check;
pub mod convert;
pub mod diff;
pub mod edit;
pub mod error;
pub mod families;
pub mod graph;
pub mod integers;
mod js_number;
pub mod json;
mod layout;
pub mod nearest;
pub mod object_info;
pub mod order;
pub mod outline;
pub mod parameters;
pub mod presets;
pub mod read;
#[cfg(any(test, feature = "recorded"))]
pub mod recorded;
mod remark;
pub mod script;
pub mod settings;
pub mod summary;
pub mod templates;
mod ui;

pub use error::{Error, Result};
pub use graph::{ClassType, Link, Node, NodeId, Workflow};
pub use object_info::ObjectInfo;
pub use remark::Remark;
pub use ui::UiWorkflow;
