//! Profiles by path: `/mcp/x/core`, `/mcp/x/readonly`, `/mcp/x/core/readonly` … serve fewer tools.

use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};

use super::errors::refusal;
use crate::tools::ToolFilter;
use comfywarden_error::Error;

/// Middleware that attaches the view named in the path; `/mcp` itself names none.
pub(super) async fn choose(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_matches('/').to_owned();
    if path.is_empty() {
        return next.run(request).await;
    }
    let Some(view) = path.strip_prefix("x/").and_then(ToolFilter::parse) else {
        let error = Error::not_found("there is nothing at this address")
            .hint("use /mcp, or /mcp/x/ and a profile: full, core, readonly, compact");
        return refusal(StatusCode::NOT_FOUND, &error);
    };
    request.extensions_mut().insert(view);
    next.run(request).await
}
