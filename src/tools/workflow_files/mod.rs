//! Workflow files that become tools: found in a folder, read, offered as `workflow_<stem>`, and run.
//!
//! [`Library`] keeps what the folder holds. It is asked to look again every second: reading the names, sizes and times
//! of a folder costs less than a library that listens to the file system, and works on network drives and in
//! containers, where such news do not arrive.

mod entry;
mod folder;
mod from_template;
mod listing;
mod run;
mod shelf;
mod shipped;

pub use listing::Listed;
pub use shelf::Library;
pub use shipped::{SHIPPED, Shipped};

#[cfg(test)]
mod tests;
