//! Restarting ComfyUI through the Manager, and waiting until it is back.

use std::time::Duration;

use tokio::time::Instant;

use super::{Manager, ManagerRoute};
use crate::comfy::{Client, Error, Result, endpoint::Endpoint};

/// Outcome of a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarted {
    /// It answers again, and its nodes are loaded.
    Back(Duration),
    /// The Manager's security level does not allow it.
    Refused,
    /// It does not answer yet.
    Away,
}

impl Client {
    /// Restarts ComfyUI. Its queue and history are gone afterwards; so is what we kept of its nodes.
    pub async fn restart(&self, manager: &Manager) -> Result<Restarted> {
        let began = Instant::now();
        let endpoint = manager.endpoint(ManagerRoute::Reboot);
        match self.inner.transport.get_once(&endpoint, endpoint.answer_limit()).await {
            Ok(answer) if answer.status == 403 => return Ok(Restarted::Refused),
            Ok(answer) => drop(answer.ok(&endpoint)?),
            // The process is replaced before it can answer.
            Err(Error::Unreachable { sent: true, .. } | Error::Timeout { .. }) => {}
            Err(other) => return Err(other),
        }
        self.forget_packs().await;
        let timing = &self.inner.config.timing;
        loop {
            let queue = Endpoint::Queue;
            let answer = self.inner.transport.get_once(&queue, queue.answer_limit()).await;
            self.forget_object_info().await;
            self.forget_manager().await;
            // Nodes are loaded before the port opens; that the catalogue answers is the proof.
            if answer.is_ok_and(|answer| answer.status == 200) && self.object_info().await.is_ok() {
                return Ok(Restarted::Back(began.elapsed()));
            }
            if began.elapsed() >= timing.restart_limit {
                return Ok(Restarted::Away);
            }
            tokio::time::sleep(timing.restart_poll).await;
        }
    }
}
