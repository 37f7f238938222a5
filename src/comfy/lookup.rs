//! One look at a prompt: where does it stand, as ComfyUI answers now?

use super::{Client, HistoryEntry, JobState, PromptId, Result, queue::JobAnswer};

/// Answer of ComfyUI about a prompt at one moment.
#[derive(Debug)]
pub(crate) enum Look {
    /// It is over, and this is what history says.
    Over(Box<HistoryEntry>),
    /// It runs.
    Running,
    /// It waits, at this place from 1 where known.
    Pending(Option<usize>),
    /// ComfyUI does not know it.
    Absent,
}

impl Client {
    /// Looks once. `expect_end` asks history first, for a moment when the socket says that the run is over.
    pub(crate) async fn look(&self, id: &PromptId, expect_end: bool) -> Result<Look> {
        if expect_end && let Some(entry) = self.history(id).await? {
            return Ok(Look::Over(Box::new(entry)));
        }
        let JobAnswer::Job(job, from_job) = self.ask_job(id).await? else {
            return self.look_everywhere(id).await;
        };
        match job.status {
            Some(JobState::Queued) => {
                let queue = self.queue().await?;
                if queue.is_running(id) {
                    return Ok(Look::Running);
                }
                Ok(Look::Pending(queue.position(id)))
            }
            Some(JobState::Running) | None => Ok(Look::Running),
            Some(_) => {
                // History says more than the job: which nodes were the outputs.
                if let Some(entry) = self.history(id).await? {
                    return Ok(Look::Over(Box::new(entry)));
                }
                match from_job {
                    Some(entry) => Ok(Look::Over(entry)),
                    None => Ok(Look::Running),
                }
            }
        }
    }

    /// History and queue, for servers without `/api/jobs` and to be sure of an absence.
    async fn look_everywhere(&self, id: &PromptId) -> Result<Look> {
        if let Some(entry) = self.history(id).await? {
            return Ok(Look::Over(Box::new(entry)));
        }
        let queue = self.queue().await?;
        if queue.is_running(id) {
            return Ok(Look::Running);
        }
        if let Some(position) = queue.position(id) {
            return Ok(Look::Pending(Some(position)));
        }
        // It may have gone from the queue to history between the two questions.
        Ok(self.history(id).await?.map_or(Look::Absent, |entry| Look::Over(Box::new(entry))))
    }
}
