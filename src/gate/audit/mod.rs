//! The audit log: one JSON line per event, hash-chained, written by a thread of its own that acknowledges.
//!
//! | module | owns |
//! |---|---|
//! | [`Record`] | the fields of one event, redacted on the way to its line |
//! | [`AuditLog`] | the handle: append and wait, or send from where nothing can wait |
//! | [`arguments`] | what is kept of a call's arguments |
//! | [`verify`] | finds edits, cuts and reorders |
//! | [`tail`] | reading along |

pub mod arguments;
mod chain;
mod file;
mod location;
mod log;
mod record;
mod spent;
pub mod tail;
#[cfg(test)]
mod tests;
mod truncate;
mod verify;
mod writer;

pub use location::logs_beside;
pub use log::AuditLog;
pub use record::{Record, to_line};
pub(crate) use spent::{CHARGED, REFUNDED};
pub use verify::{Problem, Report, verify};
