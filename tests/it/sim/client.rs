//! A minimal client for the tests of the simulated server: HTTP, and a socket that collects frames.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot talk to its server has failed"
)]

use comfywarden_sim::SimHandle;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// One frame, in the form of the recordings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// A text frame, parsed.
    Text(Value),
    /// A binary frame.
    Binary(Vec<u8>),
    /// The socket ended; true with a close frame.
    Closed(bool),
}

/// An open socket.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket under this name, if the server lets us.
    pub(super) async fn try_open(sim: &SimHandle, path: &str) -> Option<Self> {
        let url = format!("ws://{}{path}", sim.address());
        tokio_tungstenite::connect_async(url).await.ok().map(|(socket, _)| Self(socket))
    }

    /// Opens a socket on this path.
    pub(super) async fn open_path(sim: &SimHandle, path: &str) -> Self {
        Self::try_open(sim, path).await.expect("socket opens")
    }

    /// Opens a socket under this name.
    pub(super) async fn open(sim: &SimHandle, name: &str) -> Self {
        Self::open_path(sim, &format!("/ws?clientId={name}")).await
    }

    /// Opens a socket and says that it wants metadata with its previews.
    pub(super) async fn open_with_flags(sim: &SimHandle, name: &str) -> Self {
        let mut socket = Self::open(sim, name).await;
        let flags = json!({"type": "feature_flags", "data": {"supports_preview_metadata": true}});
        socket.0.send(Message::text(flags.to_string())).await.expect("flags are sent");
        socket
    }

    /// The next frame.
    pub(super) async fn next(&mut self) -> Frame {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    Frame::Text(serde_json::from_str(&text).unwrap_or(Value::String(text.to_string())))
                }
                Some(Ok(Message::Binary(bytes))) => Frame::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(_))) => Frame::Closed(true),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Frame::Closed(false),
            };
        }
    }

    /// All frames up to and including the first that matches.
    pub(super) async fn until(&mut self, matches: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let last = matches(&frame) || matches!(frame, Frame::Closed(_));
            frames.push(frame);
            if last {
                return frames;
            }
        }
    }

    /// All frames up to `executing {node: null}` of this prompt.
    pub(super) async fn until_end_of(&mut self, prompt_id: &str) -> Vec<Frame> {
        self.until(|frame| ends(frame, prompt_id)).await
    }

    /// Closes the socket and waits until the server has noticed.
    pub(super) async fn close(mut self) {
        self.0.close(None).await.expect("socket closes");
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

fn ends(frame: &Frame, prompt_id: &str) -> bool {
    let Frame::Text(event) = frame else { return false };
    event.get("type").is_some_and(|kind| kind == "executing")
        && event.pointer("/data/node").is_some_and(Value::is_null)
        && event.pointer("/data/prompt_id").is_some_and(|id| id == prompt_id)
}

/// An answer: status, headers, body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON, else as text.
    pub(super) fn body(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.bytes).into_owned()))
    }

    /// A header, or nothing.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Sends a request as it is.
pub(super) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, bytes: response.bytes().await.expect("a body").to_vec() }
}

/// A request builder for a path of this server.
pub(super) fn request(sim: &SimHandle, method: &str, path: &str) -> reqwest::RequestBuilder {
    let method = method.parse().expect("a method");
    crate::support::http_client().request(method, format!("{}{path}", sim.url()))
}

/// `GET`.
pub(super) async fn get(sim: &SimHandle, path: &str) -> Answer {
    send(request(sim, "GET", path)).await
}

/// `POST` with JSON.
pub(super) async fn post(sim: &SimHandle, path: &str, body: &Value) -> Answer {
    send(request(sim, "POST", path).json(body)).await
}

/// Submits a graph for a client; the id it got.
pub(super) async fn submit(sim: &SimHandle, client: Option<&str>, prompt: &Value) -> String {
    let mut body = json!({"prompt": prompt});
    if let Some(client) = client {
        body["client_id"] = client.into();
    }
    let answer = post(sim, "/prompt", &body).await;
    let body = answer.body();
    let id = body.get("prompt_id").and_then(Value::as_str);
    id.unwrap_or_else(|| panic!("refused: {body}")).to_owned()
}
