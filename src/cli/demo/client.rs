//! The MCP client of the demo: calls tools, shows progress, reads pictures.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::ClientHandler;
use rmcp::ServiceExt;
use rmcp::model::{
    CallToolRequestParams, ContentBlock, ProgressNotificationParam, ReadResourceRequestParams,
    ResourceContents,
};
use rmcp::service::{NotificationContext, RoleClient, RunningService};
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use super::progress::Progress;
use crate::error::{Error, Kind, Result};

/// The side of the client that hears the server.
struct Listener(Arc<Progress>);

impl ClientHandler for Listener {
    async fn on_progress(&self, report: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let percent = report.progress / report.total.unwrap_or(100.0) * 100.0;
        self.0.report(percent, report.message.as_deref().unwrap_or_default());
    }
}

/// A connected client.
pub(super) struct Client(RunningService<RoleClient, Listener>);

impl Client {
    /// Shakes hands with the server at the other end of the pipe.
    pub(super) async fn connect(pipe: DuplexStream, progress: Arc<Progress>) -> Result<Self> {
        let connected = Listener(progress).serve(pipe).await;
        connected.map(Self).map_err(|error| Error::internal("the MCP handshake failed").source(error))
    }

    /// Calls a tool; the answer is its structured content.
    pub(super) async fn call(&self, tool: &'static str, arguments: Value) -> Result<Value> {
        let result = self.ask(tool, arguments).await?;
        result
            .structured_content
            .ok_or_else(|| Error::internal(format!("`{tool}` answered without a result")))
    }

    /// The bytes of an output, exactly as ComfyUI holds them.
    pub(super) async fn picture(&self, output: &Value) -> Result<Vec<u8>> {
        let mut arguments = json!({ "response_format": "data_uri" });
        for name in ["filename", "subfolder", "type"] {
            if let (Some(map), Some(value)) = (arguments.as_object_mut(), output.get(name)) {
                map.insert(name.to_owned(), value.clone());
            }
        }
        let shown = self.ask("comfyui_get_image", arguments).await?;
        let link = shown.content.iter().find_map(|block| match block {
            ContentBlock::ResourceLink(resource) => Some(resource.uri.clone()),
            _ => None,
        });
        let Some(link) = link else { return Err(Error::internal("no link to the picture was given")) };
        let read = self.0.read_resource(ReadResourceRequestParams::new(link)).await;
        let contents = read.map_err(lost)?.contents;
        let blob = contents.into_iter().find_map(|content| match content {
            ResourceContents::BlobResourceContents { blob, .. } => Some(blob),
            _ => None,
        });
        let decoded = blob.and_then(|blob| STANDARD.decode(blob).ok());
        decoded.ok_or_else(|| Error::internal("the picture could not be read"))
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        let _ = self.0.cancel().await;
    }

    async fn ask(&self, tool: &'static str, arguments: Value) -> Result<rmcp::model::CallToolResult> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self.0.call_tool(params).await.map_err(lost)?;
        if result.is_error == Some(true) { Err(refused(&result)) } else { Ok(result) }
    }
}

fn lost(error: rmcp::ServiceError) -> Error {
    Error::internal(format!("the call did not come back: {error}")).source(error)
}

/// The error that a tool reported, as it left the gate.
fn refused(result: &rmcp::model::CallToolResult) -> Error {
    let text = result.content.iter().find_map(|block| match block {
        ContentBlock::Text(text) => Some(text.text.clone()),
        _ => None,
    });
    let text = text.unwrap_or_else(|| "the call failed".to_owned());
    let told: Value = serde_json::from_str(&text).unwrap_or_default();
    let word = |key: &str| told.get(key).and_then(Value::as_str);
    let kind = if word("kind") == Some("unavailable") { Kind::Unavailable } else { Kind::Upstream };
    let error = Error::new(kind, word("message").map_or_else(|| text.clone(), str::to_owned));
    match word("hint") {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
