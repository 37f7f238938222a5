//! Questions that wait for an answer. Each comes to an end in the log: answered, or expired.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    error::JsonObject,
    security::{CallId, Trail},
};

/// The most questions that are watched at once. Beyond, a question still expires, without a record.
const MOST_OPEN: usize = 10_000;

/// The open questions, by what tells them apart.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Arc<Mutex<HashMap<CallId, CancellationToken>>>,
    watches: TaskTracker,
}

impl Questions {
    /// Watches a question. Without an answer within `life`, or until `stopping` fires, it ends as expired.
    pub(super) fn ask(&self, nonce: CallId, trail: Trail, life: Duration, stopping: CancellationToken) {
        let answered = CancellationToken::new();
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.len() >= MOST_OPEN {
                tracing::warn!(questions = MOST_OPEN, "Too many questions are open to watch another one.");
                return;
            }
            open.insert(nonce, answered.clone());
        }
        let open = Arc::clone(&self.open);
        self.watches.spawn(async move {
            tokio::select! {
                biased;
                () = answered.cancelled() => return,
                () = tokio::time::sleep(life) => {}
                () = stopping.cancelled() => {}
            }
            if open.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce).is_some() {
                trail.note(
                    "elicitation_expired",
                    JsonObject::from_iter([("status".into(), json!("expired"))]),
                );
            }
        });
    }

    /// The answer is there, whatever it is.
    pub(super) fn answered(&self, nonce: CallId) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce);
        if let Some(answered) = open {
            answered.cancel();
        }
    }

    /// Waits until the last record is on its way. To be called when `stopping` has fired.
    pub(super) async fn end(&self) {
        self.watches.close();
        self.watches.wait().await;
    }
}
