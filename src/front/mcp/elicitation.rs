//! Elicitation of a yes or no: as part of the answer, or in the middle of the call for older clients.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    ErrorData, RoleServer,
    model::{
        BooleanSchema, CancelledNotificationParam, ClientResult, ElicitRequest, ElicitRequestParams,
        ElicitResult, ElicitationAction, ElicitationSchema, InputRequest, InputRequiredResult,
        InputResponses, RequestId, ServerRequest,
    },
    service::{Peer, PeerRequestOptions, RequestContext, ServiceError},
};
use serde_json::Value;
use tokio::runtime::Handle;

use comfywarden_error::{Error, Kind};

/// Key of the one question in a multi-round-trip request.
const QUESTION: &str = "confirm";
/// Field of its form, with title and description.
const QUESTION_FIELD: &str = "value";
const TITLE: &str = "Let it happen";
const MEANING: &str = "Yes lets exactly what the question describes happen, once and now. \
                       No, declining and closing the form change nothing.";
/// Time limit for an answer where the server holds the request meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// True for a client that said it can show a form. One that can only open addresses is not asked.
///
/// An empty `elicitation` means forms: the revision of 2025-06-18 knew nothing else.
pub(super) fn can_ask(context: &RequestContext<RoleServer>) -> bool {
    let declared = context.client_capabilities().and_then(|client| client.elicitation);
    declared.is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
}

/// Asks a client of the older era in the middle of the call. The error says why
/// there is no answer.
pub(super) async fn ask_now(peer: &Peer<RoleServer>, question: &str) -> Result<bool, String> {
    let Some(params) = form(question) else { return Err("it does not fit into a form".to_owned()) };
    match answer_of(peer, params).await {
        Ok(result) => {
            Ok(result.action == ElicitationAction::Accept && result.content.as_ref().is_some_and(says_yes))
        }
        Err(ServiceError::Timeout { timeout }) => {
            Err(format!("the user did not answer within {} s", timeout.as_secs()))
        }
        Err(error) => {
            tracing::debug!(%error, "the client did not answer a question");
            Err("the client failed to ask the user".to_owned())
        }
    }
}

/// An elicitation that the client shows. When it is dropped unanswered, the client is told to withdraw it: a yes to it
/// would do nothing.
struct PendingElicitation {
    peer: Peer<RoleServer>,
    id: Option<RequestId>,
}

impl Drop for PendingElicitation {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) {
            let peer = self.peer.clone();
            let over = CancelledNotificationParam::new(Some(id), Some("the call is over".to_owned()));
            runtime.spawn(async move { peer.notify_cancelled(over).await.ok() });
        }
    }
}

async fn answer_of(
    peer: &Peer<RoleServer>,
    params: ElicitRequestParams,
) -> Result<ElicitResult, ServiceError> {
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
    let asked =
        peer.send_request_with_option(request, PeerRequestOptions::with_timeout(ANSWER_TIMEOUT)).await?;
    let mut pending = PendingElicitation { peer: peer.clone(), id: Some(asked.id.clone()) };
    let answer = asked.await_response().await;
    pending.id = None;
    match answer? {
        ClientResult::ElicitResult(result) => Ok(result),
        _ => Err(ServiceError::UnexpectedResponse),
    }
}

/// Error of a call whose question got no answer: no answer is a no, and the caller reads why.
pub(super) fn unanswered(error: Error, why: Option<&str>) -> Error {
    let Some(why) = why.filter(|_| error.kind() == Kind::Denied) else { return error };
    Error::denied(format!("not done, since the question about it got no answer: {why}"))
        .hint("ask the user, then make the call again")
}

/// Error of a call that ended while its question was open.
pub(super) fn left_open() -> Error {
    let message = "the call was cancelled while its question to the user was open: nothing was done";
    Error::new(Kind::Conflict, message).hint("make the call again")
}

/// Asks a client of the newer era to call again with the user's answer.
pub(super) fn input_required(question: &str, state: String) -> Result<InputRequiredResult, ErrorData> {
    Ok(InputRequiredResult::new(Some(BTreeMap::from([request(question)?])), Some(state)))
}

/// Builds the request for the question, under its key.
pub(super) fn request(question: &str) -> Result<(String, InputRequest), ErrorData> {
    let params = form(question)
        .ok_or_else(|| ErrorData::internal_error("the question cannot be put as a form", None))?;
    Ok((QUESTION.to_owned(), InputRequest::Elicitation(ElicitRequest::new(params))))
}

/// Finds the answer among a client's responses. Anything but an accepted `true` is a no; a missing one is `None`.
pub(super) fn answer(responses: Option<&InputResponses>) -> Option<bool> {
    responses?.get(QUESTION).map(is_yes)
}

/// True for an accepted form that says yes.
pub(super) fn is_yes(response: &Value) -> bool {
    let accepted = response.get("action").and_then(Value::as_str) == Some("accept");
    accepted && response.get("content").is_some_and(says_yes)
}

fn form(question: &str) -> Option<ElicitRequestParams> {
    let field = |field: BooleanSchema| field.title(TITLE).description(MEANING);
    let requested_schema =
        ElicitationSchema::builder().required_bool_with(QUESTION_FIELD, field).build().ok()?;
    Some(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.to_owned(),
        requested_schema,
    })
}

fn says_yes(content: &Value) -> bool {
    content.get(QUESTION_FIELD) == Some(&Value::Bool(true))
}
