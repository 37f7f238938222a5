//! The part of an inspection that the server tells.

use serde_json::Value;

use comfywarden_workflow::ObjectInfo;

/// Data of the server about its nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// The server's node catalogue.
    pub object_info: Option<&'a ObjectInfo>,
    /// The server's answer about node replacements: `None` when it has no such thing, `Some(Null)` when it could
    /// not be had.
    pub replacements: Option<&'a Value>,
}
