//! Encodes tools and replies for MCP, within the limits of the client.

mod clamp;
mod fit;

use std::sync::Arc;

use base64::Engine as _;
use rmcp::model::{
    Annotations, CallToolResult, ContentBlock, Implementation, MetaObject, Resource as McpResource,
    ResourceContents, Role, Tool as McpTool, ToolAnnotations,
};
use serde_json::Value;

use crate::{
    app::{App, Conversation},
    gate::Caller,
    tools::{
        Block, Tool,
        resources::{self, Resource},
    },
};
use comfywarden_error::Error;
pub(crate) use fit::ResultLimits;

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

/// Encodes a finished call: the JSON, the same as text, links, then pictures. What is too large for the client is kept,
/// and linked.
pub(crate) fn done(
    conversation: &Conversation,
    limits: ResultLimits,
    mut structured: Value,
    blocks: Vec<Block>,
) -> CallToolResult {
    let whose = (conversation.app(), conversation.caller(), conversation.tool());
    let blocks = fit::fit(whose, limits, &mut structured, blocks);
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

/// Encodes a resource under its address.
pub(crate) fn resource(app: &App, caller: &Caller, uri: String, resource: Resource) -> ResourceContents {
    match resource {
        Resource::Document(mut document) => {
            let tool = resources::documents::find(&uri).ok().and_then(|(document, _)| document.tool());
            fit::fit_document(app, caller, tool, &mut document);
            ResourceContents::text(document.to_string(), uri).with_mime_type("application/json")
        }
        Resource::Text { text, mime_type } => ResourceContents::text(text, uri).with_mime_type(mime_type),
        Resource::File(file) => {
            ResourceContents::blob(base64(&file.bytes), uri).with_mime_type(file.mime_type)
        }
    }
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
            let mut link = McpResource::new(uri, name).with_annotations(for_everyone(0.5));
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
fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
