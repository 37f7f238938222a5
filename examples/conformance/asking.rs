//! Tools that need something from the client before they can answer.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateMessageRequest,
        CreateMessageRequestParams, ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest,
        InputRequests, InputRequiredResult, InputResponses, ListRootsRequest, RequestStateCodec,
        SamplingMessage, Tool,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::plain::tool;

const PREFIX: &str = "test_input_required_result_";
const KINDS: [&str; 8] = [
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];
const STREAMING: &str = "test_streaming_elicitation";

pub(crate) fn tools() -> Vec<Tool> {
    let empty = || json!({ "type": "object", "properties": {} });
    KINDS.iter().chain([&STREAMING]).map(|name| tool(name, empty())).collect()
}

/// A form with one text.
pub(crate) fn form(message: &str, field: &str) -> InputRequest {
    let requested_schema = ElicitationSchema::builder()
        .required_string(field)
        .build()
        .unwrap_or_else(|_| ElicitationSchema::new(std::collections::BTreeMap::new()));
    InputRequest::Elicitation(ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema,
    }))
}

fn sampling(prompt: &str) -> InputRequest {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

fn roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

pub(crate) fn requests<const N: usize>(wanted: [(&str, InputRequest); N]) -> InputRequests {
    wanted.into_iter().map(|(key, request)| (key.to_owned(), request)).collect()
}

/// A response that is there and is an object; anything else has to be asked for again.
pub(crate) fn response<'a>(responses: Option<&'a InputResponses>, key: &str) -> Option<&'a Value> {
    responses?.get(key).filter(|value| value.is_object())
}

fn says(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn asks(requests: InputRequests, state: Option<String>) -> CallToolResponse {
    InputRequiredResult::new(Some(requests), state).into()
}

/// Runs one of these tools; `None` when the name is none of theirs.
pub(crate) fn call(
    request: &CallToolRequestParams,
    codec: &RequestStateCodec,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let name = request.name.as_ref();
    if name == STREAMING {
        return Some(Ok(asks(requests([("value", form("Give a value", "value"))]), None)));
    }
    let kind = name.strip_prefix(PREFIX).filter(|_| KINDS.contains(&name))?;
    Some(answer(kind, request, codec, context))
}

fn answer(
    kind: &str,
    request: &CallToolRequestParams,
    codec: &RequestStateCodec,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let given = |key: &str| response(request.input_responses.as_ref(), key);
    let round = match &request.request_state {
        None => 0,
        Some(sealed) => {
            let state: Value = codec
                .open_json(sealed)
                .map_err(|_| ErrorData::invalid_params("this state was not made here", None))?;
            state.get("round").and_then(Value::as_u64).unwrap_or_default()
        }
    };
    let seal = |round: u64| {
        let sealed = codec.seal_json(&json!({ "round": round }));
        sealed.map(Some).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    };
    Ok(match kind {
        "elicitation" => match given("user_name") {
            Some(name) => says(format!("Hello, {name}")),
            None => asks(requests([("user_name", form("Your name?", "name"))]), None),
        },
        "sampling" => match given("capital_question") {
            Some(answer) => says(format!("The answer: {answer}")),
            None => asks(requests([("capital_question", sampling("What is the capital of France?"))]), None),
        },
        "list_roots" => match given("client_roots") {
            Some(found) => says(format!("The roots: {found}")),
            None => asks(requests([("client_roots", roots())]), None),
        },
        "request_state" | "tampered_state" if round > 0 => says("state-ok"),
        "request_state" | "tampered_state" => asks(requests([("confirm", form("Go on?", "ok"))]), seal(1)?),
        "multiple_inputs" => {
            let all = ["user_name", "greeting", "client_roots"].iter().all(|key| given(key).is_some());
            if all && round > 0 {
                return Ok(says("everything is there"));
            }
            let wanted = [
                ("user_name", form("Your name?", "name")),
                ("greeting", sampling("Write a greeting")),
                ("client_roots", roots()),
            ];
            asks(requests(wanted), seal(1)?)
        }
        "multi_round" => match round {
            0 => asks(requests([("step1", form("Your name?", "name"))]), seal(1)?),
            1 => asks(requests([("step2", form("Your colour?", "color"))]), seal(2)?),
            _ => says("both rounds are over"),
        },
        _ => what_the_client_can(request, context),
    })
}

/// Asks only for what the client said it can give.
fn what_the_client_can(
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> CallToolResponse {
    let client = context.meta.client_capabilities().unwrap_or_default();
    let mut wanted = InputRequests::new();
    if client.elicitation.is_some() {
        wanted.insert("user_name".into(), form("Your name?", "name"));
    }
    if client.sampling.is_some() {
        wanted.insert("greeting".into(), sampling("Write a greeting"));
    }
    if client.roots.is_some() {
        wanted.insert("client_roots".into(), roots());
    }
    if request.input_responses.is_some() || wanted.is_empty() { says("done") } else { asks(wanted, None) }
}
