//! Encodes tools and replies for MCP.

use std::sync::Arc;

use base64::Engine as _;
use rmcp::model::{
    Annotations, CallToolResult, ContentBlock, Implementation, MetaObject, Resource, Role, Tool as McpTool,
    ToolAnnotations,
};
use serde_json::Value;

use crate::tools::{Block, Tool};
use comfywarden_error::Error;

/// Describes this server to clients.
pub(crate) fn implementation() -> Implementation {
    Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .with_title("comfywarden")
        .with_description(
            "Generates pictures, video and audio on the user's ComfyUI, under its owner's rules",
        )
}

/// Encodes a catalogue entry for `tools/list`.
pub(crate) fn tool(tool: &Tool) -> McpTool {
    let hints = tool.hint_set();
    let annotations = ToolAnnotations::new()
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .idempotent(hints.idempotent)
        .open_world(hints.open_world);
    let mut entry = McpTool::new(
        tool.name().to_owned(),
        tool.description().to_owned(),
        Arc::clone(tool.contract().schema()),
    )
    .with_title(tool.title())
    .with_raw_output_schema(Arc::clone(tool.output_schema()))
    .with_annotations(annotations);
    if tool.is_always_loaded() {
        let mut meta = MetaObject::new();
        meta.0.insert("anthropic/alwaysLoad".into(), Value::Bool(true));
        entry = entry.with_meta(meta);
    }
    entry
}

/// Encodes a finished call: the JSON, the same as text, links, then pictures.
pub(crate) fn done(structured: Value, blocks: Vec<Block>) -> CallToolResult {
    let mut result = CallToolResult::structured(structured);
    let (links, pictures): (Vec<Block>, Vec<Block>) =
        blocks.into_iter().partition(|block| matches!(block, Block::Link { .. }));
    result.content.extend(links.into_iter().chain(pictures).map(content));
    result
}

/// Encodes a failed call: the text is the JSON object of the error, so clients can rely on its `kind`.
pub(crate) fn failed(error: &Error) -> CallToolResult {
    let text = Value::Object(error.to_json()).to_string();
    CallToolResult::error(vec![ContentBlock::text(text)])
}

fn content(block: Block) -> ContentBlock {
    match block {
        Block::Image { bytes, mime_type } => {
            let data = base64(&bytes);
            ContentBlock::Image(
                rmcp::model::ImageContent::new(data, mime_type).with_annotations(for_everyone(0.9)),
            )
        }
        Block::Link { uri, name, mime_type, size } => {
            let mut link = Resource::new(uri, name).with_annotations(for_everyone(0.5));
            if let Some(mime_type) = mime_type {
                link = link.with_mime_type(mime_type);
            }
            if let Some(size) = size {
                link = link.with_size(size);
            }
            ContentBlock::resource_link(link)
        }
    }
}

fn for_everyone(priority: f32) -> Annotations {
    Annotations::default().with_audience(vec![Role::User, Role::Assistant]).with_priority(priority)
}

/// Encodes bytes as standard base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
