//! A yes-or-no question to the user: as part of the answer, or in the middle of the call for older clients.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    ErrorData, RoleServer,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitationAction, ElicitationSchema, InputRequest,
        InputRequiredResult, InputResponses,
    },
    service::Peer,
};
use serde_json::Value;

/// The key of our one question in a multi-round-trip request.
const QUESTION: &str = "confirm";
/// How long a user may think, where the server must hold the request meanwhile.
const PATIENCE: Duration = Duration::from_mins(5);

/// Puts the question to a client of the older era, which is asked in the middle of the call.
pub(super) async fn ask_now(peer: &Peer<RoleServer>, question: &str) -> bool {
    let Some(params) = form(question) else { return false };
    match peer.create_elicitation_with_timeout(params, Some(PATIENCE)).await {
        Ok(result) => {
            result.action == ElicitationAction::Accept && result.content.as_ref().is_some_and(says_yes)
        }
        Err(error) => {
            tracing::debug!(%error, "the client did not answer a question");
            false
        }
    }
}

/// The answer that asks a client of the newer era to come back with the user's word.
pub(super) fn input_required(question: &str, state: String) -> Result<InputRequiredResult, ErrorData> {
    Ok(InputRequiredResult::new(Some(BTreeMap::from([request(question)?])), Some(state)))
}

/// The question under its key.
pub(super) fn request(question: &str) -> Result<(String, InputRequest), ErrorData> {
    let params = form(question)
        .ok_or_else(|| ErrorData::internal_error("the question cannot be put as a form", None))?;
    Ok((QUESTION.to_owned(), InputRequest::Elicitation(ElicitRequest::new(params))))
}

/// The answer among a client's responses. Anything but an accepted `true` is a no; a missing one is none.
pub(super) fn answer(responses: Option<&InputResponses>) -> Option<bool> {
    responses?.get(QUESTION).map(is_yes)
}

/// True for an accepted form that says yes.
pub(super) fn is_yes(response: &Value) -> bool {
    let accepted = response.get("action").and_then(Value::as_str) == Some("accept");
    accepted && response.get("content").is_some_and(says_yes)
}

fn form(question: &str) -> Option<ElicitRequestParams> {
    let requested_schema = ElicitationSchema::builder().required_bool("value").build().ok()?;
    Some(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.to_owned(),
        requested_schema,
    })
}

fn says_yes(content: &Value) -> bool {
    content.get("value") == Some(&Value::Bool(true))
}
