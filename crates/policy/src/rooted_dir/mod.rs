//! Files below folders that the operator opened: reached step by step from the folder's own handle, so that a link
//! that is put in the way between check and use is not followed.

mod folder;
mod locate;
#[cfg(not(unix))]
mod plain;
#[cfg(test)]
mod tests;
#[cfg(unix)]
mod unix;

pub use folder::Folder;
pub use locate::{Located, locate, locate_new};
