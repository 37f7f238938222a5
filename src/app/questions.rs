//! Questions that wait for an answer. Each comes to an end in the log: answered, expired, or cancelled.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::App;
use crate::{
    gate::{CallId, Caller, SignedState, Trail, signed_state::now_unix},
    tools::{Reply, reply::Question},
};
use comfywarden_error::JsonObject;

/// Lifetime of a question to the user, in seconds.
const LIFE_SECONDS: u64 = 600;
/// Maximum number of questions that are watched at once. Beyond, a question still expires, without a record.
const MAX_OPEN: usize = 10_000;

/// The open questions, by what tells them apart.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Arc<Mutex<HashMap<CallId, OpenQuestion>>>,
    watches: TaskTracker,
    /// Fires when nobody is left, or has time left, to answer.
    closed: CancellationToken,
}

#[derive(Debug)]
struct OpenQuestion {
    trail: Trail,
    over: CancellationToken,
}

/// A question with somebody waiting for its answer. Dropped without one, its call ends as cancelled.
struct AwaitedQuestion<'a> {
    questions: &'a Questions,
    nonce: Option<CallId>,
}

impl Drop for AwaitedQuestion<'_> {
    fn drop(&mut self) {
        if let Some(nonce) = self.nonce {
            end(&self.questions.open, nonce, "cancelled", "cancelled");
        }
    }
}

impl Questions {
    /// Watches a question. Without an answer within `life` it ends as expired; when `stopping` fires, as cancelled.
    fn ask(&self, nonce: CallId, trail: Trail, life: Duration, stopping: CancellationToken) {
        let over = CancellationToken::new();
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.len() >= MAX_OPEN {
                tracing::warn!(questions = MAX_OPEN, "Too many questions are open to watch another one.");
                return;
            }
            open.insert(nonce, OpenQuestion { trail, over: over.clone() });
        }
        let open = Arc::clone(&self.open);
        self.watches.spawn(async move {
            tokio::select! {
                biased;
                () = over.cancelled() => {}
                () = stopping.cancelled() => end(&open, nonce, "cancelled", "cancelled"),
                () = tokio::time::sleep(life) => end(&open, nonce, "elicitation_expired", "expired"),
            }
        });
    }

    /// The answer is there, whatever it is.
    pub(super) fn answered(&self, nonce: CallId) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce);
        if let Some(open) = open {
            open.over.cancel();
        }
    }

    /// Nobody waits for an answer from now on.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits until the last record is on its way. To be called when `stopping` has fired.
    pub(super) async fn end(&self) {
        self.watches.close();
        self.watches.wait().await;
    }
}

/// The last record of a call whose question nobody will answer.
fn end(open: &Mutex<HashMap<CallId, OpenQuestion>>, nonce: CallId, action: &'static str, status: &str) {
    let ended = open.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce);
    if let Some(OpenQuestion { trail, over }) = ended {
        trail.note(action, JsonObject::from_iter([("status".into(), json!(status))]));
        over.cancel();
    }
}

impl App {
    /// Waits for the user's word on behalf of a call that ended in a question. Without one, since `caller_leaves`,
    /// the application stops, or there will be none, the call is over and its log says so.
    pub async fn await_answer<T>(
        &self,
        signed_state: &str,
        caller_leaves: impl Future<Output = ()>,
        answer: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        let _in_flight = self.calls.token();
        let mut awaited =
            AwaitedQuestion { questions: &self.questions, nonce: self.signer.nonce(signed_state) };
        let said = tokio::select! {
            biased;
            () = caller_leaves => None,
            () = self.questions.closed.cancelled() => None,
            said = answer => said,
        };
        if said.is_some() {
            awaited.nonce = None;
        }
        said
    }

    pub(super) fn ask(
        &self,
        question: Question,
        caller: &Caller,
        trail: Trail,
        tool: &str,
        args_digest: String,
    ) -> Reply {
        let state = SignedState {
            call_id: trail.call_id(),
            tool: tool.to_owned(),
            caller: caller.name().to_owned(),
            args_digest,
            subject_hash: question.subject_hash,
            approved: question.approved,
            seed: question.seed,
            nonce: CallId::new(),
            expires_unix: now_unix() + LIFE_SECONDS,
        };
        // Another replica may have the answer, and this one would never hear of it.
        if !self.config.transport.remote.is_replica() {
            let life = Duration::from_secs(LIFE_SECONDS);
            self.questions.ask(state.nonce, trail, life, self.stopping.child_token());
        }
        Reply::Ask { question: question.text, signed_state: self.signer.sign(&state) }
    }
}
