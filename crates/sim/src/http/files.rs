//! `/userdata`, which a client of ours must never reach: an empty folder.

use axum::response::Response;
use serde_json::json;

use super::answer;

/// Answers that the user has no files.
pub(super) async fn user_data() -> Response {
    answer::ok(&json!([]))
}
