//! Changes a workflow by operations that apply all together or not at all.

mod apply;
mod operation;
mod rewire;

use serde::Serialize;
use serde_json::Value;

use super::check::cycles;
use super::{Error, ObjectInfo, Result, Workflow};

pub use operation::Operation;

/// The most operations in one call.
pub const MAX_OPERATIONS: usize = 500;

/// The kinds of changes that an operation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new node.
    NodeAdded,
    /// A node is gone.
    NodeRemoved,
    /// Another class runs in its place.
    NodeReplaced,
    /// An input has another value.
    InputSet,
    /// An input takes another node's output.
    InputConnected,
    /// An input is gone.
    InputRemoved,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Change {
    /// The index of the operation that made it, from 0.
    pub operation: usize,
    /// The kind of change.
    pub change: ChangeKind,
    /// The node concerned.
    pub node_id: String,
    /// Its class, for nodes that came, went or were replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_type: Option<String>,
    /// The input concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The value before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Applies `operations` in order, on a copy: `workflow` changes only when all of them succeed.
///
/// With `object_info`, classes, inputs, outputs and the types of links are checked. Never leaves a link to
/// a node that does not exist, nor a cycle, that was not there before.
pub fn apply(
    workflow: &mut Workflow,
    operations: &[Operation],
    object_info: Option<&ObjectInfo>,
) -> Result<Vec<Change>> {
    if operations.len() > MAX_OPERATIONS {
        return Err(Error::new(format!(
            "{} operations; at most {MAX_OPERATIONS} are accepted in one call",
            operations.len()
        ))
        .hint("split them over several calls"));
    }
    let mut editor = apply::Editor::new(workflow.clone(), object_info);
    for (index, operation) in operations.iter().enumerate() {
        editor.begin(index);
        editor.run(operation).map_err(|error| located(index, operation, &error))?;
    }
    for (index, operation) in operations.iter().enumerate() {
        editor.dangling(index).map_or(Ok(()), |error| Err(located(index, operation, &error)))?;
    }
    if has_circle(&editor.workflow) && !has_circle(workflow) {
        return Err(Error::new("the operations make nodes feed each other in a circle")
            .hint("look at the links in the inputs of the nodes that are added"));
    }
    *workflow = editor.workflow;
    Ok(editor.changes)
}

fn located(index: usize, operation: &Operation, error: &Error) -> Error {
    let mut located = Error::new(format!("operation {index} ({}): {error}", operation.name()));
    if let Some(hint) = error.hint_text() {
        located = located.hint(hint);
    }
    match error.node_id() {
        Some(node) => located.node(node),
        None => located,
    }
}

fn has_circle(workflow: &Workflow) -> bool {
    let links: Vec<(&str, Vec<super::Link>)> = workflow
        .iter()
        .map(|(id, node)| (id.as_str(), node.links().map(|(_, link)| link).collect()))
        .collect();
    let edges = links
        .iter()
        .map(|(id, links)| (*id, links.iter().map(|link| link.node_id.as_str()).collect()))
        .collect();
    !cycles::find(workflow.iter().map(|(id, _)| id.as_str()), &edges, 1).is_empty()
}

#[cfg(test)]
mod tests;
