//! Tools that answer with one kind of content each, or tell the client something on the way.

use std::sync::Arc;

use comfywarden::{app::App, tools::Change};
use rmcp::{
    ErrorData, RoleServer,
    model::{
        AudioContent, CallToolResult, ClientCapabilities, ContentBlock, CreateMessageRequestParams,
        ElicitRequestParams, ElicitationSchema, JsonObject, LoggingLevel, LoggingMessageNotificationParam,
        ProgressNotificationParam, ResourceContents, SamplingMessage, Tool,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

/// A PNG of one pixel.
pub(crate) const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// A WAV file without samples.
const SOUND: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

pub(crate) fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

/// A tool with this schema.
pub(crate) fn tool(name: &'static str, schema: Value) -> Tool {
    Tool::new(name, format!("Fixture of the conformance suite: {name}"), object(schema))
}

/// Tools without arguments.
const BARE: [&str; 15] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_error_handling",
    "test_tool_with_progress",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_missing_capability",
    "test_logging_tool",
];

pub(crate) fn custom_header() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { "value": { "type": "string", "x-mcp-header": "Value" } },
        "required": ["value"],
    });
    tool("test_custom_header", schema)
}

pub(crate) fn tools() -> Vec<Tool> {
    let text = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] });
    let dialect = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "address", "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
        } },
        "properties": { "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" } },
        "allOf": [{ "anyOf": [{ "required": ["name"] }, { "required": ["address"] }] }],
        "if": { "required": ["address"] },
        "then": { "properties": { "address": { "required": ["street"] } } },
        "else": { "required": ["name"] },
        "additionalProperties": false,
    });
    let mut tools: Vec<Tool> =
        BARE.iter().map(|name| tool(name, json!({ "type": "object", "properties": {} }))).collect();
    tools.extend([
        tool("test_sampling", text("prompt")),
        tool("test_elicitation", text("message")),
        tool("json_schema_2020_12_tool", dialect),
        custom_header(),
    ]);
    tools
}

fn says(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn embedded(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

/// Runs one of these tools; `None` when the name is none of theirs.
pub(crate) async fn call(
    name: &str,
    args: &JsonObject,
    app: &Arc<App>,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResult, ErrorData>> {
    let given = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(Ok(match name {
        "test_simple_text" => says("This is a simple text response for testing."),
        "test_image_content" => CallToolResult::success(vec![ContentBlock::image(PICTURE, "image/png")]),
        "test_audio_content" => {
            CallToolResult::success(vec![ContentBlock::Audio(AudioContent::new(SOUND, "audio/wav"))])
        }
        "test_embedded_resource" => CallToolResult::success(vec![embedded(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => CallToolResult::success(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(PICTURE, "image/png"),
            embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ]),
        "test_error_handling" => CallToolResult::error(vec![ContentBlock::text(
            "This tool intentionally returns an error for testing",
        )]),
        "test_tool_with_logging" => {
            for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                log(context, LoggingLevel::Info, text).await;
            }
            says("done")
        }
        "test_logging_tool" => {
            if let Some(level) = context.meta.log_level() {
                log(context, level, "asked for").await;
            }
            says("done")
        }
        "test_tool_with_progress" => {
            if let Some(token) = context.meta.get_progress_token() {
                for step in [0.0, 50.0, 100.0] {
                    let note = ProgressNotificationParam::new(token.clone(), step).with_total(100.0);
                    context.peer.notify_progress(note).await.ok();
                }
            }
            says("done")
        }
        "test_custom_header" => says(given("value")),
        "json_schema_2020_12_tool" => says(format!("Hello, {}", given("name"))),
        "test_reconnection" => says("done"),
        "test_trigger_tool_change" => {
            app.announce(Change::Tools);
            says("done")
        }
        "test_trigger_prompt_change" => {
            app.announce(Change::Prompts);
            says("done")
        }
        "test_missing_capability" => {
            if context.meta.client_capabilities().is_none_or(|client| client.sampling.is_none()) {
                let needed = ClientCapabilities::builder().enable_sampling().build();
                return Some(Err(ErrorData::missing_required_client_capability(needed)));
            }
            says("done")
        }
        "test_sampling" => sample(given("prompt"), context).await,
        "test_elicitation" => {
            let field = json!({ "type": "string", "description": "An answer" });
            let properties = json!({ "username": field, "email": field });
            elicit(given("message"), properties, &["username", "email"], context).await
        }
        "test_elicitation_sep1034_defaults" => elicit("With defaults", defaults(), &[], context).await,
        "test_elicitation_sep1330_enums" => elicit("With choices", choices(), &[], context).await,
        _ => return None,
    }))
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, text: &str) {
    context.peer.notify_logging_message(LoggingMessageNotificationParam::new(level, json!(text))).await.ok();
}

async fn sample(prompt: &str, context: &RequestContext<RoleServer>) -> CallToolResult {
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    match context.peer.create_message(request).await {
        Ok(result) => {
            let text = result
                .message
                .content
                .first()
                .and_then(|block| block.as_text())
                .map(|text| text.text.clone());
            says(format!("LLM response: {}", text.unwrap_or_default()))
        }
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    }
}

async fn elicit(
    message: &str,
    properties: Value,
    required: &[&str],
    context: &RequestContext<RoleServer>,
) -> CallToolResult {
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    let Ok(requested_schema) = serde_json::from_value::<ElicitationSchema>(schema) else {
        return CallToolResult::error(vec![ContentBlock::text("the form is not one")]);
    };
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema,
    };
    match context.peer.create_elicitation(params).await {
        Ok(result) => {
            says(format!("User response: action={:?}, content={:?}", result.action, result.content))
        }
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    }
}

/// One field of each kind, with the default that the suite looks for.
fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "default": true },
    })
}

/// The five forms of a choice.
fn choices() -> Value {
    let plain = json!(["option1", "option2", "option3"]);
    let titled = json!([
        { "const": "value1", "title": "First" }, { "const": "value2", "title": "Second" },
        { "const": "value3", "title": "Third" },
    ]);
    json!({
        "untitledSingle": { "type": "string", "enum": plain },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": { "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"] },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } },
    })
}
