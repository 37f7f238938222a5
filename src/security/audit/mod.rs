//! The audit log: one JSON line per event, hash-chained, written by a thread of its own that acknowledges.

pub mod arguments;
mod chain;
mod log;
mod record;

pub(crate) use chain::hex;
pub use log::AuditLog;
pub use record::{Record, to_line};
