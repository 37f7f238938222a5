//! Stopping prompts, and finding out whether they really stopped. ComfyUI answers every such request with 200.

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::{Client, HistoryState, PromptId, Result, backoff::Backoff, endpoint::Endpoint, lookup::Look};

/// What became of an attempt to cancel.
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
    /// What became of the prompt.
    pub state: CancelState,
    /// True when ComfyUI was seen to be in that state afterwards.
    pub verified: bool,
    /// How it ended, where it did so by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<HistoryState>,
}

impl CancelOutcome {
    fn verified(state: CancelState, ended: Option<HistoryState>) -> Self {
        Self { state, verified: true, ended }
    }
}

/// Where the prompt stood when we came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Pending,
    Running,
}

impl Client {
    /// Stops a prompt: looks where it stands, acts, and looks again until it is really gone or time is up.
    pub async fn cancel(&self, id: &PromptId) -> Result<CancelOutcome> {
        let deadline = Instant::now() + self.inner.config.pace.verify_cancel;
        let mut before = match self.look(id, false).await? {
            Look::Over(entry) => {
                return Ok(CancelOutcome::verified(CancelState::AlreadyFinished, Some(entry.state)));
            }
            Look::Absent => return Ok(CancelOutcome::verified(CancelState::Unknown, None)),
            Look::Pending(_) => Before::Pending,
            Look::Running => Before::Running,
        };
        self.stop(id, before).await?;
        let pace = &self.inner.config.pace;
        let mut backoff = Backoff::new(pace.history_lag, pace.first_poll);
        loop {
            match self.look(id, true).await {
                Ok(Look::Over(entry)) => {
                    self.inner.board.seen_over(id);
                    return Ok(after(entry.state));
                }
                Ok(Look::Absent) if before == Before::Pending => {
                    self.inner.board.taken_out(id);
                    return Ok(CancelOutcome::verified(CancelState::RemovedFromQueue, None));
                }
                // It started between our look and our act, so the act has to be the other one.
                Ok(Look::Running) if before == Before::Pending => {
                    before = Before::Running;
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

    /// Time is up: says truthfully where the prompt stands.
    async fn give_up(&self, id: &PromptId, before: Before) -> Result<CancelOutcome> {
        Ok(match self.look(id, true).await {
            Ok(Look::Over(entry)) => after(entry.state),
            Ok(Look::Running) => CancelOutcome::verified(CancelState::StillRunning, None),
            Ok(Look::Pending(_)) => CancelOutcome::verified(CancelState::StillPending, None),
            Ok(Look::Absent) => CancelOutcome::verified(CancelState::Unknown, None),
            Err(_) => {
                let state = match before {
                    Before::Pending => CancelState::StillPending,
                    Before::Running => CancelState::StillRunning,
                };
                CancelOutcome { state, verified: false, ended: None }
            }
        })
    }

    /// Newer servers have a route for it; others delete what waits and interrupt what runs.
    async fn stop(&self, id: &PromptId, before: Before) -> Result<()> {
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
            Before::Pending => self.delete_pending(std::slice::from_ref(id)).await,
            Before::Running => self.interrupt(Some(id)).await,
        }
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

fn after(state: HistoryState) -> CancelOutcome {
    match state {
        HistoryState::Cancelled => CancelOutcome::verified(CancelState::Interrupted, Some(state)),
        HistoryState::Succeeded | HistoryState::Failed => {
            CancelOutcome::verified(CancelState::FinishedAnyway, Some(state))
        }
    }
}
