//! A call beyond the scopes of its token: the answer names the scope that would do (RFC 6750, 3.1), so that the client
//! can ask its user for it.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::access::{Access, LimitedByScopes};
use crate::{
    app::{App, CallContext, ResolvedCall},
    front::mcp::TokenView,
    gate::{Caller, Class},
    tools::ToolFilter,
};
use comfywarden_error::JsonObject;

/// What is needed to see a call before it is one.
#[derive(Debug, Clone)]
pub(in crate::front) struct StepUp {
    pub(in crate::front) app: Arc<App>,
    pub(in crate::front) access: Arc<Access>,
}

/// The part of a message that says which tool is meant.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Params {
    name: String,
    #[serde(default)]
    arguments: Option<JsonObject>,
}

/// Answers a tool call that its token's scopes do not reach. Every other request goes on untouched.
pub(in crate::front) async fn check_scope(
    State(step_up): State<StepUp>,
    request: Request,
    next: Next,
) -> Response {
    let by_scopes = request.extensions().get::<LimitedByScopes>().is_some();
    let narrow = |caller: &&Caller| by_scopes && !Class::ALL.into_iter().all(|class| caller.may(class));
    let caller = request.extensions().get::<Caller>().filter(narrow).cloned();
    let Some(caller) = caller.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let by_path = request.extensions().get::<ToolFilter>().copied().unwrap_or_default();
    let TokenView(by_token) = request.extensions().get::<TokenView>().copied().unwrap_or_default();
    let view = by_path.and(by_token);
    let (parts, body) = request.into_parts();
    // It was read into memory before; this only takes it out.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match refused(&step_up, &caller, view, &bytes).await {
        Some(response) => response,
        None => next.run(Request::from_parts(parts, Body::from(bytes))).await,
    }
}

async fn refused(step_up: &StepUp, caller: &Caller, view: ToolFilter, bytes: &Bytes) -> Option<Response> {
    let message: Message<'_> = serde_json::from_slice(bytes).ok()?;
    let Params { name, arguments } = message.params.filter(|_| message.method == "tools/call")?;
    let arguments = arguments.unwrap_or_default();
    let view = step_up.app.view(view);
    let class = step_up
        .app
        .class_of(&ResolvedCall::new(view, &name, arguments.clone()))
        .filter(|class| !caller.may(*class))?;
    let challenge = step_up.access.step_up(caller, class);
    // Through the seam as ever, so that the refusal is the gate's and leaves its records.
    let context = CallContext { view, ..CallContext::plain(caller.clone()) };
    let told = match step_up.app.call(context, &name, arguments).await {
        Err(error) => Value::Object(error.to_json()),
        Ok(_) => return Some(StatusCode::CONFLICT.into_response()),
    };
    let mut response = (StatusCode::FORBIDDEN, axum::Json(told)).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    Some(response)
}
