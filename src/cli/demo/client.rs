//! The MCP client of the demo: calls tools one after the other, shows progress, reads pictures.
//!
//! It speaks the protocol in plain JSON. The client of the protocol library would add its half of every message type
//! to a program that is a server; it proves the server in the tests instead.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream, DuplexStream},
    sync::Mutex,
};

use super::{progress::Progress, text};
use comfywarden_error::{Error, Kind, Result};

/// The protocol revision that the demo speaks.
const PROTOCOL_VERSION: &str = "2025-11-25";

/// A connected client.
pub(super) struct Client {
    connection: Mutex<Connection>,
    progress: Arc<Progress>,
}

/// A pipe that carries one JSON-RPC message per line, in both directions.
struct Connection {
    pipe: BufStream<DuplexStream>,
    last_id: u64,
}

impl Client {
    /// Shakes hands with the server at the other end of the pipe.
    pub(super) async fn connect(pipe: DuplexStream, progress: Arc<Progress>) -> Result<Self> {
        let connection = Mutex::new(Connection { pipe: BufStream::new(pipe), last_id: 0 });
        let client = Self { connection, progress };
        let about = json!({ "name": "comfywarden demo", "version": env!("CARGO_PKG_VERSION") });
        let parameters =
            json!({ "protocolVersion": PROTOCOL_VERSION, "capabilities": {}, "clientInfo": about });
        client.request("initialize", parameters).await?;
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        client.connection.lock().await.send(&ready).await?;
        Ok(client)
    }

    /// Calls a tool and returns its structured content.
    pub(super) async fn call(&self, tool: &'static str, arguments: Value) -> Result<Value> {
        let mut result = self.call_tool(tool, arguments).await?;
        let structured = result.get_mut("structuredContent").map(Value::take);
        structured.ok_or_else(|| Error::internal(format!("`{tool}` answered without a result")))
    }

    /// Returns the bytes of an output, exactly as ComfyUI holds them.
    pub(super) async fn picture(&self, output: &Value) -> Result<Vec<u8>> {
        let mut arguments = json!({ "response_format": "data_uri" });
        for name in ["filename", "subfolder", "type"] {
            if let (Some(map), Some(value)) = (arguments.as_object_mut(), output.get(name)) {
                map.insert(name.to_owned(), value.clone());
            }
        }
        let result = self.call_tool("comfyui_get_image", arguments).await?;
        let link = blocks(&result, "/content").find(|block| text(block, "/type") == "resource_link");
        let Some(link) = link else { return Err(Error::internal("no link to the picture was given")) };
        let read = self.request("resources/read", json!({ "uri": text(link, "/uri") })).await?;
        let blob = blocks(&read, "/contents").find_map(|content| content.get("blob")?.as_str());
        let decoded = blob.and_then(|blob| STANDARD.decode(blob).ok());
        decoded.ok_or_else(|| Error::internal("the picture could not be read"))
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        // The server goes with the demo; one that hung up first has nothing left to hear.
        self.connection.into_inner().pipe.shutdown().await.ok();
    }

    async fn call_tool(&self, tool: &'static str, arguments: Value) -> Result<Value> {
        let result = self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await?;
        if result.get("isError") == Some(&Value::Bool(true)) { Err(tool_error(&result)) } else { Ok(result) }
    }

    /// Sends a request and reads until its answer, with progress on the way.
    async fn request(&self, method: &'static str, mut params: Value) -> Result<Value> {
        let mut connection = self.connection.lock().await;
        connection.last_id += 1;
        let id = connection.last_id;
        if let Some(params) = params.as_object_mut() {
            params.insert("_meta".to_owned(), json!({ "progressToken": id }));
        }
        connection.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        loop {
            let mut message = connection.receive().await?;
            if message.get("id") == Some(&Value::from(id)) {
                return match message.get_mut("result") {
                    Some(result) => Ok(result.take()),
                    None => Err(Error::internal(format!(
                        "`{method}` failed: {}",
                        text(&message, "/error/message")
                    ))),
                };
            }
            if text(&message, "/method") == "notifications/progress" {
                let number = |pointer| message.pointer(pointer).and_then(Value::as_f64);
                let percent =
                    number("/params/progress").unwrap_or(0.0) / number("/params/total").unwrap_or(100.0);
                self.progress.report(percent * 100.0, text(&message, "/params/message"));
            }
        }
    }
}

impl Connection {
    async fn send(&mut self, message: &Value) -> Result<()> {
        self.pipe.write_all(format!("{message}\n").as_bytes()).await.map_err(|error| disconnected(&error))?;
        self.pipe.flush().await.map_err(|error| disconnected(&error))
    }

    async fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        let read = self.pipe.read_line(&mut line).await.map_err(|error| disconnected(&error))?;
        if read == 0 {
            return Err(Error::internal("the server hung up in the middle of a call"));
        }
        serde_json::from_str(&line).map_err(|error| Error::internal("the server sent no JSON").source(error))
    }
}

fn disconnected(error: &std::io::Error) -> Error {
    Error::internal(format!("the server cannot be reached: {error}"))
}

fn blocks<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Rebuilds the error that a tool reported.
fn tool_error(result: &Value) -> Error {
    let message = blocks(result, "/content").map(|block| text(block, "/text")).find(|text| !text.is_empty());
    let message = message.unwrap_or("the call failed");
    let error_object: Value = serde_json::from_str(message).unwrap_or_default();
    let word = |key: &str| error_object.get(key).and_then(Value::as_str);
    let kind = if word("kind") == Some("unavailable") { Kind::Unavailable } else { Kind::Upstream };
    let error = Error::new(kind, word("message").unwrap_or(message));
    match word("hint") {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
