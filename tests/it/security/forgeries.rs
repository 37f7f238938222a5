//! A client that forges: foreign names, tokens for somebody else, answers to other questions. Every route refuses it.

use std::time::Duration;

use comfywarden_error::JsonObject;
use reqwest::{Method, StatusCode, header};
use ring::hmac;
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService},
    transport::streamable_http_client::StreamableHttpClientTransportConfig,
};
use serde_json::{Value, json};

use crate::{
    http::access::{Door, door},
    http::oauth::{Issuer, hashed, hello, later, now, request},
    support::{
        bounded, object,
        person::{Answer, Person},
    },
};

/// The ways to MCP: all of them lead to the same handler.
const MCP_PATHS: [&str; 6] =
    ["/mcp", "/mcp/", "/mcp/x/core", "/mcp/x/readonly", "/mcp/x/compact", "/mcp/x/full/readonly"];

/// Every path that is served, every way below `/mcp`, and paths where nothing is.
fn everywhere(door: &Door) -> Vec<String> {
    assert!(door.paths.iter().any(|path| path == "/healthz") && door.paths.iter().any(|path| path == "/mcp"));
    let nothing = ["/", "/nowhere", "/mcp/anything", "/mcp/x/nonsense", "/%6dcp", "/healthz/x", "/mcp?x=1"];
    let mut all = door.paths.clone();
    all.extend(MCP_PATHS.into_iter().chain(nothing).map(str::to_owned));
    all
}

fn methods() -> [Method; 8] {
    [
        Method::GET,
        Method::POST,
        Method::DELETE,
        Method::PUT,
        Method::PATCH,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
    ]
}

#[test]
fn every_route_is_in_the_list_that_these_tests_walk() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/front");
    let mut given = Vec::new();
    let folders = ["http", "auth"].map(|name| std::fs::read_dir(folder.join(name)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        for word in [".route(", ".route_service(", ".nest(", ".nest_service("] {
            given.extend(text.matches(word).map(|word| (name.clone(), word.to_owned())));
        }
    }
    let in_one_place = [("mod.rs", ".route("), ("mod.rs", ".nest(")];
    assert_eq!(given, in_one_place.map(|(file, word)| (file.to_owned(), word.to_owned())));
}

#[tokio::test]
async fn a_forged_host_or_origin_is_refused_on_every_route() {
    let door = Issuer::start().await.door().await;
    let forged = [
        ("host", "evil.example"),
        ("host", "localhost.evil.example"),
        ("host", "evil.example:80"),
        ("host", "localhost@evil.example"),
        ("host", "127.0.0.1."),
        ("host", "127.1"),
        ("host", "[::2]"),
        ("host", "localhost:80:80"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", ""),
        ("origin", "http://localhost.evil.example"),
        ("origin", "http://localhost:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "Cross-Site"),
    ];
    let client = crate::support::http_client();
    for path in everywhere(&door) {
        for method in methods() {
            for (name, value) in forged {
                let sent = client
                    .request(method.clone(), format!("{}{path}", door.base))
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(name, value);
                let answer = bounded(sent.send()).await.unwrap();
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path} {name}: {value}");
                assert!(!answer.headers().contains_key("access-control-allow-origin"));
            }
        }
    }
    assert!(door.app.sim.journal().is_empty() && door.app.audit.records().is_empty());
}

#[tokio::test]
async fn every_refusal_has_one_shape() {
    let door = Issuer::start().await.door().await;
    let local = crate::http::access::door(|_| {}).await;
    for door in [&door, &local] {
        for path in everywhere(door) {
            for method in methods() {
                let answer = bounded(request(door, method.clone(), &path).send()).await.unwrap();
                if answer.status().is_success() || method == Method::HEAD {
                    continue;
                }
                let text = bounded(answer.text()).await.unwrap();
                let told: Value = serde_json::from_str(&text).unwrap_or_default();
                let plain = ["kind", "message", "hint"].iter().all(|part| told[part].is_string());
                assert!(plain || told["error"]["message"].is_string(), "{method} {path}: {text}");
            }
        }
    }
}

/// Tokens that are not for us, or not from whom they say.
fn false_tokens(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let with = |name: &str, value: Value| issuer.token(|claims| claims[name] = value);
    let public_key_as_secret = |message: &[u8], key: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
    };
    let honest = issuer.token(|_| ());
    let (_, signature) = honest.rsplit_once('.').unwrap();
    let (unsigned, _) = issuer
        .token(|claims| claims["sub"] = json!("admin"))
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    vec![
        ("another audience", with("aud", json!("https://other.example/mcp"))),
        ("audience with a path after it", with("aud", json!("https://mcp.example/mcp/x"))),
        ("no audience", with("aud", Value::Null)),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("expired", with("exp", json!(now() - 1))),
        ("without an end", with("exp", Value::Null)),
        ("not before tomorrow", with("nbf", json!(now() + 86_400))),
        ("from tomorrow", with("iat", json!(now() + 86_400))),
        ("too long a life", with("exp", json!(now() + 86_400))),
        ("no subject", with("sub", json!(""))),
        ("algorithm none", issuer.forged(&json!({"alg": "none", "kid": "k1"}), |_, _| Vec::new())),
        (
            "HS256 with the public key",
            issuer.forged(&json!({"alg": "HS256", "kid": "k1"}), public_key_as_secret),
        ),
        (
            "RS256 for another kind of key",
            issuer.forged(&json!({"alg": "RS256", "kid": "k1"}), |_, _| vec![7; 256]),
        ),
        ("an unknown key", issuer.forged(&json!({"alg": "ES256", "kid": "k9"}), |_, _| vec![7; 64])),
        ("a made-up signature", issuer.forged(&json!({"alg": "ES256", "kid": "k1"}), |_, _| vec![7; 64])),
        ("the signature of another token", format!("{unsigned}.{signature}")),
        ("no token at all", "not a token".to_owned()),
    ]
}

#[tokio::test]
async fn a_token_that_is_not_for_us_is_refused_on_every_route() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    for (what, token) in false_tokens(&issuer) {
        for path in everywhere(&door) {
            let answer =
                bounded(request(&door, Method::POST, &path).bearer_auth(&token).body(hello()).send());
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{what} {path}");
            let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
            let told = bounded(answer.text()).await.unwrap();
            assert!(
                told.contains("a valid bearer token is required"),
                "every one gets the same words: {told}"
            );
            // So that the limit on wrong tokens, which has a test of its own, stays out of this one.
            later(Duration::from_secs(61)).await;
        }
    }
    let foreign = issuer.token(|claims| claims["aud"] = json!("https://other.example/mcp"));
    for path in everywhere(&door) {
        for method in methods() {
            let sent = request(&door, method.clone(), &path).bearer_auth(&foreign);
            let status = bounded(sent.send()).await.unwrap().status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            later(Duration::from_secs(61)).await;
        }
    }
    assert!(door.app.sim.journal().is_empty() && door.app.audit.records().is_empty());
    for path in ["/healthz", "/.well-known/oauth-protected-resource"] {
        let nobody = request(&door, Method::GET, path);
        let narrow = issuer.token(|claims| claims["scope"] = json!("openid"));
        for sent in [nobody, request(&door, Method::GET, path).bearer_auth(narrow)] {
            assert_eq!(bounded(sent.send()).await.unwrap().status(), StatusCode::OK, "{path}");
        }
    }
}

const ANNAS: &str = "the token of anna, long enough";
const BENS: &str = "the token of ben, long enough too";

async fn client(door: &Door, path: &str, token: &str) -> RunningService<RoleClient, Person> {
    let settings = StreamableHttpClientTransportConfig::with_uri(format!("{}{path}", door.base));
    let transport = crate::support::transport(settings.auth_header(token));
    let modern = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    bounded(Person::who(Answer::Never).serve_with_lifecycle(transport, modern)).await.unwrap()
}

/// A workflow with a dangerous class, which has to be asked about.
fn dangerous(seed: u64) -> JsonObject {
    let nodes = json!({"1": {"class_type": "ExecutePython", "inputs": {"code": "import os", "seed": seed}}});
    object(json!({"workflow": nodes}))
}

fn answered(tool: &str, args: JsonObject, state: Option<String>) -> CallToolRequestParams {
    let mut call = CallToolRequestParams::new(tool.to_owned()).with_arguments(args);
    call.request_state = state;
    let accepted = json!({"action": "accept", "content": {"value": true}});
    call.input_responses = Some([("confirm".to_owned(), accepted)].into());
    call
}

async fn send(client: &RunningService<RoleClient, Person>, call: CallToolRequestParams) -> CallToolResponse {
    bounded(client.call_tool_once(call)).await.unwrap()
}

fn refusal(answer: &CallToolResponse) -> String {
    let CallToolResponse::Complete(CallToolResult { is_error: Some(true), content, .. }) = answer else {
        panic!("not refused: {answer:?}")
    };
    content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn an_answer_to_another_question_is_refused_on_every_route() {
    let door = door(|config| {
        config.transport.remote.tokens = vec![hashed(ANNAS, ""), hashed(BENS, "")];
    })
    .await;
    let tool = "comfyui_run_workflow";
    for path in ["/mcp", "/mcp/x/core", "/mcp/x/full"] {
        let (anna, ben) = (client(&door, path, ANNAS).await, client(&door, path, BENS).await);
        let asked = CallToolRequestParams::new(tool).with_arguments(dangerous(1));
        let CallToolResponse::InputRequired(question) = send(&anna, asked).await else {
            panic!("{path}: no question")
        };
        let state = question.request_state.unwrap();
        let mut bytes = state.clone().into_bytes();
        bytes[7] ^= 1;
        let forged = String::from_utf8(bytes).unwrap();
        for (who, name, args, state, why) in [
            (&ben, tool, dangerous(1), &state, "another call"),
            (&anna, "comfyui_validate_workflow", dangerous(1), &state, "another call"),
            (&anna, tool, dangerous(2), &state, "arguments are not the ones"),
            (&anna, tool, object(json!({"workflow": {}})), &state, "arguments are not the ones"),
            (&anna, tool, dangerous(1), &forged, "not made by this server"),
            (&anna, tool, dangerous(1), &"x.y".to_owned(), "not made by this server"),
        ] {
            let answer = send(who, answered(name, args, Some(state.clone()))).await;
            assert!(refusal(&answer).contains(why), "{path} {name}: {answer:?}");
        }
        let submitted =
            |app: &crate::support::TestApp| app.posts().iter().filter(|path| *path == "/prompt").count();
        let before = submitted(&door.app);
        let yes = answered(tool, dangerous(1), Some(state.clone()));
        let CallToolResponse::Complete(ran) = send(&anna, yes.clone()).await else { panic!("asked again") };
        assert_eq!(ran.structured_content.unwrap()["status"], "submitted", "{path}: the real one opens");
        assert_eq!(submitted(&door.app), before + 1, "{path}");
        for _ in 0..2 {
            assert!(refusal(&send(&anna, yes.clone()).await).contains("answered before"), "{path}");
        }
        assert_eq!(submitted(&door.app), before + 1, "{path}");
    }
    let foreign = door.app.audit.records().into_iter().filter(|record| record["status"] == "denied").count();
    assert_eq!(foreign, 3 * 8, "every refusal is in the log");
}

#[tokio::test]
async fn a_question_that_comes_back_without_an_answer_is_put_anew_and_once() {
    let door = door(|config| config.rate_limits.generation = 3).await;
    let anna = client(&door, "/mcp", "nobody asks for one").await;
    let mut call = CallToolRequestParams::new("comfyui_run_workflow").with_arguments(dangerous(1));
    let mut states: Vec<String> = Vec::new();
    for _ in 0..3 {
        call.request_state = states.last().cloned();
        let CallToolResponse::InputRequired(question) = send(&anna, call.clone()).await else {
            panic!("no question")
        };
        states.push(question.request_state.unwrap());
    }
    call.request_state = Some(states[0].clone());
    assert!(refusal(&send(&anna, call.clone()).await).contains("limit of 3"), "each costs its call");
    assert!(door.app.posts().iter().all(|path| path != "/prompt"));
}

#[tokio::test]
async fn a_question_that_nobody_answers_ends_in_the_log() {
    let door = door(|_| {}).await;
    let anna = client(&door, "/mcp", "nobody asks for one").await;
    let call = CallToolRequestParams::new("comfyui_run_workflow").with_arguments(dangerous(1));
    for _ in 0..2 {
        assert!(matches!(send(&anna, call.clone()).await, CallToolResponse::InputRequired(_)));
    }
    later(Duration::from_secs(601)).await;
    let expired = || {
        let records = door.app.audit.records();
        records.into_iter().filter(|record| record["action"] == "elicitation_expired").collect::<Vec<_>>()
    };
    let both = |records: &[Value]| {
        records.iter().filter(|record| record["action"] == "elicitation_expired").count() >= 2
    };
    bounded(door.app.audit.wait_until(both)).await;
    assert!(expired().iter().all(|record| record["status"] == "expired" && record["call_id"].is_string()));
    assert_ne!(expired()[0]["call_id"], expired()[1]["call_id"]);

    let CallToolResponse::InputRequired(question) = send(&anna, call.clone()).await else {
        panic!("no question")
    };
    send(&anna, answered("comfyui_run_workflow", dangerous(1), question.request_state)).await;
    assert!(matches!(send(&anna, call).await, CallToolResponse::InputRequired(_)));
    bounded(door.app.app.stop()).await;
    assert_eq!(expired().len(), 2, "an answered one does not expire");
    let last = door.app.audit.records().pop().unwrap();
    assert_eq!((&last["action"], &last["status"]), (&json!("cancelled"), &json!("cancelled")), "{last}");
}
