//! What a workflow has to pass after it was vetted and before it is submitted: the queue, the rate, the waiting.

use super::{Call, Stop};
use crate::{
    error::{Error, Kind},
    security::{VettedWorkflow, cost, seats::Seat},
};

/// When a caller should look again at a queue that is full.
const LOOK_AGAIN_MS: u64 = 5_000;

impl Call {
    /// Makes sure that the queue has room and that the caller may start so much work now.
    pub(crate) async fn allow_work(&self, vetted: &VettedWorkflow) -> Result<(), Stop> {
        let most = self.config.limits.queue_depth;
        let length = self.comfy.queue_length().await?;
        if length >= most {
            let message = format!("ComfyUI's queue holds {length} jobs; `limits.queue_depth` is {most}");
            return Err(Error::new(Kind::RateLimited, message)
                .hint("wait until jobs are done, or cancel some; comfyui_get_queue lists them")
                .detail("retry_after_ms", LOOK_AGAIN_MS)
                .detail("limit", most)
                .into());
        }
        Ok(self.gate.take_work(&self.caller, cost::megapixel_steps(vetted.workflow()))?)
    }

    /// A seat for waiting for a job; to be had before the job is submitted.
    pub(crate) fn seat(&self) -> Result<Seat, Stop> {
        Ok(self.gate.seat(&self.caller)?)
    }
}
