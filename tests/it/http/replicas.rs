//! Several processes behind one address: any of them can answer any request.

use comfywarden::config::Config;
use reqwest::header;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    http::access::{Door, door},
    support::{bounded, object},
};

const KEY: &str = "one secret of all replicas, quite long";

async fn replica(url: &str) -> Door {
    door(|config: &mut Config| {
        config.comfyui.url = url.parse().unwrap();
        config.transport.remote.replica_key = SecretString::from(KEY);
        config.security.mode = comfywarden_policy::settings::Mode::Audit;
    })
    .await
}

/// One request of the newer era, as a load balancer would pass it on.
async fn ask(door: &Door, method: &str, params: Value) -> Value {
    let mut params = object(params);
    params.insert(
        "_meta".into(),
        json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}},
                "extensions": {"io.modelcontextprotocol/tasks": {}}}}),
    );
    let mut request = crate::support::http_client()
        .post(format!("{}/mcp", door.base))
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = params.get("name").and_then(Value::as_str) {
        request = request.header("mcp-name", name);
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let text = bounded(bounded(request.json(&body).send()).await.unwrap().text()).await.unwrap();
    let json = text.lines().find_map(|line| line.strip_prefix("data: {")).map(|rest| format!("{{{rest}"));
    serde_json::from_str(json.as_deref().unwrap_or(&text)).unwrap()
}

#[tokio::test]
async fn a_question_of_one_replica_is_answered_at_another() {
    let first = replica("http://127.0.0.1:9").await;
    let url = first.app.sim.url().clone();
    let (one, other) = (replica(&url).await, replica(&url).await);
    let workflow = json!({
        "1": {"class_type": "ExecutePython", "inputs": {"code": "print(1)"}},
        "2": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 1}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}}
    });
    let call = json!({"name": "comfyui_run_workflow", "arguments": {"workflow": workflow}});

    let asked = ask(&one, "tools/call", call.clone()).await;

    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let mut answered = call;
    answered["requestState"] = asked["result"]["requestState"].clone();
    answered["inputResponses"] = json!({"confirm": {"action": "accept", "content": {"value": true}}});
    let done = ask(&other, "tools/call", answered.clone()).await;
    assert_eq!(done["result"]["structuredContent"]["status"], "submitted", "{done}");
    let again = ask(&other, "tools/call", answered).await;
    assert_eq!(again["result"]["isError"], true, "an answer counts once: {again}");
}

#[tokio::test]
async fn nothing_is_offered_that_lives_in_one_process() {
    let door = replica("http://127.0.0.1:9").await;
    let told = ask(&door, "server/discover", json!({})).await;
    let extensions = &told["result"]["capabilities"]["extensions"];
    assert!(told["result"]["capabilities"]["tools"].is_object(), "{told}");
    assert!(extensions.get("io.modelcontextprotocol/tasks").is_none(), "{told}");
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    for (body, expected) in [(hello, "serverInfo"), (list, "comfyui_get_queue")] {
        let request = crate::support::http_client()
            .post(format!("{}/mcp", door.base))
            .header(header::ACCEPT, "application/json, text/event-stream")
            .json(&body);
        let answer = bounded(request.send()).await.unwrap();
        assert!(answer.headers().get("mcp-session-id").is_none(), "no session is begun");
        let text = bounded(answer.text()).await.unwrap();
        assert!(text.contains(expected), "{text}");
    }
}
