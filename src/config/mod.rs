//! Loads the configuration: built-in defaults, then the file, then the environment, then the command line.
//!
//! One struct per section of the file, one file per struct. [`load`] reads all layers and answers with a
//! [`Config`] or with every mistake it found. No other module reads the environment.

mod check;
mod comfyui;
mod env;
mod error;
mod files;
mod key_lines;
mod limits;
mod load;
mod logging;
mod model_search;
mod names;
mod rate_limits;
mod root;
mod schema;
mod secret;
mod tasks;
mod tools;
mod transport;
mod workflows;
mod yaml;

pub use check::is_loopback;
pub use comfyui::{Auth, Comfyui};
pub use env::Environment;
pub use error::{Error, Problem};
pub use files::Files;
pub use limits::Limits;
pub use load::{LoadOptions, Loaded, load, locate};
pub use logging::{AuditFail, LogFormat, Logging};
pub use model_search::ModelSearch;
pub use names::{Key, keys};
pub use rate_limits::RateLimits;
pub use root::Config;
pub use schema::schema;
pub use tasks::Tasks;
pub use tools::{Profile, Tools};
pub use transport::{OAuth, Remote, Transport};
pub use workflows::Workflows;
pub use yaml::read_yaml;
