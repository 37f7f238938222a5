//! `/mcp/x/core`, `/mcp/x/readonly`, `/mcp/x/core/readonly` …: the same server with fewer tools, by address.

use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};

use super::errors::refusal;
use crate::tools::View;
use comfywarden_error::Error;

/// Attaches the view that the path names; `/mcp` itself names none.
pub(super) async fn choose(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_matches('/').to_owned();
    if path.is_empty() {
        return next.run(request).await;
    }
    let Some(view) = path.strip_prefix("x/").and_then(View::parse) else {
        let error = Error::not_found("there is nothing at this address")
            .hint("use /mcp, or /mcp/x/ and a profile: full, core, readonly, compact");
        return refusal(StatusCode::NOT_FOUND, &error);
    };
    request.extensions_mut().insert(view);
    next.run(request).await
}
