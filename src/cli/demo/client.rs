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

/// The revision that the demo speaks.
const REVISION: &str = "2025-11-25";

/// A connected client.
pub(super) struct Client {
    line: Mutex<Line>,
    progress: Arc<Progress>,
}

/// One JSON-RPC message per line, in both directions.
struct Line {
    pipe: BufStream<DuplexStream>,
    asked: u64,
}

impl Client {
    /// Shakes hands with the server at the other end of the pipe.
    pub(super) async fn connect(pipe: DuplexStream, progress: Arc<Progress>) -> Result<Self> {
        let line = Mutex::new(Line { pipe: BufStream::new(pipe), asked: 0 });
        let client = Self { line, progress };
        let about = json!({ "name": "comfywarden demo", "version": env!("CARGO_PKG_VERSION") });
        let hello = json!({ "protocolVersion": REVISION, "capabilities": {}, "clientInfo": about });
        client.ask("initialize", hello).await?;
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        client.line.lock().await.send(&ready).await?;
        Ok(client)
    }

    /// Calls a tool; the answer is its structured content.
    pub(super) async fn call(&self, tool: &'static str, arguments: Value) -> Result<Value> {
        let mut result = self.ask_tool(tool, arguments).await?;
        let structured = result.get_mut("structuredContent").map(Value::take);
        structured.ok_or_else(|| Error::internal(format!("`{tool}` answered without a result")))
    }

    /// The bytes of an output, exactly as ComfyUI holds them.
    pub(super) async fn picture(&self, output: &Value) -> Result<Vec<u8>> {
        let mut arguments = json!({ "response_format": "data_uri" });
        for name in ["filename", "subfolder", "type"] {
            if let (Some(map), Some(value)) = (arguments.as_object_mut(), output.get(name)) {
                map.insert(name.to_owned(), value.clone());
            }
        }
        let shown = self.ask_tool("comfyui_get_image", arguments).await?;
        let link = blocks(&shown, "/content").find(|block| text(block, "/type") == "resource_link");
        let Some(link) = link else { return Err(Error::internal("no link to the picture was given")) };
        let read = self.ask("resources/read", json!({ "uri": text(link, "/uri") })).await?;
        let blob = blocks(&read, "/contents").find_map(|content| content.get("blob")?.as_str());
        let decoded = blob.and_then(|blob| STANDARD.decode(blob).ok());
        decoded.ok_or_else(|| Error::internal("the picture could not be read"))
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        // The server goes with the demo; one that hung up first has nothing left to hear.
        self.line.into_inner().pipe.shutdown().await.ok();
    }

    async fn ask_tool(&self, tool: &'static str, arguments: Value) -> Result<Value> {
        let result = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await?;
        if result.get("isError") == Some(&Value::Bool(true)) { Err(refused(&result)) } else { Ok(result) }
    }

    /// Sends a request and reads until its answer, with progress on the way.
    async fn ask(&self, method: &'static str, mut params: Value) -> Result<Value> {
        let mut line = self.line.lock().await;
        line.asked += 1;
        let id = line.asked;
        if let Some(params) = params.as_object_mut() {
            params.insert("_meta".to_owned(), json!({ "progressToken": id }));
        }
        line.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        loop {
            let mut message = line.receive().await?;
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

impl Line {
    async fn send(&mut self, message: &Value) -> Result<()> {
        self.pipe.write_all(format!("{message}\n").as_bytes()).await.map_err(|error| lost(&error))?;
        self.pipe.flush().await.map_err(|error| lost(&error))
    }

    async fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        let read = self.pipe.read_line(&mut line).await.map_err(|error| lost(&error))?;
        if read == 0 {
            return Err(Error::internal("the server hung up in the middle of a call"));
        }
        serde_json::from_str(&line).map_err(|error| Error::internal("the server sent no JSON").source(error))
    }
}

fn lost(error: &std::io::Error) -> Error {
    Error::internal(format!("the server cannot be reached: {error}"))
}

fn blocks<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The error that a tool reported, as it left the gate.
fn refused(result: &Value) -> Error {
    let said = blocks(result, "/content").map(|block| text(block, "/text")).find(|text| !text.is_empty());
    let said = said.unwrap_or("the call failed");
    let told: Value = serde_json::from_str(said).unwrap_or_default();
    let word = |key: &str| told.get(key).and_then(Value::as_str);
    let kind = if word("kind") == Some("unavailable") { Kind::Unavailable } else { Kind::Upstream };
    let error = Error::new(kind, word("message").unwrap_or(said));
    match word("hint") {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
