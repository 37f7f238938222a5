//! The HTTP door: who gets in, who does not, and real MCP clients of both eras inside.

use std::time::Duration;

use comfywarden::front::http::HttpServer;
use reqwest::{Method, StatusCode, header};
use rmcp::{
    ServiceExt,
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt},
    transport::streamable_http_client::StreamableHttpClientTransportConfig,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    http::oauth::later,
    support::{
        TestApp, bounded, object,
        person::{Answer, Person},
    },
};

const TOKEN: &str = "correct horse battery staple";

pub(crate) struct Door {
    pub(crate) app: TestApp,
    pub(crate) base: String,
    /// Every path that the server says it serves.
    pub(crate) paths: Vec<String>,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: tokio::task::JoinHandle<Result<(), comfywarden_error::Error>>,
}

pub(crate) async fn door(change: impl FnOnce(&mut comfywarden::config::Config)) -> Door {
    let app = TestApp::with(change).await;
    let server = HttpServer::bind(app.app.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}", server.address());
    let (stop, paths) = (CancellationToken::new(), server.paths());
    let serving = tokio::spawn(server.serve(stop.clone()));
    Door { app, base, paths, stop, serving }
}

fn with_token(config: &mut comfywarden::config::Config) {
    config.transport.remote.tokens = vec![SecretString::from(TOKEN)];
}

async fn send(request: reqwest::RequestBuilder) -> reqwest::Response {
    bounded(request.send()).await.unwrap()
}

fn initialize(door: &Door) -> reqwest::RequestBuilder {
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    });
    crate::support::http_client()
        .post(format!("{}/mcp", door.base))
        .header(header::ACCEPT, "application/json, text/event-stream")
        .json(&hello)
}

#[tokio::test]
async fn health_needs_no_comfyui_and_readiness_does() {
    let door = door(|_| {}).await;
    let get = |path: &str| crate::support::http_client().get(format!("{}{path}", door.base));
    assert_eq!(send(get("/healthz")).await.status(), StatusCode::OK);
    assert_eq!(send(get("/readyz")).await.status(), StatusCode::OK);
    door.app.sim.faults().down(true);
    later(Duration::from_secs(4)).await;
    assert_eq!(send(get("/healthz")).await.status(), StatusCode::OK);
    assert_eq!(send(get("/readyz")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn foreign_hosts_origins_and_forms_are_refused_on_every_route() {
    let door = door(|config| {
        config.transport.remote.allowed_origins = vec!["https://app.example.com".into()];
    })
    .await;
    let refused = [
        ("host", "evil.example", StatusCode::FORBIDDEN),
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
    ];
    for path in ["/mcp", "/healthz", "/readyz", "/nowhere"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            for (name, value, status) in refused {
                let request = crate::support::http_client()
                    .request(method.clone(), format!("{}{path}", door.base))
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(name, value);
                assert_eq!(send(request).await.status(), status, "{method} {path} {name}: {value}");
            }
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
            let request = crate::support::http_client()
                .post(format!("{}{path}", door.base))
                .header(header::CONTENT_TYPE, content_type)
                .body("{}");
            assert_eq!(
                send(request).await.status(),
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "{path} {content_type}"
            );
        }
    }
    assert_eq!(send(initialize(&door)).await.status(), StatusCode::OK);
    let allowed = initialize(&door).header(header::ORIGIN, "https://app.example.com");
    assert_eq!(send(allowed).await.status(), StatusCode::OK);
    assert!(door.app.sim.journal().is_empty());
}

#[tokio::test]
async fn a_token_opens_the_door_and_nothing_else_does() {
    let door = door(with_token).await;
    for authorization in
        [None, Some("Bearer wrong"), Some("Basic Zm9vOmJhcg=="), Some("Bearer "), Some(TOKEN)]
    {
        let mut request = initialize(&door);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let answer = send(request).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
        assert!(answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
    }
    let in_query =
        crate::support::http_client().post(format!("{}/mcp?token={TOKEN}", door.base)).json(&json!({}));
    assert_eq!(send(in_query).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(initialize(&door).bearer_auth(TOKEN)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_hashed_token_works_like_the_token() {
    use sha2::Digest as _;
    let digest: String = sha2::Sha256::digest(TOKEN).iter().fold(String::new(), |mut hex, byte| {
        use std::fmt::Write as _;
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let door = door(|config| {
        config.transport.remote.tokens = vec![SecretString::from(format!("sha256:{digest}"))];
    })
    .await;
    assert_eq!(send(initialize(&door).bearer_auth(TOKEN)).await.status(), StatusCode::OK);
    assert_eq!(send(initialize(&door).bearer_auth(digest)).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_bind_beyond_loopback_without_a_token_is_refused() {
    let app = TestApp::start().await;
    let error = HttpServer::bind(app.app.clone(), "0.0.0.0:0".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), comfywarden_error::Kind::Denied);
    assert!(error.hint_text().unwrap().contains("transport.remote.tokens"), "{error}");
    let app = TestApp::with(with_token).await;
    assert!(HttpServer::bind(app.app.clone(), "0.0.0.0:0".parse().unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let door = door(|config| config.limits.max_message_mb = 1).await;
    let request =
        initialize(&door).body(vec![b' '; 2 << 20]).header(header::CONTENT_TYPE, "application/json");
    assert_eq!(send(request).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn real_clients_of_both_eras_draw_a_picture_and_answer_questions() {
    let door = door(with_token).await;
    let modern = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    for lifecycle in [ClientLifecycleMode::Initialize, modern] {
        let person = Person::who(Answer::No);
        let transport = crate::support::transport(
            StreamableHttpClientTransportConfig::with_uri(format!("{}/mcp", door.base)).auth_header(TOKEN),
        );
        let client =
            bounded(person.clone().serve_with_lifecycle(transport, lifecycle.clone())).await.unwrap();

        let drawn = CallToolRequestParams::new("comfyui_generate_image")
            .with_arguments(object(json!({"prompt": "a pear", "wait": true})));
        let result = bounded(client.call_tool(drawn)).await.unwrap().structured_content.unwrap();
        assert_eq!(result["status"], "completed", "{lifecycle:?}: {result}");

        let dangerous = json!({"1": {"class_type": "ExecutePython", "inputs": {"code": "import os"}}});
        let asked = CallToolRequestParams::new("comfyui_run_workflow")
            .with_arguments(object(json!({"workflow": dangerous})));
        let refused = bounded(client.call_tool(asked)).await.unwrap();
        assert_eq!(refused.is_error, Some(true), "{lifecycle:?}");
        assert_eq!(person.questions().len(), 1, "{lifecycle:?}");
        bounded(client.cancel()).await.unwrap();
    }
    let callers: Vec<Value> =
        door.app.audit.records().iter().map(|record| record["caller"].clone()).collect();
    assert!(callers.iter().all(|caller| caller.as_str().unwrap().starts_with("token-")), "{callers:?}");
    assert!(!callers.iter().any(|caller| caller.as_str().unwrap().contains(TOKEN)));
}

/// A stop takes the held job off ComfyUI before the server ends; what the audit log says of its call.
async fn stopped(
    app: &TestApp,
    held: comfywarden_sim::Hold,
    serving: tokio::task::JoinHandle<Result<(), comfywarden_error::Error>>,
) -> Vec<String> {
    bounded(app.sim.wait_for_request(|seen| seen.path.ends_with("/interrupt"))).await;
    held.release();
    bounded(serving).await.unwrap().unwrap();
    let actions = bounded(app.outcome_of("comfyui_run_workflow")).await;
    assert!(actions.contains(&"cancelling".to_owned()), "{actions:?}");
    actions
}

#[tokio::test]
async fn the_server_stops_when_told_with_a_call_in_flight() {
    let Door { app, base, stop, serving, .. } = door(|_| {}).await;
    let client = bounded(Person::silent().serve(crate::support::transport(
        StreamableHttpClientTransportConfig::with_uri(format!("{base}/mcp")),
    )))
    .await
    .unwrap();
    let held = app.sim.hold("RigSleep");
    let call = CallToolRequestParams::new("comfyui_run_workflow")
        .with_arguments(object(json!({"workflow": crate::support::sleeping_workflow(5), "wait": true})));
    let running = tokio::spawn({
        let peer = client.peer().clone();
        async move { peer.call_tool_once(call).await }
    });
    bounded(held.reached()).await;

    stop.cancel();

    let actions = stopped(&app, held, serving).await;
    assert_eq!(actions.last().unwrap(), "cancelled", "{actions:?}");
    let told = bounded(running).await.unwrap().expect("the caller hears how its call ended");
    assert!(format!("{told:?}").contains("the call was cancelled"), "{told:?}");
}

/// No connection is left to wait for, but a job is left to stop.
#[tokio::test]
async fn a_stop_takes_off_the_job_of_a_caller_that_has_just_left() {
    let Door { app, base, stop, serving, .. } = door(|_| {}).await;
    let held = app.sim.hold("RigSleep");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "comfyui_run_workflow",
        "arguments": {"workflow": crate::support::sleeping_workflow(5), "wait": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    let request = crate::support::http_client()
        .post(format!("{base}/mcp"))
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "comfyui_run_workflow")
        .json(&call);
    let caller = tokio::spawn(async move { request.send().await.map(|answer| answer.status()) });
    bounded(held.reached()).await;

    caller.abort();
    stop.cancel();

    stopped(&app, held, serving).await;
}

#[tokio::test]
async fn a_body_that_is_no_message_gets_an_error_that_is_one() {
    let door = door(|_| {}).await;
    for body in ["{", "[]", "nonsense", "{\"jsonrpc\": \"2.0\"}", "\"text\""] {
        let request = initialize(&door).header(header::CONTENT_TYPE, "application/json").body(body);
        let answer = send(request).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let error: Value = bounded(answer.json()).await.unwrap();
        assert_eq!(error["jsonrpc"], "2.0", "{body}: {error}");
        assert!(error["error"]["code"].as_i64().is_some_and(|code| code <= -32_600), "{body}: {error}");
    }
}
