//! `GET /ws`: one task per socket.

use std::sync::Arc;

use axum::{
    extract::{
        ConnectInfo, FromRequestParts, Query, State,
        ws::{Message, WebSocket, WebSocketUpgrade, close_code},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{events, http::answer, listener::Connection, server::Server, sockets::Frame};

/// ComfyUI closes the socket when it gets a larger message.
const MAX_INCOMING: usize = 4 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct SocketQuery {
    #[serde(default, rename = "clientId")]
    client_id: String,
}

/// Opens a socket under the asked-for name, or under a made-up one.
pub(super) async fn open(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Query(query): Query<SocketQuery>,
    request: axum::extract::Request,
) -> Response {
    if server.faults.refuses_sockets() {
        return answer::text(503, "the simulated server refuses sockets");
    }
    let (mut parts, _) = request.into_parts();
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &server).await else {
        return answer::text(400, "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".");
    };
    let name = match query.client_id {
        name if name.is_empty() => uuid::Uuid::new_v4().simple().to_string(),
        name => name,
    };
    upgrade
        .max_message_size(MAX_INCOMING)
        .max_frame_size(MAX_INCOMING)
        .on_upgrade(move |socket| serve(server, connection, socket, name))
        .into_response()
}

async fn serve(server: Arc<Server>, connection: Connection, mut socket: WebSocket, name: String) {
    let (number, mut frames) = server.sockets.open(&name);
    server.sockets.to(&name, &events::status(server.queue.remaining(), Some(&name)));
    if let Some(node) = server.current.node_of(&name) {
        server.sockets.to(&name, &events::text("executing", &json!({"node": node})));
    }
    pump(&server, &connection, &mut socket, &mut frames, &name).await;
    server.sockets.closed(number, &name);
}

async fn pump(
    server: &Server,
    connection: &Connection,
    socket: &mut WebSocket,
    frames: &mut mpsc::Receiver<Frame>,
    name: &str,
) {
    let mut first = true;
    loop {
        tokio::select! {
            biased;
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Text(text))) => {
                    if std::mem::take(&mut first) {
                        negotiate(server, name, text.as_str());
                    }
                }
                Some(Ok(Message::Close(_))) | None => return,
                Some(Ok(_)) => first = false,
                Some(Err(_)) => {
                    // A message above the limit is the one error that leaves a socket to close properly.
                    let _ = socket.send(close_frame(close_code::SIZE)).await;
                    return;
                }
            },
            frame = frames.recv() => match frame {
                Some(Frame::Send(message)) => {
                    if server.faults.silences_sockets() {
                        continue;
                    }
                    let last = server.faults.frame_was_last();
                    if socket.send(message).await.is_err() {
                        return;
                    }
                    if last {
                        return connection.cut();
                    }
                }
                Some(Frame::Close) => {
                    let _ = socket.send(close_frame(close_code::NORMAL)).await;
                    return;
                }
                Some(Frame::Cut) | None => return connection.cut(),
            },
        }
    }
}

fn close_frame(code: u16) -> Message {
    Message::Close(Some(axum::extract::ws::CloseFrame { code, reason: "".into() }))
}

/// The first message of a client may say what it can do; then the server says what it can.
fn negotiate(server: &Server, name: &str, text: &str) {
    let Ok(message) = serde_json::from_str::<Value>(text) else { return };
    if message.get("type").and_then(Value::as_str) != Some("feature_flags") {
        return;
    }
    let wants = message.pointer("/data/supports_preview_metadata") == Some(&Value::Bool(true));
    server.sockets.wants_preview_metadata(name, wants);
    server.sockets.to(name, &events::text("feature_flags", &server.features()));
}
