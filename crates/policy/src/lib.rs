//! Pure rules for what may run on a ComfyUI: no clock of its own, no network, no async.
//!
//! | module | owns |
//! |---|---|
//! | [`settings`] | the operator's policy, as the configuration spells it |
//! | [`inspector`] | workflows: findings and the verdict |
//! | [`node_audit`] | installed node classes: what a person should know of them |
//! | [`path`], [`rooted_dir`] | names that may reach a file system or a URL; files below folders that the operator opened |
//! | [`address`], [`strict_url`], [`download`], [`webhook`] | addresses, and what may be fetched or called |
//! | [`upload`] | what may be uploaded |
//! | [`redact`], [`display`], [`untrusted`] | secrets out, hidden characters shown, foreign text defused |
//! | [`strip_credentials`] | credentials that stay behind when a workflow is read back |

pub mod address;
pub mod display;
pub mod download;
pub mod inspector;
pub mod node_audit;
pub mod path;
pub mod redact;
pub mod rooted_dir;
pub mod settings;
pub mod strict_url;
pub mod strip_credentials;
pub mod untrusted;
pub mod upload;
pub mod webhook;

pub use inspector::{
    Approval, Asking, Finding, Flag, Inspector, Knowledge, Severity, StoredWorkflow, Verdict, VettedWorkflow,
};
pub use node_audit::{NodeAudit, NodeFinding};
pub use path::{ModelFolder, ModelName, OutputName, PathSegment, Subfolder, UploadName};
