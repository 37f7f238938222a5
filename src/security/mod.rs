//! The security pipeline: who may call what, how often, with which words and files, and what is written down.
//!
//! | module | owns |
//! |---|---|
//! | [`gate`] | admission: size, access, schema, rate, audit |
//! | [`permit`] | the proof of admission, the trail of a call, its outcome |
//! | [`contract`], [`identity`] | what a tool promises, who calls |
//! | [`limiter`], [`cost`], [`seats`], [`entering`] | token buckets, what work weighs, how many calls and jobs wait |
//! | [`shares`] | so much for each caller, so much for all |
//! | [`price`], [`ledger`] | what paid nodes cost, and the daily budget |
//! | [`audit`] | the chained log, its reader and its verifier |
//! | [`redact`], [`display`], [`untrusted`] | secrets out, hidden characters shown, foreign text defused |
//! | `withhold` | credentials that stay behind when a workflow is read back |
//! | [`path`] | names that may reach a file system or a URL |
//! | [`inspector`] | workflows: findings and the verdict |
//! | [`node_audit`] | installed node classes: what a person should know of them |
//! | [`upload`] | what may be uploaded |
//! | [`beneath`] | files below folders that the operator opened |
//! | [`jwt`] | access tokens of an OAuth server |
//! | [`seal`] | the state of a question, sealed |

pub mod address;
pub mod audit;
pub mod beneath;
pub mod contract;
pub mod cost;
pub mod display;
pub mod download;
pub mod entering;
mod extent;
pub mod gate;
pub mod identity;
pub mod inspector;
pub mod jwt;
pub mod ledger;
pub mod limiter;
pub mod node_audit;
pub mod path;
pub mod permit;
pub mod price;
pub mod redact;
pub mod seal;
pub mod seats;
pub mod shares;
pub mod strict_url;
pub mod untrusted;
pub mod upload;
pub mod webhook;
pub(crate) mod withhold;

pub use audit::AuditLog;
pub use contract::{Class, Contract};
pub use gate::Gate;
pub use identity::{CallId, Caller};
pub use inspector::{Asking, Finding, Flag, Inspector, Knowledge, Severity, Verdict, VettedWorkflow};
pub use node_audit::{NodeAudit, NodeFinding};
pub use path::{ModelFolder, ModelName, OutputName, PathSegment, Subfolder, UploadName};
pub use permit::{Outcome, Permit, Trail};
pub use seal::{Seal, SealedState};
