//! A restart of ComfyUI after a change of its node packs, and a look at the nodes that came with it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::Call;
use crate::comfy::{Manager, Restarted};
use comfywarden_error::{JsonObject, Result};
use comfywarden_policy::{display, node_audit::NodeAudit};
use comfywarden_workflow::ObjectInfo;

/// Maximum number of classes and findings that are listed.
const MAX_ENTRIES: usize = 20;

/// Outcome of the restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Restart {
    NotAsked,
    Done,
    Deferred,
    Refused,
    Failed,
}

/// Outcome of the restart, and the next step.
#[derive(Debug)]
pub(super) struct After {
    pub(super) state: Restart,
    pub(super) seconds: u64,
    pub(super) next: Option<String>,
}

/// The classes that came, and what the audit says of them.
#[derive(Debug, Default)]
pub(super) struct NewNodes {
    pub(super) classes: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Restarts ComfyUI unless that would end somebody's job.
pub(super) async fn restart(call: &Call, manager: &Manager) -> Result<After> {
    let after = |state, seconds, next: Option<&str>| After { state, seconds, next: next.map(str::to_owned) };
    let queue = call.backend().queue().await?;
    let jobs = queue.running.len() + queue.pending.len();
    if jobs > 0 {
        let next = format!("{jobs} jobs run or wait: restart ComfyUI when comfyui_get_queue is empty");
        return Ok(after(Restart::Deferred, 0, Some(&next)));
    }
    call.trail.event("reboot_initiated", JsonObject::new()).await?;
    call.progress.report(85.0, "ComfyUI restarts");
    Ok(match call.backend().restart(manager).await {
        Ok(Restarted::Back(time)) => after(Restart::Done, time.as_secs(), None),
        Ok(Restarted::Refused) => {
            let next = "the Manager's security level forbids a restart: restart ComfyUI by hand";
            after(Restart::Refused, 0, Some(next))
        }
        Ok(Restarted::Away) | Err(_) => {
            let next = "ComfyUI does not answer after its restart: look at its log and start it by hand";
            after(Restart::Failed, 0, Some(next))
        }
    })
}

/// The classes that are there now and were not before, from fresh data. With `audited` also what the node audit
/// says now and did not say before, which covers a class that an update changed.
pub(super) async fn look_at_new_nodes(call: &Call, before: &ObjectInfo, audited: bool) -> Result<NewNodes> {
    let now = call.backend().object_info().await?;
    let new = || now.names().iter().filter(|class| !before.contains(class));
    let mut found = NewNodes::default();
    if audited {
        let security = &call.settings.security;
        let (then, today) = (NodeAudit::of(before, security), NodeAudit::of(&now, security));
        let dangerous = today.dangerous.iter().filter(|finding| !then.dangerous.contains(finding));
        let suspicious = today.suspicious.iter().filter(|finding| !then.suspicious.contains(finding));
        found.warnings = dangerous
            .map(|finding| format!("Dangerous node type: {} ({})", finding.class, finding.reason))
            .chain(
                suspicious.map(|finding| format!("Look at node type {}: {}", finding.class, finding.reason)),
            )
            .take(MAX_ENTRIES)
            .collect();
    }
    found.classes = new().take(MAX_ENTRIES).map(|class| display::sanitize(class).into_owned()).collect();
    let noted = fields(&[("new_nodes", json!(new().count())), ("warnings", json!(found.warnings))]);
    call.trail.event("post_restart_audit", noted).await?;
    Ok(found)
}

/// Fields of an audit record.
pub(super) fn fields(pairs: &[(&str, Value)]) -> JsonObject {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}
