//! Answers to clients without a token or a known protocol, and the most that they can make us do.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    http::access::{Door, door},
    http::oauth::{Issuer, hashed, hello, later, request},
    support::bounded,
};

const TOKEN: &str = "the one good token of this door";

async fn guarded() -> Door {
    door(|config| config.transport.remote.tokens = vec![hashed(TOKEN, "")]).await
}

async fn told(sent: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = bounded(sent.send()).await.unwrap();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    (answer.status(), serde_json::from_str(&bounded(answer.text()).await.unwrap()).unwrap())
}

#[tokio::test]
async fn whoever_has_no_token_hears_where_to_get_one_and_nothing_of_those_there_are() {
    let door = guarded().await;
    let post = || request(&door, Method::POST, "/mcp").body(hello());
    let mut answers = Vec::new();
    for sent in [post(), post().bearer_auth("a wrong one"), post().header(header::AUTHORIZATION, TOKEN)] {
        let (status, error) = told(sent).await;
        assert_eq!((status, error["kind"].as_str()), (StatusCode::UNAUTHORIZED, Some("unauthenticated")));
        let hint = error["hint"].as_str().unwrap();
        assert!(
            hint.contains("Authorization: Bearer") && hint.contains("`transport.remote.tokens`"),
            "{hint}"
        );
        assert!(!hint.contains("oauth"), "there is no such server here: {hint}");
        answers.push(error);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    let door = Issuer::start().await.door().await;
    let (status, error) = told(request(&door, Method::POST, "/mcp").body(hello())).await;
    let hint = error["hint"].as_str().unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(hint.contains("https://mcp.example/.well-known/oauth-protected-resource/mcp"), "{hint}");
    assert!(!hint.contains("transport.remote.tokens"), "none can be set there: {hint}");
}

#[tokio::test]
async fn every_refusal_says_what_is_wrong_and_what_to_do() {
    let door = guarded().await;
    let post = || request(&door, Method::POST, "/mcp").bearer_auth(TOKEN).body(hello());
    let plain = |method: Method, path: &str| {
        crate::support::http_client().request(method, format!("{}{path}", door.base)).bearer_auth(TOKEN)
    };
    let get = |path: &str| request(&door, Method::GET, path).bearer_auth(TOKEN);
    let long = "x".repeat(door.app.app.config().limits.max_message_bytes() + 1);
    for (sent, status, kind) in [
        (post().header("host", "evil.example"), 403, "denied"),
        (post().header("origin", "https://evil.example"), 403, "denied"),
        (post().header("sec-fetch-site", "cross-site"), 403, "denied"),
        (plain(Method::POST, "/mcp").body("{}"), 415, "invalid_input"),
        (post().header(header::CONTENT_ENCODING, "gzip"), 415, "invalid_input"),
        (post().body(long), 413, "invalid_input"),
        (post().header("mcp-session-id", "not mine"), 404, "not_found"),
        (post().header("mcp-protocol-version", "1999-01-01"), 400, "invalid_input"),
        (get("/mcp/x/nonsense"), 404, "not_found"),
        (get("/nowhere"), 404, "not_found"),
        (get("/mcp"), 400, "invalid_input"),
        (plain(Method::GET, "/mcp").header(header::ACCEPT, "text/html"), 406, "invalid_input"),
        (request(&door, Method::PUT, "/mcp").bearer_auth(TOKEN), 405, "invalid_input"),
        (request(&door, Method::POST, "/healthz").body("{}"), 405, "invalid_input"),
    ] {
        let (got, error) = told(sent).await;
        assert_eq!((got.as_u16(), error["kind"].as_str()), (status, Some(kind)), "{error}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{status}: {error}");
    }
    assert!(door.app.audit.records().is_empty());
}

#[tokio::test]
async fn comfyui_is_asked_once_in_a_while_however_many_strangers_ask_us() {
    let door = guarded().await;
    let asked = || door.app.sim.requests("GET", "/system_stats").len();
    let ready = async || {
        bounded(crate::support::http_client().get(format!("{}/readyz", door.base)).send())
            .await
            .unwrap()
            .status()
    };
    let held = door.app.sim.hold_route("/system_stats");
    let mut gone = bounded(TcpStream::connect(door.base.trim_start_matches("http://"))).await.unwrap();
    gone.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    bounded(held.reached()).await;
    drop(gone);

    let mut crowd = Vec::new();
    for _ in 0..40 {
        let mut socket = bounded(TcpStream::connect(door.base.trim_start_matches("http://"))).await.unwrap();
        socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        crowd.push(socket);
    }
    // All of the crowd have asked before the answer is there.
    held.release();
    for mut socket in crowd {
        let mut first = [0; 12];
        bounded(socket.read_exact(&mut first)).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    assert_eq!(asked(), 1);

    door.app.sim.faults().down(true);
    assert_eq!(ready().await, StatusCode::OK, "what was heard a moment ago holds");
    later(Duration::from_secs(4)).await;
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE, "a no is remembered as well");
    door.app.sim.faults().down(false);
    later(Duration::from_secs(4)).await;
    assert_eq!(ready().await, StatusCode::OK);
    assert!(asked() <= 3, "{}", asked());
}
