//! Bounds on the bodies in memory at once: of one caller, and of all.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    http::access::{Door, door},
    http::oauth::{hashed, hello, request},
    support::{bounded, sleeping_workflow},
};

const MEGABYTE: usize = 1 << 20;
const CALLERS: [&str; 3] = ["the token of the first", "the token of the second", "the token of the third"];

/// Room for two bodies of one megabyte for each caller, and for three in all.
async fn narrow_door() -> Door {
    door(|config| {
        config.limits.max_message_mb = 1;
        config.limits.bodies_per_caller_mb = 2;
        config.limits.bodies_in_total_mb = 3;
        config.transport.remote.tokens = CALLERS.map(|token| hashed(token, "")).to_vec();
    })
    .await
}

/// A request that announces a body and waits for the word to send it; what was said to that.
async fn announced(door: &Door, token: &str, length: usize) -> (TcpStream, String) {
    let mut socket = bounded(TcpStream::connect(door.base.trim_start_matches("http://"))).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n\
         Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut said = vec![0; 12];
    bounded(socket.read_exact(&mut said)).await.unwrap();
    if !said.ends_with(b"100") {
        bounded(socket.read_to_end(&mut said)).await.unwrap();
    }
    (socket, String::from_utf8(said).unwrap())
}

/// The refusal says which limit it is, what to do, and when.
fn names(said: &str, status: &str, kind: &str, limit: &str) {
    assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{said}");
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("retry-after: 2") && head.contains("connection: close"), "{head}");
    let told: Value = serde_json::from_str(body).unwrap();
    assert_eq!((told["kind"].as_str(), &told["retry_after_ms"]), (Some(kind), &2_000.into()), "{told}");
    assert!(told["message"].as_str().unwrap().contains(limit), "{told}");
    assert!(told["hint"].as_str().unwrap().contains("one after another"), "{told}");
}

#[tokio::test]
async fn bodies_of_one_caller_and_of_all_have_so_much_room_and_small_ones_go_on() {
    let door = narrow_door().await;
    let [first, second, third] = CALLERS;
    let (mine, said) = announced(&door, first, MEGABYTE).await;
    assert_eq!(said, "HTTP/1.1 100");
    let (_mine_too, said) = announced(&door, first, MEGABYTE).await;
    assert_eq!(said, "HTTP/1.1 100");

    let (_, said) = announced(&door, first, MEGABYTE).await;
    names(&said, "429", "rate_limited", "`limits.bodies_per_caller_mb` is 2");

    let (_others, said) = announced(&door, second, MEGABYTE).await;
    assert_eq!(said, "HTTP/1.1 100", "one caller takes no room of another");
    let (_, said) = announced(&door, third, MEGABYTE).await;
    names(&said, "503", "unavailable", "`limits.bodies_in_total_mb` is 3");

    for token in CALLERS {
        let small = request(&door, Method::POST, "/mcp").bearer_auth(token).body(hello());
        assert_eq!(bounded(small.send()).await.unwrap().status(), StatusCode::OK, "{token}");
    }
    drop(mine);
    bounded(async { while announced(&door, first, MEGABYTE).await.1 != "HTTP/1.1 100" {} }).await;
    assert!(door.app.audit.records().is_empty());
}

#[tokio::test]
async fn room_is_free_again_when_a_request_was_read() {
    let door = narrow_door().await;
    for _ in 0..6 {
        let large = format!("{}{}", hello(), " ".repeat(MEGABYTE - hello().len()));
        let sent = request(&door, Method::POST, "/mcp").bearer_auth(CALLERS[0]).body(large);
        assert_eq!(bounded(sent.send()).await.unwrap().status(), StatusCode::OK);
    }
}

/// A call of the newer era in so many bytes: a job that waits.
fn call(length: usize) -> String {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "comfyui_run_workflow",
        "arguments": {"workflow": sleeping_workflow(5), "wait": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }})
    .to_string();
    format!("{call}{}", " ".repeat(length - call.len()))
}

#[tokio::test]
async fn a_body_takes_its_room_as_long_as_its_call_runs() {
    let door = narrow_door().await;
    let held = door.app.sim.hold("RigSleep");
    let sent = request(&door, Method::POST, "/mcp")
        .bearer_auth(CALLERS[0])
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "comfyui_run_workflow")
        .body(call(MEGABYTE));
    let calling = tokio::spawn(async move { sent.send().await.unwrap().text().await.unwrap() });
    bounded(held.reached()).await;
    let (second, said) = announced(&door, CALLERS[0], MEGABYTE).await;
    assert_eq!(said, "HTTP/1.1 100");
    let (_, said) = announced(&door, CALLERS[0], MEGABYTE).await;
    names(&said, "429", "rate_limited", "`limits.bodies_per_caller_mb` is 2");

    held.release();
    let answer = bounded(calling).await.unwrap();
    assert!(answer.contains("completed"), "{answer}");
    bounded(async { while announced(&door, CALLERS[0], MEGABYTE).await.1 != "HTTP/1.1 100" {} }).await;
    drop(second);
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_refused_where_the_room_ends() {
    let door = narrow_door().await;
    let (_mine, _) = announced(&door, CALLERS[0], MEGABYTE).await;
    let (_mine_too, _) = announced(&door, CALLERS[0], MEGABYTE / 2).await;
    let large = format!("{}{}", hello(), " ".repeat(MEGABYTE - hello().len()));
    let chunks: Vec<std::io::Result<Vec<u8>>> =
        large.as_bytes().chunks(32 << 10).map(|chunk| Ok(chunk.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    let sent = request(&door, Method::POST, "/mcp").bearer_auth(CALLERS[0]).body(body);
    // The door closes while the client writes, which may lose the answer on its way; it is never a success.
    if let Ok(answer) = bounded(sent.send()).await {
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "2");
    }
}
