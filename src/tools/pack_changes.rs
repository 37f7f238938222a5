//! Node packs installed, removed and updated: code that runs on the server, so that the user is asked first.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, Change as News, Handled, Hints, Tool,
    packs::manager,
    restart::{self, Restart},
};
use crate::{
    comfy::{InstalledPack, Manager, ManagerTask, TaskEnd},
    gate::Class,
};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::display;
use comfywarden_workflow::nearest::did_you_mean;

const CHANGE: Hints = Hints { read_only: false, destructive: true, idempotent: false, open_world: true };
/// Time limit for the Manager.
const MAX_WAIT: Duration = Duration::from_mins(5);

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_install_custom_node",
            Class::Admin,
            "Install a node pack",
            "Installs a node pack of the registry: code that runs on the server, so the user is asked. Its \
             nodes come with the next restart.",
            install,
        )
        .hints(CHANGE),
        Tool::new(
            "comfyui_uninstall_custom_node",
            Class::Admin,
            "Remove a node pack",
            "Removes an installed node pack; the user is asked. Its nodes go with the next restart.",
            uninstall,
        )
        .hints(CHANGE),
        Tool::new(
            "comfyui_update_custom_node",
            Class::Admin,
            "Update a node pack",
            "Brings an installed node pack up to date; the user is asked. It counts from the next restart on.",
            update,
        )
        .hints(CHANGE),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Install {
    /// Id from comfyui_search_custom_nodes
    #[schemars(length(min = 1, max = 200))]
    node_id: String,
    /// A version, or nightly; empty = latest
    #[serde(default)]
    #[schemars(length(max = 100))]
    version: String,
    /// Restart ComfyUI if its queue is empty
    #[serde(default)]
    restart: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OnePack {
    /// Id or folder of an installed pack
    #[schemars(length(min = 1, max = 200))]
    node_id: String,
    /// Restart ComfyUI if its queue is empty
    #[serde(default)]
    restart: bool,
}

/// Outcome of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum PackStatus {
    Done,
    Unchanged,
    Running,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Changed {
    status: PackStatus,
    /// One sentence
    result: String,
    node_id: String,
    /// As the Manager lists it now
    #[serde(skip_serializing_if = "Option::is_none")]
    installed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    restart: Restart,
    /// Classes that came with the restart
    #[serde(skip_serializing_if = "Vec::is_empty")]
    new_nodes: Vec<String>,
    /// What the node audit says of them
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The three ways to change what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Install,
    Uninstall,
    Update,
}

impl Verb {
    fn doing(self) -> &'static str {
        match self {
            Self::Install => "installing",
            Self::Uninstall => "uninstalling",
            Self::Update => "updating",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Install => "is installed",
            Self::Uninstall => "is removed",
            Self::Update => "is up to date",
        }
    }
}

async fn install(call: Call, params: Install) -> Handled<Changed> {
    let id = pack_id(&params.node_id)?;
    let version = version(&params.version)?;
    let manager = manager(&call).await?;
    let question = format!(
        "Install the node pack `{id}` ({version}) on the ComfyUI server? Its code, and the Python packages it \
         asks for, will run on that machine.{}",
        and_restart(params.restart)
    );
    call.confirm_admin(&question, &format!("{id}\n{version}\n{}", params.restart))?;
    let task = ManagerTask::Install { id: id.to_owned(), version: version.to_owned() };
    change(&call, &manager, Verb::Install, id, task, params.restart).await
}

async fn uninstall(call: Call, params: OnePack) -> Handled<Changed> {
    let (manager, pack) = installed(&call, &params.node_id).await?;
    let question = format!(
        "Remove the node pack `{}` ({}) from the ComfyUI server? Its folder is deleted.{}",
        pack.name,
        pack.version,
        and_restart(params.restart)
    );
    call.confirm_admin(&question, &format!("{}\n{}\n{}", pack.name, pack.version, params.restart))?;
    let unknown = pack.registry_id.is_none();
    let task = ManagerTask::Uninstall { name: name_of(&pack), version: pack.version.clone(), unknown };
    change(&call, &manager, Verb::Uninstall, &pack.name, task, params.restart).await
}

async fn update(call: Call, params: OnePack) -> Handled<Changed> {
    let (manager, pack) = installed(&call, &params.node_id).await?;
    let question = format!(
        "Update the node pack `{}` (now {}) on the ComfyUI server? Its new code, and the Python packages it \
         asks for, will run on that machine.{}",
        pack.name,
        pack.version,
        and_restart(params.restart)
    );
    call.confirm_admin(&question, &format!("{}\n{}\n{}", pack.name, pack.version, params.restart))?;
    let task = ManagerTask::Update { name: name_of(&pack), version: pack.version.clone() };
    change(&call, &manager, Verb::Update, &pack.name, task, params.restart).await
}

fn and_restart(restart: bool) -> &'static str {
    if restart { " Afterwards ComfyUI restarts, and its history is lost." } else { "" }
}

/// The registry's id where it has one, else the folder.
fn name_of(pack: &InstalledPack) -> String {
    pack.registry_id.clone().unwrap_or_else(|| pack.name.clone())
}

/// A name, and no address, path or version: those would let the Manager fetch or delete something else.
fn pack_id(text: &str) -> Result<&str> {
    let text = text.trim();
    let refuse = |why: &str| {
        Err(Error::invalid_input(format!("`node_id`: {why}"))
            .hint("give an id that comfyui_search_custom_nodes shows, such as comfyui-impact-pack")
            .detail("field", "node_id"))
    };
    if text.contains("://") {
        return refuse(
            "packs are installed by their id in the registry, not from an address; where the search shows an \
             address, the pack is not in the registry, or the Manager could not read it",
        );
    }
    let plain = |c: char| c.is_alphanumeric() || "._- ()+".contains(c);
    if text.is_empty() || !text.chars().all(plain) || text.starts_with('.') || text.contains("..") {
        return refuse("it is not the id of a pack");
    }
    Ok(text)
}

fn version(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok("latest");
    }
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c)) {
        return Ok(text);
    }
    Err(Error::invalid_input("`version` is not a version")
        .hint("give one such as 1.2.0, or nightly, or nothing for the latest")
        .detail("field", "version"))
}

async fn installed(call: &Call, node_id: &str) -> Result<(Manager, InstalledPack)> {
    let id = pack_id(node_id)?;
    let manager = manager(call).await?;
    let packs = call.backend().installed_packs(&manager).await?;
    if let Some(pack) = packs.iter().find(|pack| pack.is(id)) {
        return Ok((manager, pack.clone()));
    }
    let error = Error::not_found(format!("ComfyUI-Manager lists no installed node pack `{id}`"));
    let near = did_you_mean(id, packs.iter().map(|pack| pack.name.as_str()));
    Err(error.hint(near.unwrap_or_else(|| "comfyui_search_custom_nodes shows what is installed".into())))
}

/// Queues the task, waits for its end, asks the Manager what is there now, and restarts where that was asked for.
async fn change(
    call: &Call,
    manager: &Manager,
    verb: Verb,
    id: &str,
    task: ManagerTask,
    with_restart: bool,
) -> Handled<Changed> {
    let before = if with_restart { call.backend().object_info().await.ok() } else { None };
    call.trail
        .event(verb.doing(), restart::fields(&[("node_id", json!(id)), ("restart", json!(with_restart))]))
        .await?;
    call.progress.report(1.0, format!("{} {id}", verb.doing()));
    let looks = AtomicU32::new(1);
    let end = call
        .backend()
        .run_task(manager, &task, MAX_WAIT, |_| {
            let looked = looks.fetch_add(1, Ordering::Relaxed);
            call.progress.report(f64::from(looked.min(80)), format!("{} {id}", verb.doing()));
        })
        .await?;
    let now = call.backend().installed_packs(manager).await.ok();
    let here = now.iter().flatten().find(|pack| pack.is(id));
    let listed = now.as_ref().map(|_| here.is_some());
    let mut changed = Changed {
        status: settle(verb, id, &end, listed)?,
        result: String::new(),
        node_id: id.to_owned(),
        installed: listed,
        version: here.map(|pack| display::sanitize(&pack.version).into_owned()),
        restart: Restart::NotAsked,
        new_nodes: Vec::new(),
        warnings: Vec::new(),
        next: None,
    };
    if changed.status == PackStatus::Running {
        changed.result = format!("{} `{id}` takes longer than 5 minutes and goes on", verb.doing());
        changed.next = Some("ask comfyui_get_custom_node_status; restart ComfyUI when nothing runs".into());
        return Ok(changed.into());
    }
    call.backend().forget_object_info().await;
    changed.result = match changed.status {
        PackStatus::Unchanged => format!("`{id}` was so already; nothing changed"),
        _ => format!("`{id}` {}", verb.done()),
    };
    if with_restart {
        let after = restart::restart(call, manager).await?;
        changed.restart = after.state;
        changed.next = after.next;
        if let Restart::Done = after.state {
            changed.result = format!("{}; ComfyUI was restarted in {} s", changed.result, after.seconds);
        }
        if let (Restart::Done, Some(before)) = (after.state, before) {
            let found = restart::look_at_new_nodes(call, &before, verb != Verb::Uninstall).await?;
            (changed.new_nodes, changed.warnings) = (found.classes, found.warnings);
        }
    } else if changed.status == PackStatus::Done {
        changed.next = Some("it counts from the next restart of ComfyUI on".into());
    }
    call.changes.announce(News::Resource("comfyui://nodes/installed".into()));
    call.progress.finish(changed.result.clone());
    Ok(changed.into())
}

/// Compares the Manager's report of the task with what it lists.
fn settle(verb: Verb, id: &str, end: &TaskEnd, listed: Option<bool>) -> Result<PackStatus> {
    let failed = |why: &str| {
        Err(Error::new(Kind::Upstream, format!("{} `{id}` failed: {why}", verb.doing())).hint(match verb {
            Verb::Install => "check the id with comfyui_search_custom_nodes; the log of ComfyUI says more",
            Verb::Uninstall | Verb::Update => "the log of ComfyUI says more",
        }))
    };
    let as_wished = listed.map(|listed| listed == (verb != Verb::Uninstall));
    match (end, as_wished) {
        (TaskEnd::Running, _) => Ok(PackStatus::Running),
        (TaskEnd::Failed(why), _) => failed(why),
        (TaskEnd::Done | TaskEnd::Skipped, Some(false)) => {
            failed("the Manager calls it a success, but its list of installed packs says otherwise")
        }
        (TaskEnd::Over, None | Some(false)) => failed("the Manager does not say why; its log does"),
        // An update that is over without a word may have changed nothing.
        (TaskEnd::Over, Some(true)) if verb == Verb::Update => Ok(PackStatus::Unchanged),
        (TaskEnd::Skipped, _) => Ok(PackStatus::Unchanged),
        (TaskEnd::Done | TaskEnd::Over, _) => Ok(PackStatus::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_and_nothing_else() {
        for id in ["comfyui-impact-pack", "ComfyUI_Essentials", "Node Pack (beta)"] {
            assert_eq!(pack_id(id).unwrap(), id);
        }
        for id in ["https://github.com/a/b", "a/b", "..", "a@1.0", ".hidden", "x\ny", "a;b", "  "] {
            assert_eq!(pack_id(id).unwrap_err().kind(), Kind::InvalidInput, "{id}");
        }
        assert_eq!(version(" ").unwrap(), "latest");
        assert!(version("1.0; rm").is_err() && version("1.2.0-beta+3").is_ok());
    }

    #[test]
    fn a_success_that_left_nothing_behind_is_a_failure() {
        let told = |verb, end: TaskEnd, listed| settle(verb, "x", &end, listed).map_err(|error| error.kind());
        assert_eq!(told(Verb::Install, TaskEnd::Done, Some(false)), Err(Kind::Upstream));
        assert_eq!(told(Verb::Uninstall, TaskEnd::Done, Some(true)), Err(Kind::Upstream));
        assert_eq!(told(Verb::Install, TaskEnd::Failed("no".into()), Some(true)), Err(Kind::Upstream));
        assert_eq!(told(Verb::Install, TaskEnd::Over, Some(true)), Ok(PackStatus::Done));
        assert_eq!(told(Verb::Install, TaskEnd::Over, None), Err(Kind::Upstream));
        assert_eq!(told(Verb::Uninstall, TaskEnd::Skipped, Some(false)), Ok(PackStatus::Unchanged));
    }
}
