//! The settings of a simulated server.

use std::time::Duration;

use super::models::Models;

/// Answers of the cancel routes of the jobs API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CancelRoutes {
    /// 405, as ComfyUI 0.12.2.
    #[default]
    Absent,
    /// Answered as by newer servers.
    Present,
}

/// Presence and version of `ComfyUI-Manager`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manager {
    /// Its routes answer 404.
    #[default]
    Absent,
    /// Version 4 with its task queue. Installing adds a pack whose nodes come with the next restart.
    V4,
    /// Version 3, whose routes are not below `/v2`.
    V3,
}

/// The settings of a server.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) models: Models,
    pub(super) listen: String,
    pub(super) sampling_time: Duration,
    pub(super) sleep_scale: f64,
    pub(super) previews: bool,
    pub(super) cancel_routes: CancelRoutes,
    pub(super) manager: Manager,
    pub(super) model_manager: bool,
    pub(super) node_replacements: Option<serde_json::Value>,
    pub(super) max_body: usize,
    pub(super) auth_header: Option<(String, String)>,
}
