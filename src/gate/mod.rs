//! Admission: who may call what, how often, with which words, and what is written down.
//!
//! | module | owns |
//! |---|---|
//! | [`admission`] | the gate: size, access, schema, rate, audit |
//! | [`permit`] | the proof of admission, the trail of a call, its outcome |
//! | [`contract`], [`identity`] | what a tool promises, who calls |
//! | [`limiter`], [`cost`] | token buckets, and what work weighs in them |
//! | [`concurrency_limit`], [`queue_reservation`] | how many calls run, how many jobs wait |
//! | [`quota`] | so much for each caller, so much for all |
//! | [`price`], [`budget`] | what paid nodes cost, and the daily budget |
//! | [`audit`] | the chained log, its reader and its verifier |
//! | [`signed_state`] | the state of a question, signed and sealed |

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
pub use identity::{CallId, Caller};
pub use permit::{Outcome, Permit, Trail};
pub use signed_state::{SignedState, StateSigner};
