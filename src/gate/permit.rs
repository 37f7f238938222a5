//! Permit of an admitted call, the audit trail that it leaves, and its outcome.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    audit::{AuditLog, Record},
    contract::Class,
    identity::{CallId, Caller},
};
use comfywarden_error::{Error, JsonObject, Kind, Result};

/// Outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The call succeeded.
    Completed {
        /// Prompt that it submitted, if any.
        prompt_id: Option<String>,
    },
    /// The call failed.
    Failed {
        /// Kind of the failure.
        kind: Kind,
        /// Prompt that it submitted, if it got that far.
        prompt_id: Option<String>,
    },
    /// The call ended in a question; the same call goes on when the answer comes.
    Asked,
}

/// Writes the events of one call between `called` and the outcome.
#[derive(Debug, Clone)]
pub struct Trail {
    log: AuditLog,
    call_id: CallId,
    tool: Arc<str>,
    caller: Arc<str>,
    class: Option<Class>,
}

impl Trail {
    pub(super) fn new(
        log: &AuditLog,
        caller: &Caller,
        call_id: CallId,
        tool: Arc<str>,
        class: Option<Class>,
    ) -> Self {
        Self { log: log.clone(), call_id, tool, caller: caller.shared_name(), class }
    }

    /// Writes one event. Fields other than `prompt_id`, `nodes_used`, `warnings`, `status` go under `extra`.
    pub async fn event(&self, action: &'static str, fields: JsonObject) -> Result<()> {
        self.log.append(self.record(action).fields(fields)).await
    }

    /// Writes one event without waiting for the disk; the record of the outcome, which follows, does wait.
    pub(crate) fn note(&self, action: &'static str, fields: JsonObject) {
        self.log.send(self.record(action).fields(fields));
    }

    /// Name of the tool.
    pub(crate) fn tool(&self) -> &str {
        &self.tool
    }

    /// Id of the call.
    pub fn call_id(&self) -> CallId {
        self.call_id
    }

    pub(super) fn record(&self, action: &str) -> Record {
        Record::new(&self.tool, action).call(self.call_id, &self.caller, self.class)
    }

    pub(super) fn log(&self) -> &AuditLog {
        &self.log
    }
}

/// Proof that one call passed the gate. Only [`super::admission::Gate::admit`] makes one; it names its tool.
///
/// Dropping it writes the outcome `cancelled`. It cannot be made elsewhere, and it cannot be kept for a second call:
///
/// ```compile_fail,E0451
/// fn forge(trail: comfywarden::security::Trail) -> comfywarden::security::Permit {
///     comfywarden::security::Permit { trail, started: tokio::time::Instant::now(), open: true }
/// }
/// ```
/// ```compile_fail,E0599
/// fn keep(permit: &comfywarden::security::Permit) -> comfywarden::security::Permit {
///     permit.clone()
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    trail: Trail,
    started: Instant,
    open: bool,
}

impl Permit {
    pub(super) fn new(trail: Trail, started: Instant) -> Self {
        Self { trail, started, open: true }
    }

    /// Fails unless this permit was given for `tool`.
    pub fn check_tool(&self, tool: &str) -> Result<()> {
        if *self.trail.tool == *tool {
            return Ok(());
        }
        Err(Error::internal(format!("a permit for `{}` does not start `{tool}`", self.trail.tool)))
    }

    /// Returns the writer for events during the call.
    pub fn trail(&self) -> Trail {
        self.trail.clone()
    }

    /// Writes how the call ended.
    pub async fn finish(mut self, outcome: &Outcome) -> Result<()> {
        self.open = false;
        let (action, status, prompt_id) = match outcome {
            Outcome::Completed { prompt_id } => ("completed", "ok", prompt_id.as_deref()),
            Outcome::Failed { kind, prompt_id } => ("failed", kind.as_str(), prompt_id.as_deref()),
            Outcome::Asked => ("eliciting_confirmation", "asked", None),
        };
        self.trail.log.append(self.closing(action, status, prompt_id)).await
    }

    fn closing(&self, action: &str, status: &str, prompt_id: Option<&str>) -> Record {
        self.trail
            .record(action)
            .field("prompt_id", prompt_id)
            .field("duration_ms", milliseconds_since(self.started))
            .field("status", status)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.open {
            self.trail.log.send(self.closing("cancelled", "cancelled", None));
        }
    }
}

/// Milliseconds since `start`, with one decimal, as the log shows them.
pub(super) fn milliseconds_since(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}
