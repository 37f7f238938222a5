//! Admission of a vetted workflow before it is submitted: the queue, the rate, the budget.

use super::{Call, Stop};
use crate::{
    comfy,
    gate::{budget::Charge, concurrency_limit::WaitSlot, cost, price, queue_reservation::QueueReservation},
};
use comfywarden_policy::{Finding, VettedWorkflow};
use comfywarden_workflow::{ObjectInfo, Workflow};

/// Permission to submit: a place in the queue and the charge of the budget.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Charge for paid nodes.
    pub(crate) charge: Option<Charge>,
    /// Its place in ComfyUI's queue; kept until the queue shows it.
    _reservation: QueueReservation,
}

impl Call {
    /// Makes sure that the queue has room, that the caller may start so much work now, and that the day's budget
    /// reaches. What paid nodes cost is charged here.
    pub(crate) async fn allow_work(&self, vetted: &VettedWorkflow) -> Result<Allowance, Stop> {
        let reservation = self.find_room().await?;
        self.gate.take_work(&self.caller, cost::megapixel_steps(&self.inspector, vetted.workflow()))?;
        let object_info = self.backend().object_info().await?;
        let charge = match self.estimate(vetted.workflow(), vetted.findings(), &object_info) {
            Some(estimate) => Some(self.gate.budget().charge(&self.trail, &estimate).await?),
            None => None,
        };
        Ok(Allowance { charge, _reservation: reservation })
    }

    /// A place in ComfyUI's queue: within its depth, and within the caller's share where there are several callers.
    async fn find_room(&self) -> Result<QueueReservation, Stop> {
        let reservation = self.gate.reserve_queue_place(&self.caller);
        let length = self.backend().queue_length().await?;
        reservation.fits(length)?;
        if !self.sees_all_jobs() && reservation.may_exceed_caller_limit(length) {
            // The whole queue is a large answer, so it is asked for only where it can matter.
            let queue = self.backend().queue().await?;
            let items = queue.running.iter().chain(&queue.pending);
            reservation.fits_caller_limit(items.filter(|item| self.is_mine(item.mark.as_deref())).count())?;
        }
        Ok(reservation)
    }

    /// Gives back what was charged for work that ComfyUI refused. Work whose fate is not known stays charged.
    pub(crate) async fn take_back(&self, charge: Option<&Charge>, error: &comfy::Error) {
        if let (Some(charge), comfy::Error::Rejected(_) | comfy::Error::Unreachable { sent: false, .. }) =
            (charge, error)
        {
            self.gate.budget().refund(&self.trail, charge).await;
        }
    }

    /// Estimates the cost of a workflow's paid nodes, for the question; fails where the budget does not
    /// reach.
    pub(super) async fn cost_of(
        &self,
        workflow: &Workflow,
        findings: &[Finding],
        object_info: &ObjectInfo,
    ) -> Result<Option<String>, Stop> {
        let estimate = self.estimate(workflow, findings, object_info);
        // Without a budget the policy refuses, whatever it would cost.
        let Some(estimate) = estimate.filter(|_| self.settings.security.api_nodes.budget > 0) else {
            return Ok(None);
        };
        Ok(Some(self.gate.budget().look(&estimate).await?.to_string()))
    }

    fn estimate(
        &self,
        workflow: &Workflow,
        findings: &[Finding],
        object_info: &ObjectInfo,
    ) -> Option<price::Estimate> {
        let otherwise = self.settings.security.api_nodes.credits_per_node;
        price::estimate(workflow, findings, Some(object_info), otherwise)
    }

    /// A seat for waiting for a job; to be had before the job is submitted.
    pub(crate) fn wait_slot(&self) -> Result<WaitSlot, Stop> {
        Ok(self.gate.wait_slot(&self.caller)?)
    }
}
