//! Stopping prompts, and finding out whether they really stopped. ComfyUI answers every such request with 200.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::{Client, Error, JobState, PromptId, Result, backoff::Backoff, endpoint::Endpoint, lookup::Look};

/// Limit for prompts that are looked at concurrently.
const AT_ONCE: usize = 8;

/// Outcome of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelState {
    /// It waited and was taken out of the queue.
    RemovedFromQueue,
    /// It ran and was interrupted.
    Interrupted,
    /// It could not be interrupted in time and came to its own end.
    FinishedAnyway,
    /// It was told to stop and still runs: the node at work cannot be interrupted.
    StillRunning,
    /// It waits although it was taken out.
    StillPending,
    /// It was over before we came.
    AlreadyFinished,
    /// ComfyUI does not know it.
    Unknown,
}

impl CancelState {
    /// True when the prompt did not come to its own end because of us.
    pub fn is_stopped(self) -> bool {
        matches!(self, Self::RemovedFromQueue | Self::Interrupted)
    }

    /// The spelling in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RemovedFromQueue => "removed_from_queue",
            Self::Interrupted => "interrupted",
            Self::FinishedAnyway => "finished_anyway",
            Self::StillRunning => "still_running",
            Self::StillPending => "still_pending",
            Self::AlreadyFinished => "already_finished",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer to a cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CancelOutcome {
    /// Outcome for the prompt.
    pub state: CancelState,
    /// True when ComfyUI was seen to be in that state afterwards.
    pub verified: bool,
    /// State in which it ended, where it ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<JobState>,
}

impl CancelOutcome {
    fn verified(state: CancelState, ended: Option<JobState>) -> Self {
        Self { state, verified: true, ended }
    }
}

/// State of the answer about a prompt that is still there as far as anybody knows.
fn still(before: JobState) -> CancelState {
    if before == JobState::Queued { CancelState::StillPending } else { CancelState::StillRunning }
}

impl Client {
    /// Stops a prompt: looks where it found, acts, and looks again until it is really gone or time is up.
    pub async fn cancel(&self, id: &PromptId) -> Result<CancelOutcome> {
        match self.before_cancel(id).await? {
            Ok(before) => {
                self.stop(id, before).await?;
                self.settle(id, before).await
            }
            Err(outcome) => Ok(outcome),
        }
    }

    /// Stops several prompts with as few requests as the server allows. The answers are in no particular order.
    pub async fn cancel_many(&self, ids: &[PromptId]) -> Result<Vec<(PromptId, CancelOutcome)>> {
        let found = ids.iter().cloned().map(|id| {
            let client = self.clone();
            async move {
                let before = client.before_cancel(&id).await?;
                Ok::<_, Error>((id, before))
            }
        });
        let found: Vec<_> = futures::stream::iter(found).buffer_unordered(AT_ONCE).try_collect().await?;
        let (mut outcomes, mut alive) = (Vec::new(), Vec::new());
        for (id, before) in found {
            match before {
                Ok(before) => alive.push((id, before)),
                Err(outcome) => outcomes.push((id, outcome)),
            }
        }
        self.stop_many(&alive).await?;
        let settled = alive.into_iter().map(|(id, before)| {
            let client = self.clone();
            async move {
                let unverified = |_| CancelOutcome { state: still(before), verified: false, ended: None };
                let outcome = client.settle(&id, before).await.unwrap_or_else(unverified);
                (id, outcome)
            }
        });
        outcomes.extend(futures::stream::iter(settled).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
        Ok(outcomes)
    }

    /// Looks at a prompt that is to be stopped; gives the answer where there is nothing to stop.
    async fn before_cancel(&self, id: &PromptId) -> Result<std::result::Result<JobState, CancelOutcome>> {
        Ok(match self.look(id, false).await? {
            Look::Over(entry) => {
                Err(CancelOutcome::verified(CancelState::AlreadyFinished, Some(entry.state)))
            }
            Look::Absent if self.was_removed(id) => {
                Err(CancelOutcome::verified(CancelState::RemovedFromQueue, None))
            }
            Look::Absent => Err(CancelOutcome::verified(CancelState::Unknown, None)),
            Look::Pending(_) => Ok(JobState::Queued),
            Look::Running => Ok(JobState::Running),
        })
    }

    /// Looks at a prompt that was told to stop until it is really gone or time is up.
    async fn settle(&self, id: &PromptId, mut before: JobState) -> Result<CancelOutcome> {
        let deadline = Instant::now() + self.inner.config.timing.verify_cancel;
        let timing = &self.inner.config.timing;
        let mut backoff = Backoff::new(timing.history_lag, timing.first_poll);
        loop {
            match self.look(id, true).await {
                Ok(Look::Over(entry)) => {
                    self.inner.tracker.seen_over(id);
                    return Ok(after(entry.state));
                }
                Ok(Look::Absent) if before == JobState::Queued => {
                    self.inner.tracker.taken_out(id);
                    return Ok(CancelOutcome::verified(CancelState::RemovedFromQueue, None));
                }
                // It started between our look and our act, so the act has to be the other one.
                Ok(Look::Running) if before == JobState::Queued => {
                    before = JobState::Running;
                    self.stop(id, before).await?;
                }
                // A failed look leaves the question open; so does an absence of what ran a moment ago.
                Ok(Look::Running | Look::Pending(_) | Look::Absent) | Err(_) => {}
            }
            if Instant::now() >= deadline {
                return self.give_up(id, before).await;
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
    }

    /// Time is up: says truthfully where the prompt found.
    async fn give_up(&self, id: &PromptId, before: JobState) -> Result<CancelOutcome> {
        Ok(match self.look(id, true).await {
            Ok(Look::Over(entry)) => after(entry.state),
            Ok(Look::Running) => CancelOutcome::verified(CancelState::StillRunning, None),
            Ok(Look::Pending(_)) => CancelOutcome::verified(CancelState::StillPending, None),
            Ok(Look::Absent) => CancelOutcome::verified(CancelState::Unknown, None),
            Err(_) => CancelOutcome { state: still(before), verified: false, ended: None },
        })
    }

    /// Newer servers have a route for it; others delete what waits and interrupt what runs.
    async fn stop(&self, id: &PromptId, before: JobState) -> Result<()> {
        let endpoint = Endpoint::CancelJob(id);
        if self.inner.jobs_route.may_cancel() {
            let answer = self.inner.transport.post(&endpoint, Bytes::from_static(b"{}")).await?;
            match answer.status {
                // 404 may mean the job and not the route, so only 405 is remembered.
                404 => {}
                405 => self.inner.jobs_route.cannot_cancel(),
                _ => return answer.ok(&endpoint).map(drop),
            }
        }
        match before {
            JobState::Queued => self.delete_pending(std::slice::from_ref(id)).await,
            _ => self.interrupt(Some(id)).await,
        }
    }

    /// Newer servers take a whole list, and refuse it whole when they do not know one of the ids.
    async fn stop_many(&self, alive: &[(PromptId, JobState)]) -> Result<()> {
        if let [(id, before)] = alive {
            return self.stop(id, *before).await;
        }
        if alive.is_empty() {
            return Ok(());
        }
        let endpoint = Endpoint::CancelJobs;
        if self.inner.jobs_route.may_cancel() {
            let ids: Vec<&str> = alive.iter().map(|(id, _)| id.as_str()).collect();
            let body = json!({ "job_ids": ids }).to_string();
            let answer = self.inner.transport.post(&endpoint, body.into()).await?;
            match answer.status {
                404 => {}
                405 => self.inner.jobs_route.cannot_cancel(),
                _ => return answer.ok(&endpoint).map(drop),
            }
        }
        // What waits goes first: otherwise it starts when what runs is stopped.
        let waiting = alive.iter().filter(|(_, before)| *before == JobState::Queued);
        let waiting: Vec<PromptId> = waiting.map(|(id, _)| id.clone()).collect();
        if !waiting.is_empty() {
            self.delete_pending(&waiting).await?;
        }
        for (id, _) in alive.iter().filter(|(_, before)| *before == JobState::Running) {
            self.interrupt(Some(id)).await?;
        }
        Ok(())
    }

    /// Interrupts this prompt if it is the one that runs, or with `None` whatever runs.
    ///
    /// ComfyUI answers 200 in any case; [`Self::cancel`] finds out what happened.
    pub async fn interrupt(&self, id: Option<&PromptId>) -> Result<()> {
        let body = id.map_or_else(|| json!({}), |id| json!({ "prompt_id": id.as_str() }));
        let endpoint = Endpoint::Interrupt;
        let answer = self.inner.transport.post(&endpoint, body.to_string().into()).await?;
        answer.ok(&endpoint).map(drop)
    }
}

fn after(state: JobState) -> CancelOutcome {
    let stopped = state == JobState::Cancelled;
    let outcome = if stopped { CancelState::Interrupted } else { CancelState::FinishedAnyway };
    CancelOutcome::verified(outcome, Some(state))
}
