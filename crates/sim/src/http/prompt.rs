//! `/prompt`: taking prompts in.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, response::Response};
use serde_json::{Number, Value, json};

use super::answer;
use crate::{
    events::now_ms,
    queue::Item,
    server::Server,
    validate::{self, Accepted},
};
use comfywarden_error::JsonObject;

/// Kept by the server, never shown again.
const SENSITIVE: [&str; 2] = ["api_key_comfy_org", "auth_token_comfy_org"];

/// Counts the prompts that wait or run.
pub(super) async fn count(State(server): State<Arc<Server>>) -> Response {
    answer::ok(&json!({"exec_info": {"queue_remaining": server.queue.remaining()}}))
}

/// Checks a prompt and queues it.
pub(super) async fn submit(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return answer::crash() };
    let counted = server.queue.take_number();
    let Some(Value::Object(prompt)) = body.get("prompt").cloned() else {
        let error = validate::error("no_prompt", "No prompt provided", "No prompt provided", json!({}));
        return answer::json(400, &json!({"error": error, "node_errors": {}}));
    };
    let targets = body.get("partial_execution_targets").and_then(Value::as_array);
    match validate::validate(&server, prompt, targets.map(Vec::as_slice)) {
        Err(refused) => {
            answer::json(400, &json!({"error": refused.error, "node_errors": refused.node_errors}))
        }
        Ok(accepted) => {
            let number = number(&body, counted);
            let prompt_id = match body.get("prompt_id") {
                None | Some(Value::Null) => uuid::Uuid::new_v4().to_string(),
                Some(given) => crate::python::str(given),
            };
            let answer =
                json!({"prompt_id": prompt_id, "number": number, "node_errors": accepted.node_errors});
            put(&server, &body, accepted, prompt_id, number);
            answer::ok(&answer)
        }
    }
}

/// A given number counts as a float; else the running one, negative for the front.
fn number(body: &Value, counted: i64) -> Number {
    if let Some(given) = body.get("number").and_then(Value::as_f64)
        && let Some(number) = Number::from_f64(given)
    {
        return number;
    }
    let front = body.get("front").and_then(Value::as_bool).unwrap_or(false);
    Number::from(if front { -counted } else { counted })
}

fn put(server: &Server, body: &Value, accepted: Accepted, prompt_id: String, number: Number) {
    let mut extra_data: JsonObject =
        body.get("extra_data").and_then(Value::as_object).cloned().unwrap_or_default();
    for key in SENSITIVE {
        extra_data.shift_remove(key);
    }
    if let Some(client) = body.get("client_id") {
        extra_data.insert("client_id".to_owned(), client.clone());
    }
    extra_data.insert("create_time".to_owned(), now_ms().into());
    let Accepted { prompt, outputs, .. } = accepted;
    server.queue.put(Item { number, prompt_id, prompt, extra_data, outputs });
    server.announce_queue();
}
