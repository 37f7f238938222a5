//! ComfyUI's HTTP API.

mod admit;
pub(super) mod answer;
pub(crate) mod downloads;
mod files;
mod history;
mod jobs;
pub(super) mod manager;
mod models;
mod nodes;
mod prompt;
mod queue;
mod routes;
mod system;
mod upload;
mod view;

pub(super) use routes::router;
