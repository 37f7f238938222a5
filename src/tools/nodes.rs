//! Node classes: which there are, and what one takes and gives.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Tool,
    node_entry::{self, NodeInfo, Part},
    params::{Names, Paging},
    shown::shown,
};
use crate::gate::Class;
use comfywarden_error::Error;
use comfywarden_policy::{NodeAudit, NodeFinding};
use comfywarden_workflow::{ObjectInfo, nearest};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// The longest class name that a result shows.
const MAX_NAME: usize = 200;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_list_nodes",
            Class::Read,
            "Installed nodes",
            "Lists the node classes of ComfyUI; query finds those with a word in their name. For one class \
             use comfyui_get_node_info.",
            list_nodes,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_node_info",
            Class::Read,
            "Node class",
            "Shows a node class: inputs with types, ranges, defaults and choices, and outputs. Long lists are \
             shortened; input shows one input whole.",
            get_node_info,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_audit_dangerous_nodes",
            Class::Read,
            "Audit of nodes",
            "Lists the installed node classes that run code, reach files or the network, or cost money, with \
             the reason.",
            audit_dangerous_nodes,
        )
        .hints(LOOK),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListNodes {
    /// Part of the class name
    #[serde(default)]
    #[schemars(length(max = 200))]
    query: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

async fn list_nodes(call: Call, params: ListNodes) -> Handled<Names> {
    let info = call.backend().object_info().await?;
    let wanted = nearest::fold(params.query.as_deref().unwrap_or_default());
    let fits = |name: &&str| wanted.is_empty() || nearest::fold(name).contains(&wanted);
    let mut names: Vec<&str> = info.names().iter().map(String::as_str).filter(fits).collect();
    names.sort_unstable();
    let (items, page) = params.paging.cut(names);
    let items = items.into_iter().map(|name| shown(name, MAX_NAME)).collect();
    Ok(Names { items, page }.into())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetNodeInfo {
    /// Class name, exactly as listed
    #[schemars(length(min = 1, max = 200))]
    node_class: String,
    /// Show only this input, with all its choices by page
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    input: Option<String>,
    /// Most choices, with input
    #[serde(default = "most_choices")]
    #[schemars(range(min = 1, max = 500))]
    limit: u32,
    /// Choices to skip, with input
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: u32,
}

fn most_choices() -> u32 {
    100
}

async fn get_node_info(call: Call, params: GetNodeInfo) -> Handled<NodeInfo> {
    let info = call.backend().object_info().await?;
    let text = info.raw(&params.node_class).ok_or_else(|| unknown(&params.node_class, &info))?;
    let part = params.input.map(|input| Part { input, limit: params.limit, offset: params.offset });
    Ok(super::Answer::from(node_entry::read(&params.node_class, text, part.as_ref())?).verbatim())
}

/// An unknown class, with the names it may have meant.
fn unknown(class: &str, info: &ObjectInfo) -> Error {
    let near = nearest::nearest(class, info.names().iter().map(String::as_str), 3);
    let hint = match near.as_slice() {
        [] => "comfyui_list_nodes lists what is installed".to_owned(),
        near => {
            let quoted: Vec<String> =
                near.iter().map(|name| format!("`{}`", shown(name, MAX_NAME))).collect();
            format!("did you mean {}? comfyui_list_nodes lists what is installed", quoted.join(" or "))
        }
    };
    Error::not_found(format!("no node class `{}` on this server", shown(class, MAX_NAME))).hint(hint)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditNodes {
    /// Most classes per list
    #[serde(default = "most_findings")]
    #[schemars(range(min = 1, max = 300))]
    limit: usize,
    /// Classes to skip per list
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: usize,
}

fn most_findings() -> usize {
    40
}

/// Findings, the worst first.
#[derive(Debug, Serialize, JsonSchema)]
struct Audited {
    total_nodes: usize,
    dangerous: Findings,
    suspicious: Findings,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Findings {
    /// All, also those not on this page
    count: usize,
    nodes: Vec<Flagged>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_more: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Flagged {
    class: String,
    reason: String,
}

impl Findings {
    fn page(mut found: Vec<NodeFinding>, params: &AuditNodes) -> Self {
        // Paid services are many; what could harm the host must not drown in them.
        found.sort_by_key(|finding| finding.only_paid);
        let count = found.len();
        let page = found.into_iter().skip(params.offset).take(params.limit);
        let nodes: Vec<Flagged> = page
            .map(|finding| Flagged { class: finding.class, reason: shown(&finding.reason, 600) })
            .collect();
        Self { has_more: params.offset.saturating_add(nodes.len()) < count, count, nodes }
    }
}

async fn audit_dangerous_nodes(call: Call, params: AuditNodes) -> Handled<Audited> {
    let info = call.backend().fresh_object_info().await?;
    let settings = Arc::clone(&call.settings);
    // Every class is read once after a change, which takes longer than other calls should wait.
    let audit = tokio::task::spawn_blocking(move || NodeAudit::of(&info, &settings.security))
        .await
        .map_err(|error| Error::internal("the audit was not made").source(error))?;
    Ok(Audited {
        total_nodes: audit.total_nodes,
        dangerous: Findings::page(audit.dangerous, &params),
        suspicious: Findings::page(audit.suspicious, &params),
    }
    .into())
}
