//! Adds the server's name and version to every result of the newer era.

use rmcp::{
    RoleServer,
    model::{
        CallToolResponse, CallToolResult, CompleteResult, DiscoverResult, GetPromptResult, GetTaskResult,
        Implementation, InputRequiredResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, MetaObject, ReadResourceResult,
    },
    service::RequestContext,
};
use serde_json::Value;

use super::calling::is_modern;

/// Key of the server's name and version in a result's metadata.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// A result whose metadata can name the server.
pub(super) trait ServerInfoMeta: Sized {
    /// Metadata of the result.
    fn meta(&mut self) -> Option<&mut MetaObject>;

    /// Names the server, to clients of the newer era. Others know it from the handshake.
    fn add_server_info(mut self, context: &RequestContext<RoleServer>) -> Self {
        if is_modern(context)
            && let Some(meta) = self.meta()
        {
            // Name and version only: this travels with every answer.
            let us = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
            meta.0.insert(SERVER_INFO.to_owned(), serde_json::to_value(us).unwrap_or(Value::Null));
        }
        self
    }
}

macro_rules! server_info_meta {
    ($($result:ty),*) => {$(
        impl ServerInfoMeta for $result {
            fn meta(&mut self) -> Option<&mut MetaObject> {
                Some(self.meta.get_or_insert_default())
            }
        }
    )*};
}

server_info_meta!(
    CallToolResult,
    CompleteResult,
    DiscoverResult,
    GetPromptResult,
    GetTaskResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourceTemplatesResult,
    ListResourcesResult,
    ListToolsResult,
    ReadResourceResult
);

impl ServerInfoMeta for CallToolResponse {
    fn meta(&mut self) -> Option<&mut MetaObject> {
        match self {
            Self::Complete(result) => result.meta(),
            Self::InputRequired(result) => result.meta(),
            Self::Task(result) => Some(result.meta.get_or_insert_default()),
            _ => None,
        }
    }
}
