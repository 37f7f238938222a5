//! The protocol: both eras, both transports, resources, tasks, results.

mod news;
mod profiles;
pub(crate) mod protocol;
mod questions;
mod resources;
mod results;
mod tasks;
mod unanswered;
mod wire;
