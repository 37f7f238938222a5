//! Group nodes, the predecessor of subgraphs (`workflow>NAME`, `extra.groupNodes`).
//!
//! The editor still expands them, but the order in which a file keeps their values depends on the version that
//! wrote it, so a value can land in another widget. Nothing in the file tells; therefore they are refused.

use crate::{Error, ui::UiNode};

/// True for the type name of a group node.
pub(super) fn is_group_node(class_type: &str) -> bool {
    class_type.starts_with("workflow>") || class_type.starts_with("workflow/")
}

/// The error for a group node, which is not converted.
pub(super) fn refusal(node: &UiNode) -> Error {
    Error::new(format!(
        "node `{}` is the group node `{}`; the order of its saved values cannot be told from the file",
        node.id, node.class_type
    ))
    .node(&node.id)
    .hint("in ComfyUI, convert the group node to nodes or to a subgraph and save again, or export the API format")
}
