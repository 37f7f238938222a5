//! What a workflow has to pass after it was vetted and before it is submitted: the queue, the rate, the budget.

use super::{Call, Stop};
use crate::{
    comfy,
    error::{Error, Kind},
    security::{Finding, VettedWorkflow, cost, ledger::Charge, price, seats::Seat},
    workflow::{ObjectInfo, Workflow},
};

/// When a caller should look again at a queue that is full.
const LOOK_AGAIN_MS: u64 = 5_000;

impl Call {
    /// Makes sure that the queue has room, that the caller may start so much work now, and that the day's budget
    /// reaches. What paid nodes cost is charged here.
    pub(crate) async fn allow_work(&self, vetted: &VettedWorkflow) -> Result<Option<Charge>, Stop> {
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
        self.gate.take_work(&self.caller, cost::megapixel_steps(vetted.workflow()))?;
        let object_info = self.comfy.object_info().await?;
        let estimate = self.estimate(vetted.workflow(), vetted.findings(), &object_info);
        match estimate {
            Some(estimate) => Ok(Some(self.gate.ledger().charge(&self.trail, &estimate).await?)),
            None => Ok(None),
        }
    }

    /// Gives back what was charged for work that ComfyUI refused. Work whose fate is not known stays charged.
    pub(crate) async fn take_back(&self, charge: Option<&Charge>, error: &comfy::Error) {
        if let (Some(charge), comfy::Error::Rejected(_) | comfy::Error::Unreachable { sent: false, .. }) =
            (charge, error)
        {
            self.gate.ledger().refund(&self.trail, charge).await;
        }
    }

    /// What the paid nodes of a workflow would cost, for the question; an error where the budget does not reach.
    pub(super) async fn cost_of(
        &self,
        workflow: &Workflow,
        findings: &[Finding],
        object_info: &ObjectInfo,
    ) -> Result<Option<String>, Stop> {
        let estimate = self.estimate(workflow, findings, object_info);
        // Without a budget the policy refuses, whatever it would cost.
        let Some(estimate) = estimate.filter(|_| self.config.security.api_nodes.budget > 0) else {
            return Ok(None);
        };
        Ok(Some(self.gate.ledger().look(&estimate).await?.to_string()))
    }

    fn estimate(
        &self,
        workflow: &Workflow,
        findings: &[Finding],
        object_info: &ObjectInfo,
    ) -> Option<price::Estimate> {
        let otherwise = self.config.security.api_nodes.credits_per_node;
        price::estimate(workflow, findings, Some(object_info), otherwise)
    }

    /// A seat for waiting for a job; to be had before the job is submitted.
    pub(crate) fn seat(&self) -> Result<Seat, Stop> {
        Ok(self.gate.seat(&self.caller)?)
    }
}
