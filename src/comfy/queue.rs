//! The queue and the jobs: what runs, what waits, and the removal of what waits.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    Client, Error, HistoryEntry, Job, JobState, NodeFailure, PromptId, QueueItem, QueueSnapshot, Result,
    comfyui_words,
    endpoint::Endpoint,
    history::{RawEntry, RawStatus, read_failure},
    outputs,
    tolerant::{Object, UNREADABLE, no_scalars, or_default, skip_list, skip_object},
};
use comfywarden_error::JsonObject;

/// Time limit for asking whether anything listens.
const A_MOMENT: Duration = Duration::from_millis(500);

/// Knowledge of the server's `/api/jobs`, which older ones do not have.
#[derive(Debug, Default)]
pub(crate) struct JobsRoute {
    pub(super) missing: AtomicBool,
    cannot_cancel: AtomicBool,
}

impl JobsRoute {
    /// False once the server refused to cancel by this route.
    pub(crate) fn may_cancel(&self) -> bool {
        !self.missing.load(Ordering::Relaxed) && !self.cannot_cancel.load(Ordering::Relaxed)
    }

    pub(crate) fn cannot_cancel(&self) {
        self.cannot_cancel.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, Deserialize)]
struct RawLength {
    exec_info: RawExecInfo,
}

#[derive(Debug, Deserialize)]
struct RawExecInfo {
    queue_remaining: usize,
}

/// Answer of `/api/jobs/{id}`.
#[derive(Debug)]
pub(crate) enum JobAnswer {
    /// The job.
    Job(Box<Job>, Option<Box<HistoryEntry>>),
    /// The route exists and knows no such job.
    Unknown,
    /// The server has no such route.
    NoRoute,
}

impl Client {
    /// Gives the running and the waiting prompts.
    pub async fn queue(&self) -> Result<QueueSnapshot> {
        let raw: RawQueue = self.inner.transport.get_object(&Endpoint::Queue).await?;
        Ok(self.snapshot(raw))
    }

    /// Counts the jobs that run or wait. Costs a hundredth of [`Self::queue`], which brings their workflows along.
    pub async fn queue_length(&self) -> Result<usize> {
        let raw: RawLength = self.inner.transport.get_object(&Endpoint::QueueLength).await?;
        Ok(raw.exec_info.queue_remaining)
    }

    /// True unless nothing listens at ComfyUI's address. Asks once and waits a moment only: who does not answer may
    /// be busy.
    pub async fn listens(&self) -> bool {
        let endpoint = Endpoint::QueueLength;
        let asked = self.inner.transport.get_once(&endpoint, endpoint.answer_limit());
        !matches!(tokio::time::timeout(A_MOMENT, asked).await, Ok(Err(Error::Unreachable { .. })))
    }

    fn snapshot(&self, raw: RawQueue) -> QueueSnapshot {
        let ours = self.inner.feed.instance();
        let item = |raw: RawItem| QueueItem {
            ours: raw.extra.client_id.as_str().is_some_and(|name| name.starts_with(ours)),
            prompt_id: if raw.prompt_id.is_empty() { UNREADABLE.to_owned() } else { raw.prompt_id },
            number: raw.number,
            node_count: raw.nodes.0,
            create_time: raw.extra.create_time.as_u64(),
            mark: raw.extra.comfywarden_mark.as_str().map(str::to_owned),
        };
        QueueSnapshot {
            running: raw.queue_running.into_iter().map(item).collect(),
            pending: raw.queue_pending.into_iter().map(item).collect(),
        }
    }

    /// One job in any state. `None` when ComfyUI does not know the id.
    pub async fn job(&self, id: &PromptId) -> Result<Option<Job>> {
        match self.ask_job(id).await? {
            JobAnswer::Job(job, _) => return self.with_blocker(id, *job).await.map(Some),
            JobAnswer::Unknown => return Ok(self.removed_job(id)),
            JobAnswer::NoRoute => {}
        }
        if let Some(entry) = self.history(id).await? {
            return Ok(Some(Job::from_history(entry)));
        }
        let queue = self.queue().await?;
        let waiting = queue.pending.into_iter().map(|item| (item, JobState::Queued));
        let mut all = queue.running.into_iter().map(|item| (item, JobState::Running)).chain(waiting);
        let found = all.find(|(item, _)| item.prompt_id == id.as_str());
        if let Some((item, status)) = found {
            return Ok(Some(Job::from_queue(item, status)));
        }
        // It may have ended between the two looks.
        Ok(self.history(id).await?.map(Job::from_history).or_else(|| self.removed_job(id)))
    }

    /// True for a prompt that was taken out of the queue by this process before it ran.
    pub fn was_removed(&self, id: &PromptId) -> bool {
        self.inner.tracker.known(id).taken_out
    }

    /// ComfyUI forgets what is taken out of its queue, but we know that it was cancelled.
    fn removed_job(&self, id: &PromptId) -> Option<Job> {
        let state = self.was_removed(id).then_some(JobState::Cancelled)?;
        Some(Job { id: id.as_str().to_owned(), status: Some(state), ..Job::unreadable() })
    }

    /// ComfyUI calls a run with a blocked node a success. A job without outputs is looked up in history for that.
    async fn with_blocker(&self, id: &PromptId, mut job: Job) -> Result<Job> {
        if job.status != Some(JobState::Succeeded) {
            return Ok(job);
        }
        let mut blocked = self.inner.tracker.known(id).blocked;
        if blocked.is_none() && job.outputs.is_empty() {
            blocked = self.history(id).await?.and_then(|entry| entry.blocked);
        }
        job.error = job.error.or(blocked.map(NodeFailure::from));
        Ok(job)
    }

    /// Gives the silence of the worker of a running prompt, once it is long enough to call the prompt stalled.
    pub fn stalled_for(&self, id: &PromptId) -> Option<Duration> {
        let silence = self.inner.tracker.last_sign(id).elapsed();
        (silence >= self.inner.config.timing.stall_after).then_some(silence)
    }

    /// Asks `/api/jobs/{id}`; remembers when the route is missing.
    pub(super) async fn ask_job(&self, id: &PromptId) -> Result<JobAnswer> {
        if self.inner.jobs_route.missing.load(Ordering::Relaxed) {
            return Ok(JobAnswer::NoRoute);
        }
        let endpoint = Endpoint::Job(id);
        let answer = self.inner.transport.get(&endpoint).await?;
        if matches!(answer.status, 404 | 405) {
            // A missing route answers without a body, a missing job with `{"error": …}`.
            let known_route = serde_json::from_slice::<JsonObject>(&answer.body).is_ok();
            self.inner.jobs_route.missing.store(!known_route, Ordering::Relaxed);
            return Ok(if known_route { JobAnswer::Unknown } else { JobAnswer::NoRoute });
        }
        let raw: RawJob = answer.ok(&endpoint)?.object(&endpoint)?;
        let (job, entry) = raw.split();
        Ok(JobAnswer::Job(Box::new(job), entry.map(Box::new)))
    }

    /// Takes these prompts out of the queue. Running and unknown ids are left alone by ComfyUI.
    pub async fn delete_pending(&self, ids: &[PromptId]) -> Result<()> {
        let ids: Vec<&str> = ids.iter().map(PromptId::as_str).collect();
        self.change_queue(&json!({ "delete": ids })).await
    }

    /// Empties the queue; what runs goes on.
    pub async fn clear_pending(&self) -> Result<()> {
        let waiting = self.queue().await?.pending;
        self.change_queue(&json!({ "clear": true })).await?;
        for id in waiting.iter().filter_map(|item| PromptId::parse(&item.prompt_id).ok()) {
            self.inner.tracker.taken_out(&id);
        }
        Ok(())
    }

    /// Takes these prompts out of the queue, and knows from then on that they were cancelled.
    pub async fn take_out(&self, ids: &[PromptId]) -> Result<()> {
        let waiting = self.queue().await?.pending;
        self.delete_pending(ids).await?;
        for id in ids.iter().filter(|id| waiting.iter().any(|item| item.prompt_id == id.as_str())) {
            self.inner.tracker.taken_out(id);
        }
        Ok(())
    }

    async fn change_queue(&self, change: &Value) -> Result<()> {
        let endpoint = Endpoint::ChangeQueue;
        let answer = self.inner.transport.post(&endpoint, change.to_string().into()).await?;
        answer.ok(&endpoint).map(drop)
    }
}

impl Job {
    pub(super) fn from_history(entry: HistoryEntry) -> Self {
        Self {
            id: entry.prompt_id,
            status: Some(entry.state),
            priority: entry.number,
            create_time: entry.create_time,
            execution_start_time: entry.start_time,
            execution_end_time: entry.end_time,
            outputs_count: u64::try_from(entry.outputs.len()).ok(),
            workflow_id: None,
            preview_output: entry.outputs.first().cloned(),
            outputs: entry.outputs,
            error: entry.failure.or(entry.blocked.map(NodeFailure::from)),
        }
    }

    /// Stands for an entry of a list that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self {
            id: UNREADABLE.to_owned(),
            status: None,
            priority: None,
            create_time: None,
            execution_start_time: None,
            execution_end_time: None,
            outputs_count: None,
            workflow_id: None,
            preview_output: None,
            outputs: Vec::new(),
            error: None,
        }
    }

    pub(super) fn from_queue(item: QueueItem, state: JobState) -> Self {
        Self {
            id: item.prompt_id,
            status: Some(state),
            priority: Some(item.number),
            create_time: item.create_time,
            ..Self::unreadable()
        }
    }
}

#[derive(Debug, Deserialize)]
struct RawQueue {
    queue_running: Vec<RawItem>,
    queue_pending: Vec<RawItem>,
}

/// `[number, prompt_id, graph, extra_data, …]`, with the graph counted and not kept.
#[derive(Debug, Default)]
pub(super) struct RawItem {
    number: f64,
    pub(super) prompt_id: String,
    nodes: NodeCount,
    pub(super) extra: RawExtra,
}

/// Fields that other clients write with any type; an odd one must not cost us the rest of the queue.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawExtra {
    client_id: Value,
    pub(super) create_time: Value,
    /// See [`super::prompt::MARK`].
    pub(super) comfywarden_mark: Value,
}

#[derive(Debug, Default)]
struct NodeCount(usize);

impl<'de> Deserialize<'de> for RawItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = RawItem;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a queue entry [number, prompt_id, graph, extra_data, …]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawItem, A::Error> {
                let item = RawItem {
                    number: seq.next_element::<Value>()?.and_then(|value| value.as_f64()).unwrap_or_default(),
                    prompt_id: match seq.next_element::<Value>()? {
                        Some(Value::String(id)) => id,
                        _ => String::new(),
                    },
                    nodes: seq.next_element()?.unwrap_or_default(),
                    extra: seq
                        .next_element::<Object<RawExtra>>()?
                        .and_then(|extra| extra.0)
                        .unwrap_or_default(),
                };
                skip_list(seq)?;
                Ok(item)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawItem, A::Error> {
                skip_object(map).map(|()| RawItem::default())
            }

            no_scalars!(RawItem::default());
        }
        deserializer.deserialize_any(Items)
    }
}

impl<'de> Deserialize<'de> for NodeCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Nodes;
        impl<'de> Visitor<'de> for Nodes {
            type Value = NodeCount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a graph {node_id: node}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeCount, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(NodeCount(count))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<NodeCount, A::Error> {
                skip_list(seq).map(|()| NodeCount::default())
            }

            no_scalars!(NodeCount::default());
        }
        deserializer.deserialize_any(Nodes)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct RawJob {
    id: String,
    #[serde(deserialize_with = "comfyui_words::deserialize")]
    status: Option<JobState>,
    #[serde(default, deserialize_with = "or_default")]
    priority: Option<f64>,
    #[serde(default, deserialize_with = "or_default")]
    create_time: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    execution_start_time: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    execution_end_time: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    execution_error: Option<JsonObject>,
    #[serde(default, deserialize_with = "or_default")]
    outputs_count: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    workflow_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    preview_output: Option<JsonObject>,
    #[serde(default, deserialize_with = "or_default")]
    outputs: Option<JsonObject>,
    #[serde(default, deserialize_with = "or_default")]
    execution_status: Option<RawStatus>,
}

impl RawJob {
    /// The job, and what history would say of it, where the answer holds that.
    pub(super) fn split(self) -> (Job, Option<HistoryEntry>) {
        let preview = self.preview_output.and_then(|entry| {
            let node = entry.get("nodeId").and_then(Value::as_str).unwrap_or_default().to_owned();
            outputs::read_file(&node, &entry)
        });
        let job = Job {
            status: self.status,
            priority: self.priority,
            create_time: self.create_time,
            execution_start_time: self.execution_start_time,
            execution_end_time: self.execution_end_time,
            outputs_count: self.outputs_count,
            workflow_id: self.workflow_id,
            preview_output: preview,
            outputs: self.outputs.as_ref().map(outputs::read).unwrap_or_default(),
            error: self.execution_error.as_ref().map(|data| -> NodeFailure { read_failure(data) }),
            id: self.id,
        };
        let entry = match (self.outputs, self.execution_status) {
            (Some(outputs), Some(status)) if job.status.is_some_and(JobState::is_terminal) => {
                Some(RawEntry::from_job(outputs, status).entry(&job.id))
            }
            _ => None,
        };
        (job, entry)
    }
}

#[cfg(test)]
mod tests;
