//! The HTTP door with tokens of an OAuth server, with configured tokens of some classes, and with strangers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comfywarden::config::{Config, OAuth};
use reqwest::{Method, StatusCode, header};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http::access::{Door, door};
use crate::support::bounded;

pub(crate) const AUDIENCE: &str = "https://mcp.example/mcp";
const ISSUER: &str = "https://issuer.example";

pub(crate) fn now() -> u64 {
    comfywarden::gate::signed_state::now_unix()
}

/// An OAuth server: publishes its keys, counts who asks for them, and signs.
pub(crate) struct Issuer {
    url: String,
    pairs: Arc<Mutex<Vec<(String, EcdsaKeyPair)>>>,
    asked: Arc<AtomicUsize>,
}

fn key_set(pairs: &[(String, EcdsaKeyPair)]) -> Value {
    let keys = pairs.iter().map(|(id, pair)| {
        let point = pair.public_key().as_ref();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        json!({"kty": "EC", "crv": "P-256", "kid": id, "x": part(1..33), "y": part(33..65)})
    });
    json!({"keys": keys.collect::<Vec<_>>()})
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let pairs = Arc::new(Mutex::new(vec![("k1".to_owned(), new_pair())]));
        let asked = Arc::new(AtomicUsize::new(0));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let route = {
            let (pairs, asked) = (Arc::clone(&pairs), Arc::clone(&asked));
            axum::routing::get(move || {
                asked.fetch_add(1, Ordering::Relaxed);
                let keys = key_set(&pairs.lock().unwrap());
                async move { axum::Json(keys) }
            })
        };
        let router = axum::Router::new().route("/jwks", route);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, pairs, asked }
    }

    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "iat": now(), "exp": now() + 300,
            "scope": "comfywarden:read comfywarden:generation"});
        change(&mut claims);
        let pairs = self.pairs.lock().unwrap();
        let (id, pair) = pairs.last().unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "ES256", "kid": id})), part(&claims));
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Another key, with which tokens are signed from now on; the older ones stay published.
    pub(crate) fn rotate(&self, id: &str) {
        self.pairs.lock().unwrap().push((id.into(), new_pair()));
    }

    /// Counts the requests for the keys.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A token with a header of the caller's choice. What follows the header is signed, or made by `sign`.
    pub(crate) fn forged(&self, header: &Value, sign: impl FnOnce(&[u8], &[u8]) -> Vec<u8>) -> String {
        let honest = self.token(|_| ());
        let claims = honest.split('.').nth(1).unwrap();
        let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
        let pairs = self.pairs.lock().unwrap();
        let signature = sign(message.as_bytes(), pairs.last().unwrap().1.public_key().as_ref());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) async fn door(&self) -> Door {
        let oauth = OAuth {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            jwks_url: self.url.parse().unwrap(),
            scopes: Vec::new(),
            longest_life_seconds: 900,
        };
        door(|config: &mut Config| config.transport.remote.oauth = Some(oauth)).await
    }
}

fn new_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()
}

pub(crate) fn request(door: &Door, method: Method, path: &str) -> reqwest::RequestBuilder {
    crate::support::http_client()
        .request(method, format!("{}{path}", door.base))
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONTENT_TYPE, "application/json")
}

pub(crate) fn hello() -> String {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    })
    .to_string()
}

pub(crate) async fn knock(door: &Door, token: &str) -> reqwest::Response {
    bounded(request(door, Method::POST, "/mcp").bearer_auth(token).body(hello()).send()).await.unwrap()
}

/// One tool call without a session; the text of the answer.
pub(crate) async fn call(door: &Door, token: &str, tool: &str, arguments: Value) -> String {
    let begun = knock(door, token).await;
    let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let send = |body: Value| {
        let session = session.clone();
        request(door, Method::POST, "/mcp")
            .bearer_auth(token)
            .header("mcp-session-id", session)
            .body(body.to_string())
            .send()
    };
    bounded(send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))).await.unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}});
    bounded(bounded(send(call)).await.unwrap().text()).await.unwrap()
}

#[tokio::test]
async fn a_challenge_leads_to_the_metadata_at_both_places() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    let answer = bounded(request(&door, Method::POST, "/mcp").body(hello()).send()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(
        challenge,
        "Bearer realm=\"comfywarden\", \
         resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\", scope=\"comfywarden:read\""
    );
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let answer = bounded(request(&door, Method::GET, path).send()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let document: Value = serde_json::from_str(&bounded(answer.text()).await.unwrap()).unwrap();
        assert_eq!(document["resource"], AUDIENCE);
        assert_eq!(document["authorization_servers"], json!([ISSUER]));
    }
}

#[tokio::test]
async fn scopes_open_classes_and_a_token_without_any_is_too_narrow() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    let narrow = issuer.token(|claims| claims["scope"] = json!("openid profile"));
    let answer = knock(&door, &narrow).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("comfywarden:read"));
    let reader = issuer.token(|claims| claims["scope"] = json!("comfywarden:read"));
    assert!(call(&door, &reader, "comfyui_get_queue", json!({})).await.contains("queue_running"));
    let core = issuer.token(|claims| claims["scope"] = json!("comfywarden:read comfywarden:profile:core"));
    assert!(call(&door, &core, "comfyui_get_queue", json!({})).await.contains("queue_running"));
    let outside = call(&door, &core, "comfyui_list_nodes", json!({})).await;
    assert!(outside.contains("-32602"), "{outside}");
    let unknown = issuer.token(|claims| claims["scope"] = json!("comfywarden:read comfywarden:profile:cor"));
    assert_eq!(knock(&door, &unknown).await.status(), StatusCode::FORBIDDEN);
}

/// One tool call in a session at this path; the answer.
async fn called_at(door: &Door, path: &str, token: &str, params: Value) -> reqwest::Response {
    let send = |body: Value, session: Option<String>| {
        let sent = request(door, Method::POST, path).bearer_auth(token).body(body.to_string());
        bounded(session.into_iter().fold(sent, |sent, id| sent.header("mcp-session-id", id)).send())
    };
    let begun = send(serde_json::from_str(&hello()).unwrap(), None).await.unwrap();
    let session = Some(begun.headers()["mcp-session-id"].to_str().unwrap().to_owned());
    send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), session.clone()).await.unwrap();
    send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}), session).await.unwrap()
}

#[tokio::test]
async fn a_call_beyond_the_scopes_of_its_token_is_told_which_one_would_do() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    let reader = issuer.token(|claims| claims["scope"] = json!("comfywarden:read"));
    let picture = json!({"name": "comfyui_generate_image", "arguments": {"prompt": "x"}});
    let wrapped = json!({"name": "comfyui_run_tool", "arguments": picture});
    for (path, params) in [("/mcp", &picture), ("/mcp/x/core", &picture), ("/mcp/x/compact", &wrapped)] {
        let answer = called_at(&door, path, &reader, params.clone()).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert_eq!(
            challenge,
            "Bearer realm=\"comfywarden\", error=\"insufficient_scope\", \
             resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\", \
             scope=\"comfywarden:read comfywarden:generation\"",
            "{path}"
        );
        let told: Value = serde_json::from_str(&bounded(answer.text()).await.unwrap()).unwrap();
        assert_eq!((&told["kind"], &told["class"]), (&json!("denied"), &json!("generation")), "{told}");
    }
    let actions = door.app.actions("comfyui_generate_image");
    assert_eq!(actions, ["called", "refused"].repeat(3), "the gate refused, once each");
    let within = json!({"name": "comfyui_get_queue", "arguments": {}});
    assert_eq!(called_at(&door, "/mcp", &reader, within).await.status(), StatusCode::OK);
    let wider = issuer.token(|_| ());
    let answer = called_at(&door, "/mcp", &wider, picture).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(bounded(answer.text()).await.unwrap().contains("prompt_id"));
}

#[tokio::test]
async fn a_rotated_key_is_accepted_after_a_look_and_looks_have_a_rate() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    assert_eq!(knock(&door, &issuer.token(|_| ())).await.status(), StatusCode::OK);
    assert_eq!(issuer.asked(), 1);
    let before = issuer.token(|_| ());
    issuer.rotate("k2");
    let after = issuer.token(|_| ());
    for _ in 0..5 {
        assert_eq!(knock(&door, &after).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(issuer.asked(), 1, "strangers cannot make us knock at the issuer");
    later(Duration::from_secs(31)).await;
    assert_eq!(knock(&door, &after).await.status(), StatusCode::OK);
    assert_eq!(knock(&door, &before).await.status(), StatusCode::OK);
    assert_eq!(issuer.asked(), 2);
    let unknown = issuer.forged(&json!({"alg": "ES256", "kid": "k9"}), |_, _| vec![1; 64]);
    for _ in 0..5 {
        assert_eq!(knock(&door, &unknown).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(issuer.asked(), 2);
}

/// Lets the time go by for this program's own clocks.
pub(crate) async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_opens_nothing() {
    let issuer = Issuer::start().await;
    let mut gone = Issuer::start().await;
    gone.url = "http://127.0.0.1:9/jwks".into();
    let door = gone.door().await;
    assert_eq!(knock(&door, &issuer.token(|_| ())).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

pub(crate) fn hashed(token: &str, rights: &str) -> SecretString {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    let hex = sha2::Sha256::digest(token).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    SecretString::from(format!("sha256:{hex} {rights}").trim_end().to_owned())
}

#[tokio::test]
async fn a_configured_token_may_have_classes_and_a_stricter_mode() {
    let door = door(|config| {
        config.transport.remote.tokens = vec![
            hashed("the token of a reader", "read"),
            hashed("the token of a careful one", "generation+enforce"),
        ];
    })
    .await;
    let refused =
        call(&door, "the token of a reader", "comfyui_generate_image", json!({"prompt": "x"})).await;
    assert!(refused.contains("generation tool"), "{refused}");
    let custom = json!({"workflow": {"1": {"class_type": "RigSleep", "inputs": {"seconds": 0.0, "steps": 1, "nonce": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}});
    let refused = call(&door, "the token of a careful one", "comfyui_run_workflow", custom).await;
    assert!(refused.contains("allow-list"), "mode enforce holds for this caller: {refused}");
}

#[tokio::test]
async fn a_session_of_somebody_else_is_no_session() {
    let door = door(|config| {
        config.transport.remote.tokens =
            vec![hashed("the token of the first", ""), hashed("the token of the second", "")];
    })
    .await;
    let begun = knock(&door, "the token of the first").await;
    let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).to_string();
    for (method, token, status) in [
        (Method::POST, "the token of the second", StatusCode::NOT_FOUND),
        (Method::GET, "the token of the second", StatusCode::NOT_FOUND),
        (Method::DELETE, "the token of the second", StatusCode::NOT_FOUND),
        (Method::POST, "the token of the first", StatusCode::OK),
    ] {
        let sent = request(&door, method, "/mcp").bearer_auth(token).header("mcp-session-id", &session);
        assert_eq!(bounded(sent.body(list.clone()).send()).await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn wrong_tokens_are_limited_and_a_good_one_still_works() {
    let door = door(|config| config.transport.remote.tokens = vec![hashed("the one good token", "")]).await;
    assert_eq!(knock(&door, "the one good token").await.status(), StatusCode::OK);
    let mut last = None;
    for n in 0..25 {
        last = Some(knock(&door, &format!("a wrong token, number {n}")).await);
    }
    let last = last.unwrap();
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(last.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(knock(&door, "the one good token").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let door = door(|config| config.transport.remote.tokens = vec![hashed("the one good token", "")]).await;
    for (path, name, value) in
        [("/healthz", "x", "y"), ("/mcp", "x", "y"), ("/nowhere", "x", "y"), ("/mcp", "host", "evil.example")]
    {
        let answer = bounded(request(&door, Method::GET, path).header(name, value).send()).await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
        ] {
            assert_eq!(answer.headers()[name], value, "{path}");
        }
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_and_heads_without_end_are_closed() {
    let door = door(|config| config.limits.connections_per_address = 1).await;
    let address = door.base.trim_start_matches("http://").to_owned();
    let mut first = tokio::net::TcpStream::connect(&address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    bounded(first.read_exact(&mut byte)).await.unwrap();
    let mut second = tokio::net::TcpStream::connect(&address).await.unwrap();
    let mut rest = Vec::new();
    // Closed at once, whether the system calls that an end or a reset.
    bounded(second.read_to_end(&mut rest)).await.ok();
    assert!(rest.is_empty());
    drop((first, second));

    let door = crate::http::access::door(|_| {}).await;
    let address = door.base.trim_start_matches("http://").to_owned();
    let mut endless = tokio::net::TcpStream::connect(&address).await.unwrap();
    let line = b"X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
    endless.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    for _ in 0..2_000 {
        if endless.write_all(line).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    bounded(endless.read_to_end(&mut answer)).await.ok();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
}
