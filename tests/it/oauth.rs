//! The HTTP door with tokens of an OAuth server, with configured tokens of some classes, and with strangers.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comfywarden::config::{Config, OAuth};
use reqwest::{Method, StatusCode, header};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http::{Door, door};
use crate::support::bounded;

const AUDIENCE: &str = "https://mcp.example/mcp";
const ISSUER: &str = "https://issuer.example";

fn now() -> u64 {
    comfywarden::security::seal::now_unix()
}

/// An OAuth server: publishes its keys, counts who asks for them, and signs.
struct Issuer {
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
    async fn start() -> Self {
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

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
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

    async fn door(&self) -> Door {
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
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn request(door: &Door, method: Method, path: &str) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .request(method, format!("{}{path}", door.base))
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONTENT_TYPE, "application/json")
}

fn hello() -> String {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    })
    .to_string()
}

async fn knock(door: &Door, token: &str) -> reqwest::Response {
    bounded(request(door, Method::POST, "/mcp").bearer_auth(token).body(hello()).send()).await.unwrap()
}

/// One tool call without a session; the text of the answer.
async fn call(door: &Door, token: &str, tool: &str, arguments: Value) -> String {
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
async fn a_token_for_another_audience_is_refused_on_every_route_and_nothing_runs() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    let bad = [
        issuer.token(|claims| claims["aud"] = json!("https://other.example/mcp")),
        issuer.token(|claims| claims["iss"] = json!("https://evil.example")),
        issuer.token(|claims| claims["exp"] = json!(now() - 1)),
        issuer.token(|claims| claims["exp"] = json!(now() + 86_400)),
    ];
    for path in ["/mcp", "/mcp/readonly", "/mcp/anything"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT, Method::OPTIONS] {
            for token in &bad[..1] {
                let answer =
                    bounded(request(&door, method.clone(), path).bearer_auth(token).body(hello()).send())
                        .await;
                assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            }
        }
    }
    for token in &bad {
        assert_eq!(knock(&door, token).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert!(door.app.sim.journal().is_empty());
    assert_eq!(knock(&door, &issuer.token(|_| ())).await.status(), StatusCode::OK);
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
    let refused = call(&door, &reader, "comfyui_generate_image", json!({"prompt": "x"})).await;
    assert!(refused.contains("denied") && refused.contains("generation tool"), "{refused}");
    let core = issuer.token(|claims| claims["scope"] = json!("comfywarden:read comfywarden:profile:core"));
    assert!(call(&door, &core, "comfyui_get_queue", json!({})).await.contains("queue_running"));
    let outside = call(&door, &core, "comfyui_list_nodes", json!({})).await;
    assert!(outside.contains("-32602"), "{outside}");
    let unknown = issuer.token(|claims| claims["scope"] = json!("comfywarden:read comfywarden:profile:cor"));
    assert_eq!(knock(&door, &unknown).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn rotated_keys_are_fetched_once_and_strangers_cannot_make_us_ask_again_and_again() {
    let issuer = Issuer::start().await;
    let door = issuer.door().await;
    assert_eq!(knock(&door, &issuer.token(|_| ())).await.status(), StatusCode::OK);
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 1);
    issuer.pairs.lock().unwrap().push(("k2".into(), new_pair()));
    for _ in 0..5 {
        knock(&door, &issuer.token(|_| ())).await;
    }
    assert!(
        issuer.asked.load(Ordering::Relaxed) <= 2,
        "an unknown key is looked for at most every half minute"
    );
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

    let door = crate::http::door(|_| {}).await;
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
