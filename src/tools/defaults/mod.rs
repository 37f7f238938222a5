//! Defaults per tool argument: the user's, kept in a file, over the operator's, from the configuration.

pub(super) mod file;
mod store;
mod tools;

pub(crate) use store::{Defaults, attribute_default};
pub(super) use tools::tools;
