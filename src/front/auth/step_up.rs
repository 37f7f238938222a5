//! Step-up authorization: the answer to a call beyond the scopes of its token names the scope that would do (RFC 6750,
//! 3.1), so that the client can ask its user for it.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::access::{Access, LimitedByScopes};
use crate::{
    app::{App, ResolvedCall},
    front::mcp::TokenView,
    gate::{Caller, Class},
    tools::ToolFilter,
};
use comfywarden_error::JsonObject;

/// State of [`check_scope`].
#[derive(Debug, Clone)]
pub(in crate::front) struct StepUp {
    pub(in crate::front) app: Arc<App>,
    pub(in crate::front) access: Arc<Access>,
}

/// The part of a message that names the tool. Arguments stay text: most calls are within their scopes.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<NamedCall<'a>>,
}

/// A tool and its arguments, in the parameters of a call and in the arguments of `comfyui_run_tool`.
#[derive(Deserialize)]
struct NamedCall<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// Middleware that answers a tool call beyond the scopes of its token. Every other request goes on untouched.
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
    let call = message.params.filter(|_| message.method == "tools/call")?;
    let view = step_up.app.view(view);
    if may_run(step_up, caller, view, &call) {
        return None;
    }
    let arguments = match call.arguments {
        Some(text) => serde_json::from_str::<Option<JsonObject>>(text.get()).ok()?.unwrap_or_default(),
        None => JsonObject::new(),
    };
    // By the gate, so that the refusal is a call like any other in the log. It never runs the tool.
    let call = ResolvedCall::new(view, &call.name, arguments);
    let (class, error) = step_up.app.refuse_class(caller, call).await?;
    let challenge = step_up.access.step_up(caller, class);
    let mut response = (StatusCode::FORBIDDEN, axum::Json(Value::Object(error.to_json()))).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    Some(response)
}

/// True when the caller may use both the named tool and, in the compact profile, the one in its arguments.
fn may_run(step_up: &StepUp, caller: &Caller, view: ToolFilter, call: &NamedCall<'_>) -> bool {
    let may =
        |view: ToolFilter, name: &str| step_up.app.class_of(view, name).is_none_or(|class| caller.may(class));
    let inner = call.arguments.filter(|_| view.is_compact());
    let inner = inner.and_then(|text| serde_json::from_str::<NamedCall<'_>>(text.get()).ok());
    may(view, &call.name) && inner.is_none_or(|inner| may(view.direct(), &inner.name))
}
