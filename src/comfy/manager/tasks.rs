//! The Manager's queue: put one task in, start it, and find out what became of it.
//!
//! The Manager tells the outcome once, to the socket that the task names, and keeps it in a file per batch. The
//! socket is the quick way, the file the sure one; `completed: true` says only that it is over.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{Dialect, Manager, ManagerRoute, route::Action};
use crate::comfy::{
    Client, ClientId, Error, Result, endpoint::Endpoint, http::Answer, socket::Socket, tolerant, trim,
};

/// Limit for batches that are searched for a task.
const BATCHES: usize = 5;
/// Time limit for finding the outcome of a task that is over. The Manager writes it four seconds after the last task.
const LOOK_FOR_OUTCOME: Duration = Duration::from_secs(12);

/// Task for the Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManagerTask {
    /// Installs a pack of the default channel.
    Install {
        /// Its id in the registry.
        id: String,
        /// A version, `latest` or `nightly`.
        version: String,
    },
    /// Removes a pack.
    Uninstall {
        /// Its id or folder.
        name: String,
        /// The version that is installed.
        version: String,
        /// True when the registry does not know it.
        unknown: bool,
    },
    /// Brings a pack up to date.
    Update {
        /// Its id or folder.
        name: String,
        /// The version that is installed.
        version: String,
    },
    /// Downloads a model.
    Model {
        /// The folder.
        folder: String,
        /// The file's name there.
        filename: String,
        /// Address of the file.
        url: String,
    },
}

/// A task in the Manager's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTask {
    /// Its own id.
    pub id: String,
    /// Under which name it was queued; no other task has the same.
    pub(crate) client: ClientId,
}

impl QueuedTask {
    /// The task that was queued under this id, perhaps before this process began.
    pub fn under(id: String) -> Self {
        let client = ClientId::for_task(&id);
        Self { id, client }
    }
}

/// Outcome of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// It did what it should.
    Done,
    /// There was nothing to do.
    Skipped,
    /// It failed, with the Manager's words.
    Failed(String),
    /// It is over, and the Manager does not tell how.
    Over,
    /// It still runs or waits.
    Running,
}

/// The counts of the Manager's queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(default)]
pub struct QueueCounts {
    /// Running and waiting.
    pub total_count: u64,
    /// Over, failed ones included.
    pub done_count: u64,
    /// Running.
    pub in_progress_count: u64,
    /// Waiting.
    pub pending_count: u64,
    /// The worker is awake, which lags a few seconds.
    pub is_processing: bool,
}

impl Client {
    /// The counts of the whole queue.
    pub async fn manager_queue(&self, manager: &Manager) -> Result<QueueCounts> {
        self.counts(manager, "").await
    }

    /// Puts a task in the queue and starts it, without waiting.
    pub async fn queue_task(&self, manager: &Manager, task: &ManagerTask) -> Result<QueuedTask> {
        let queued = fresh();
        self.put_task(manager, task, &queued).await?;
        Ok(queued)
    }

    /// Runs a task and waits up to `limit` for its end. `looked` is called at each look.
    pub async fn run_task(
        &self,
        manager: &Manager,
        task: &ManagerTask,
        limit: Duration,
        looked: impl Fn(QueueCounts) + Send,
    ) -> Result<TaskEnd> {
        let deadline = Instant::now() + limit;
        let queued = fresh();
        let mut socket = Socket::open(&self.inner.transport, &queued.client).await.ok();
        self.put_task(manager, task, &queued).await?;
        loop {
            if let Some(end) = self.told(&mut socket, &queued).await {
                return Ok(end);
            }
            // A failed look leaves the question open.
            if let Ok(counts) = self.counts_of(manager, &queued).await {
                looked(counts);
                if over(manager, counts) {
                    return self.outcome(manager, &queued, &mut socket).await;
                }
                if counts.pending_count > 0 && counts.in_progress_count == 0 {
                    // A worker that was about to go to sleep does not see what came in the meantime.
                    drop(self.start(manager).await);
                }
            }
            if Instant::now() >= deadline {
                return Ok(TaskEnd::Running);
            }
        }
    }

    /// Looks at a task that was queued before.
    pub async fn task_state(&self, manager: &Manager, queued: &QueuedTask) -> Result<TaskEnd> {
        if !over(manager, self.counts_of(manager, queued).await?) {
            return Ok(TaskEnd::Running);
        }
        Ok(self.written(manager, queued).await?.unwrap_or(TaskEnd::Over))
    }

    async fn put_task(&self, manager: &Manager, task: &ManagerTask, queued: &QueuedTask) -> Result<()> {
        let (route, body) = match manager.dialect {
            Dialect::Tasks => (ManagerRoute::Task, task.as_task(queued)),
            Dialect::Actions | Dialect::OldActions => task.as_action(queued),
        };
        let endpoint = manager.endpoint(route);
        let answer = self.inner.transport.post(&endpoint, body.to_string().into()).await?;
        accepted(answer, &endpoint)?;
        self.start(manager).await
    }

    /// A GET that changes something is sent once.
    async fn start(&self, manager: &Manager) -> Result<()> {
        let endpoint = manager.endpoint(ManagerRoute::Start);
        let answer = self.inner.transport.get_once(&endpoint, endpoint.answer_limit()).await?;
        accepted(answer, &endpoint)
    }

    async fn counts_of(&self, manager: &Manager, queued: &QueuedTask) -> Result<QueueCounts> {
        match manager.dialect {
            Dialect::Tasks => self.counts(manager, queued.client.as_str()).await,
            Dialect::Actions | Dialect::OldActions => self.counts(manager, "").await,
        }
    }

    async fn counts(&self, manager: &Manager, client: &str) -> Result<QueueCounts> {
        let endpoint = manager.endpoint(ManagerRoute::Status(client));
        let mut counts: QueueCounts = self.inner.transport.get_object(&endpoint).await?;
        if manager.dialect != Dialect::Tasks {
            // The older interfaces count all tasks of a batch as total, and do not tell what waits.
            let over = counts.done_count + counts.in_progress_count;
            counts.pending_count = counts.total_count.saturating_sub(over);
        }
        Ok(counts)
    }

    /// Reads what the socket tells about the task until the next look is due.
    async fn told(&self, socket: &mut Option<Socket>, queued: &QueuedTask) -> Option<TaskEnd> {
        let due = Instant::now() + self.inner.config.timing.manager_poll;
        while let Some(open) = socket {
            match tokio::time::timeout_at(due, open.next()).await {
                Ok(Some(Message::Text(text))) => {
                    if let Some(end) = read_frame(&text, &queued.id) {
                        return Some(end);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => *socket = None,
                Err(_) => return None,
            }
        }
        tokio::time::sleep_until(due).await;
        None
    }

    /// The task is over: finds out how it ended.
    async fn outcome(
        &self,
        manager: &Manager,
        queued: &QueuedTask,
        socket: &mut Option<Socket>,
    ) -> Result<TaskEnd> {
        let deadline = Instant::now() + LOOK_FOR_OUTCOME;
        loop {
            if let Some(end) = self.told(socket, queued).await {
                return Ok(end);
            }
            if let Ok(Some(end)) = self.written(manager, queued).await {
                return Ok(end);
            }
            if Instant::now() >= deadline || manager.dialect != Dialect::Tasks {
                return Ok(TaskEnd::Over);
            }
        }
    }

    /// The outcome as the Manager wrote it down.
    async fn written(&self, manager: &Manager, queued: &QueuedTask) -> Result<Option<TaskEnd>> {
        if manager.dialect != Dialect::Tasks {
            return Ok(None);
        }
        let batches: Batches =
            self.inner.transport.get_json(&manager.endpoint(ManagerRoute::Histories)).await?;
        for id in batches.ids.iter().take(BATCHES) {
            let batch: Batch =
                self.inner.transport.get_json(&manager.endpoint(ManagerRoute::History(id))).await?;
            let ours = batch.operations.into_iter().find(|operation| operation.operation_id == queued.id);
            if let Some(operation) = ours {
                return Ok(Some(match operation.result.as_str() {
                    "success" => TaskEnd::Done,
                    "skipped" => TaskEnd::Skipped,
                    _ => TaskEnd::Failed("the Manager does not say why; its log does".into()),
                }));
            }
        }
        Ok(None)
    }
}

#[derive(Debug, Deserialize)]
struct Batches {
    ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    operation_id: String,
    #[serde(default)]
    result: String,
}

fn fresh() -> QueuedTask {
    let id = uuid::Uuid::new_v4().to_string();
    let client = ClientId::for_task(&id);
    QueuedTask { id, client }
}

fn over(manager: &Manager, counts: QueueCounts) -> bool {
    let idle = counts.pending_count == 0 && counts.in_progress_count == 0;
    match manager.dialect {
        Dialect::Tasks => idle && counts.done_count > 0,
        Dialect::Actions | Dialect::OldActions => idle && !counts.is_processing,
    }
}

/// The Manager answers its own refusals with 400, 403 or 404 and a sentence.
fn accepted(answer: Answer, endpoint: &Endpoint<'_>) -> Result<()> {
    match answer.status {
        403 => Err(Error::Refused {
            what: endpoint.name(),
            text: "its security level does not allow it; the operator sets `security_level` in the Manager's config.ini"
                .into(),
        }),
        400 | 404 => {
            let text = String::from_utf8_lossy(answer.body.get(..300.min(answer.body.len())).unwrap_or_default());
            Err(Error::Refused { what: endpoint.name(), text: trim::message(&text) })
        }
        _ => answer.ok(endpoint).map(drop),
    }
}

/// The end of our task in a frame of the socket.
fn read_frame(frame: &str, id: &str) -> Option<TaskEnd> {
    let frame: Value = tolerant::from_slice(frame.as_bytes()).ok()?;
    let data = frame.get("data")?;
    match frame.get("type")?.as_str()? {
        "cm-task-completed" if data.get("ui_id")?.as_str()? == id => {
            let status = data.get("status").filter(|status| !status.is_null());
            let word = status.and_then(|status| status.get("status_str")).and_then(Value::as_str);
            let message = status.and_then(|status| status.pointer("/messages/0")).and_then(Value::as_str);
            let result = data.get("result").and_then(Value::as_str);
            Some(read_end(word.or(result)?, message.or(result)))
        }
        "cm-queue-status" => ["nodepack_result", "model_result"].iter().find_map(|results| {
            let result = data.get(results)?.get(id)?.as_str()?;
            Some(read_end(result, Some(result)))
        }),
        _ => None,
    }
}

fn read_end(word: &str, message: Option<&str>) -> TaskEnd {
    match word {
        "success" => TaskEnd::Done,
        "skip" | "skipped" => TaskEnd::Skipped,
        _ => TaskEnd::Failed(trim::message(message.unwrap_or(word))),
    }
}

impl ManagerTask {
    fn as_task(&self, queued: &QueuedTask) -> Value {
        let (kind, params) = match self {
            Self::Install { id, version } => (
                "install",
                json!({"id": id, "version": version, "selected_version": version, "mode": "remote", "channel": "default"}),
            ),
            Self::Uninstall { name, unknown, .. } => {
                ("uninstall", json!({"node_name": name, "is_unknown": unknown}))
            }
            Self::Update { name, .. } => ("update", json!({"node_name": name, "node_ver": null})),
            Self::Model { folder, filename, url } => ("install-model", model(folder, filename, url, queued)),
        };
        json!({"ui_id": queued.id, "client_id": queued.client.as_str(), "kind": kind, "params": params})
    }

    fn as_action(&self, queued: &QueuedTask) -> (ManagerRoute<'static>, Value) {
        let (action, mut body) = match self {
            Self::Install { id, version } => (
                Action::Install,
                json!({"id": id, "version": version, "selected_version": version, "mode": "remote",
                    "channel": "default", "skip_post_install": false}),
            ),
            Self::Uninstall { name, unknown: true, .. } => {
                (Action::Uninstall, json!({"id": name, "version": "unknown", "files": [name]}))
            }
            Self::Uninstall { name, version, .. } => {
                (Action::Uninstall, json!({"id": name, "version": version}))
            }
            Self::Update { name, version } => (Action::Update, json!({"id": name, "version": version})),
            Self::Model { folder, filename, url } => {
                (Action::InstallModel, model(folder, filename, url, queued))
            }
        };
        if let Some(body) = body.as_object_mut() {
            body.extend(Map::from_iter([("ui_id".to_owned(), json!(queued.id))]));
        }
        (ManagerRoute::Action(action), body)
    }
}

fn model(folder: &str, filename: &str, url: &str, queued: &QueuedTask) -> Value {
    json!({"name": filename, "type": folder, "base": "", "save_path": folder, "url": url, "filename": filename,
        "reference": "", "description": "", "size": "", "ui_id": queued.id, "client_id": queued.client.as_str()})
}

#[cfg(test)]
mod tests;
