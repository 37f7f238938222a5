//! Limits of one client at the HTTP server, with real sockets and the server's own clocks.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    http::access::{Door, door},
    http::oauth::{hashed, hello, later, request},
    support::bounded,
};

async fn connect(door: &Door) -> TcpStream {
    bounded(TcpStream::connect(door.base.trim_start_matches("http://"))).await.unwrap()
}

/// Reads everything until the connection ends.
async fn rest(mut socket: TcpStream) -> String {
    let mut bytes = Vec::new();
    // An end or a reset: either way it is over.
    bounded(socket.read_to_end(&mut bytes)).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes a byte, lets a second go by, and so on for this many seconds of the server's clock.
///
/// The clock moves only here: a paused clock would run ahead of what real sockets still have to deliver.
async fn drip(sockets: &mut [TcpStream], seconds: u32) {
    for _ in 0..seconds {
        for socket in &mut *sockets {
            // The other end may have had enough.
            socket.write_all(b"x").await.ok();
        }
        later(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_and_a_head_that_drips_are_closed() {
    let door = door(|_| {}).await;
    let silent = connect(&door).await;
    let mut dripping = connect(&door).await;
    dripping.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
    let mut used = connect(&door).await;
    used.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    bounded(used.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let mut dripping = [dripping];
    drip(&mut dripping, 18).await;
    let [dripping] = dripping;
    for (what, socket) in [("silent", silent), ("dripping", dripping), ("used before", used)] {
        let said = rest(socket).await;
        assert!(!said.starts_with("HTTP/1.1 200"), "{what}: {said}");
    }
}

#[tokio::test]
async fn a_body_that_drips_is_given_up_before_it_costs_anything() {
    let door = door(|_| {}).await;
    let socket = connect(&door).await;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Accept: application/json, text/event-stream\r\nContent-Length: 100000\r\n\r\n{";
    let mut dripping = [socket];
    dripping[0].write_all(head.as_bytes()).await.unwrap();
    drip(&mut dripping, 12).await;
    let [socket] = dripping;
    let said = rest(socket).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(said.contains("connection: close"), "the rest is no second request: {said}");
    assert!(door.app.audit.records().is_empty());
}

#[tokio::test]
async fn nothing_of_a_strangers_body_is_read() {
    let door = door(|config| config.transport.remote.tokens = vec![hashed("the one good token", "")]).await;
    for path in ["/mcp", "/nowhere", "/healthz"] {
        let mut socket = connect(&door).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: 90000000\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // Not a byte of the body is sent, and the answer is there all the same.
        let mut first = [0; 12];
        bounded(socket.read_exact(&mut first)).await.unwrap();
        assert!(first.starts_with(b"HTTP/1.1 4"), "{path}: {}", String::from_utf8_lossy(&first));
    }
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_the_first_byte() {
    let door = door(|config| config.limits.max_message_mb = 1).await;
    let mut socket = connect(&door).await;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    bounded(socket.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
}

#[tokio::test]
async fn beyond_the_connections_clients_wait_until_one_leaves() {
    let door = door(|config| config.limits.connections = 2).await;
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut socket = connect(&door).await;
        socket.write_all(ask).await.unwrap();
        bounded(socket.read_exact(&mut [0; 12])).await.unwrap();
        open.push(socket);
    }
    let mut third = connect(&door).await;
    third.write_all(ask).await.unwrap();
    // Those inside are answered once more while the third waits in the system's queue.
    for socket in &mut open {
        socket.write_all(ask).await.unwrap();
        bounded(socket.read_exact(&mut [0; 12])).await.unwrap();
    }
    let early = third.try_read(&mut [0; 12]).map_err(|error| error.kind());
    assert_eq!(early, Err(std::io::ErrorKind::WouldBlock), "the third was answered");
    open.pop();
    bounded(third.read_exact(&mut [0; 12])).await.unwrap();
}

/// A session's stream of news, open.
async fn stream(door: &Door, token: &str) -> reqwest::Response {
    let begun =
        bounded(request(door, Method::POST, "/mcp").bearer_auth(token).body(hello()).send()).await.unwrap();
    let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    bounded(begun.text()).await.unwrap();
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let sent =
        request(door, Method::POST, "/mcp").bearer_auth(token).header("mcp-session-id", &session).body(said);
    bounded(sent.send()).await.unwrap();
    let news = request(door, Method::GET, "/mcp").bearer_auth(token).header("mcp-session-id", session);
    bounded(news.send()).await.unwrap()
}

#[tokio::test]
async fn a_caller_has_so_many_streams_and_takes_none_of_another() {
    let tokens = ["the token of the first", "the token of the second"];
    let door = door(|config| {
        config.limits.requests_per_caller = 3;
        config.transport.remote.tokens = tokens.map(|token| hashed(token, "")).to_vec();
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(stream(&door, tokens[0]).await);
    }
    // The third place is for whatever else this caller asks.
    streams.push(stream(&door, tokens[0]).await);
    assert!(streams.iter().all(|stream| stream.status() == StatusCode::OK));
    let refused = bounded(request(&door, Method::POST, "/mcp").bearer_auth(tokens[0]).body(hello()).send())
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert!(bounded(refused.text()).await.unwrap().contains("`limits.requests_per_caller` is 3"));
    assert_eq!(stream(&door, tokens[1]).await.status(), StatusCode::OK);
    streams.clear();
    bounded(async {
        loop {
            let sent = request(&door, Method::POST, "/mcp").bearer_auth(tokens[0]).body(hello()).send();
            if sent.await.unwrap().status() == StatusCode::OK {
                break;
            }
        }
    })
    .await;
}
