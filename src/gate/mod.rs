//! Admission: decides which calls run, limits them, and records them.
//!
//! | module | owns |
//! |---|---|
//! | [`admission`] | the gate: size, access, schema, rate, audit |
//! | [`permit`] | the proof of admission, the audit trail of a call, its outcome |
//! | [`contract`], [`identity`] | what a tool promises, who calls |
//! | [`limiter`], [`cost`] | token buckets, and the work that they are charged for |
//! | [`concurrency_limit`], [`queue_reservation`] | limits for waiting calls and for queued jobs |
//! | [`quota`] | limits per holder and in total |
//! | [`price`], [`budget`] | the cost of paid nodes, and the daily budget |
//! | [`audit`] | the chained log, its reader and its verifier |
//! | [`signed_state`] | the signed state of a question |

pub mod admission;
pub mod audit;
pub mod budget;
pub mod concurrency_limit;
pub mod contract;
pub mod cost;
pub mod identity;
mod json_size;
pub mod limiter;
pub mod permit;
pub mod price;
pub mod queue_reservation;
pub mod quota;
pub mod signed_state;

pub use admission::Gate;
pub use audit::AuditLog;
pub use contract::{Class, Contract};
pub use identity::{CallId, Caller, Role};
pub use permit::{Outcome, Permit, Trail};
pub use signed_state::{SignedState, StateSigner};
