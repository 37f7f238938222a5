//! The gate: no tool runs without a permit from it, and every refusal leaves a record.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    audit::{AuditLog, arguments},
    budget::Budget,
    concurrency_limit::{ConcurrencyLimit, WaitSlot},
    contract::{Class, Contract},
    identity::{CallId, Caller},
    json_size::measure,
    limiter::Limiter,
    permit::{Permit, Trail, milliseconds_since},
    queue_reservation::{QueueReservation, QueueReservations},
};
use crate::config;
use comfywarden_error::{Error, JsonObject, Result};

const MIB: usize = 1 << 20;
/// Size limit for arguments without a workflow or a file.
const MAX_PLAIN_BYTES: usize = MIB;
/// Size limit for arguments with a workflow.
const MAX_WORKFLOW_BYTES: usize = 10 * MIB;
/// Nesting limit for arguments.
const MAX_DEPTH: usize = 64;

/// Admits calls: size, access, schema, rate, audit, in this order.
#[derive(Debug)]
pub struct Gate {
    limiter: Limiter,
    concurrency: ConcurrencyLimit,
    reservations: Arc<QueueReservations>,
    budget: Budget,
    audit: AuditLog,
    most_file_bytes: usize,
    most_message_bytes: usize,
}

impl Gate {
    /// Creates a gate with these rules.
    pub fn new(
        security: &comfywarden_policy::settings::Security,
        limits: &config::RateLimits,
        sizes: &config::Limits,
        audit: AuditLog,
    ) -> Arc<Self> {
        let mebibytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(MIB);
        // Base64 makes four bytes out of three; one more MiB for the other arguments.
        let most_file_bytes =
            (mebibytes(security.max_upload_size_mb) / 3).saturating_mul(4).saturating_add(MIB);
        Arc::new(Self {
            limiter: Limiter::new(limits),
            concurrency: ConcurrencyLimit::new(sizes),
            reservations: QueueReservations::new(sizes),
            budget: Budget::new(audit.clone(), security.api_nodes.budget),
            audit,
            most_file_bytes,
            most_message_bytes: sizes.max_message_bytes(),
        })
    }

    /// Audit log that this gate writes to.
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Charges the rate limit for work beyond its one call, see [`Limiter::take_work`].
    pub fn take_work(&self, caller: &Caller, megapixel_steps: f64) -> Result<()> {
        self.limiter.take_work(&caller.shared_name(), megapixel_steps)
    }

    /// Daily budget for paid nodes.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Takes a slot for a call that is going to wait for a job.
    pub fn wait_slot(&self, caller: &Caller) -> Result<WaitSlot> {
        self.concurrency.take(&caller.shared_name())
    }

    /// Reserves a place in ComfyUI's queue for a job of this caller.
    pub fn reserve_queue_place(&self, caller: &Caller) -> QueueReservation {
        self.reservations.reserve(&caller.shared_name())
    }

    /// Admits a call or refuses it. Either way the log gets exactly one `called` record for it.
    ///
    /// `resumed` is a call that ended in a question and comes back with the answer: it keeps its id, takes no
    /// second token, and is logged as `resumed`.
    pub async fn admit(
        self: &Arc<Self>,
        caller: &Caller,
        call_id: CallId,
        resumed: bool,
        contract: &Contract,
        args: &mut JsonObject,
    ) -> Result<Permit> {
        let started = Instant::now();
        let trail =
            Trail::new(&self.audit, caller, call_id, Arc::clone(contract.name()), Some(contract.class()));
        let judged = self.judge(caller, resumed, contract, args);
        let action = if resumed { "resumed" } else { "called" };
        let shown = match &judged {
            Err(error) if error.details().contains_key("most_bytes") => Value::Null,
            _ => arguments::summarise(args, self.audit.privacy()),
        };
        let called = self.audit.append(trail.record(action).field("arguments", shown)).await;
        if let Err(error) = judged {
            self.refused(&trail, &error, started).await;
            return Err(error);
        }
        called?;
        Ok(Permit::new(trail, started))
    }

    /// Builds the error for a tool name that does not exist. Audited, so that guessing shows.
    pub async fn refuse_unknown(
        self: &Arc<Self>,
        caller: &Caller,
        call_id: CallId,
        name: &str,
        args: &JsonObject,
        known: &[&str],
    ) -> Error {
        let started = Instant::now();
        let short: String = name.chars().take(200).collect();
        let shown = comfywarden_policy::display::sanitize(&comfywarden_policy::redact::redact_text(&short))
            .into_owned();
        let trail = Trail::new(&self.audit, caller, call_id, shown.as_str().into(), None);
        let error = unknown(&shown, known);
        let within = measure_object(args).bytes <= MAX_PLAIN_BYTES;
        let summary = within.then(|| arguments::summarise(args, self.audit.privacy()));
        // The caller is refused either way; a failing log is counted and reported by the log itself.
        let _ = self.audit.append(trail.record("called").field("arguments", summary)).await;
        self.refused(&trail, &error, started).await;
        error
    }

    fn judge(
        &self,
        caller: &Caller,
        resumed: bool,
        contract: &Contract,
        args: &mut JsonObject,
    ) -> Result<()> {
        self.check_size(contract, args)?;
        if !caller.may(contract.class()) {
            return Err(may_not(caller, contract));
        }
        contract.drop_nulls(args);
        contract.settle_numbers(args);
        contract.check(args)?;
        if resumed {
            return Ok(());
        }
        self.limiter.take(&caller.shared_name(), contract.class())
    }

    fn check_size(&self, contract: &Contract, args: &JsonObject) -> Result<()> {
        let (mut most, mut hint) = if contract.class() == Class::File {
            (
                self.most_file_bytes,
                "send less; for uploads the operator can raise `security.max_upload_size_mb`",
            )
        } else if contract.takes("workflow") || contract.takes("workflow_a") {
            (
                MAX_WORKFLOW_BYTES,
                "send less: no setting raises this, and a workflow of that size holds data as text",
            )
        } else {
            (MAX_PLAIN_BYTES, "send less: no setting raises this")
        };
        if self.most_message_bytes < most {
            (most, hint) =
                (self.most_message_bytes, "send less; the operator can raise `limits.max_message_mb`");
        }
        let size = measure_object(args);
        if size.bytes > most {
            let message = format!(
                "the arguments have {} bytes; `{}` takes at most {most}",
                size.bytes,
                contract.name()
            );
            return Err(Error::invalid_input(message).hint(hint).detail("most_bytes", most));
        }
        if size.depth > MAX_DEPTH {
            return Err(Error::invalid_input(format!("the arguments nest deeper than {MAX_DEPTH} levels"))
                .hint("flatten them")
                .detail("most_depth", MAX_DEPTH));
        }
        Ok(())
    }

    async fn refused(&self, trail: &Trail, error: &Error, started: Instant) {
        let record = trail
            .record("refused")
            .field("duration_ms", milliseconds_since(started))
            .field("status", error.kind().as_str())
            .field("reason", error.message());
        let _ = trail.log().append(record).await;
    }
}

fn measure_object(args: &JsonObject) -> super::json_size::JsonSize {
    let mut total = super::json_size::JsonSize { bytes: 2, depth: 1 };
    for (key, value) in args {
        let size = measure(value, MAX_DEPTH);
        total.bytes += key.len() + 4 + size.bytes;
        total.depth = total.depth.max(size.depth + 1);
    }
    total
}

fn may_not(caller: &Caller, contract: &Contract) -> Error {
    let class = contract.class();
    Error::denied(format!(
        "caller `{}` may not use `{}`: it is a {class} tool",
        caller.name(),
        contract.name()
    ))
    .hint(format!("the operator can give this caller the {class} class"))
    .detail("class", class.as_str())
}

fn unknown(name: &str, known: &[&str]) -> Error {
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|&tool| {
            // People leave the common prefix out.
            let bare = tool.strip_prefix("comfyui_").unwrap_or(tool);
            (strsim::jaro_winkler(name, tool).max(strsim::jaro_winkler(name, bare)), tool)
        })
        .filter(|(score, _)| *score > 0.8)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<String> = near.iter().take(3).map(|(_, tool)| format!("`{tool}`")).collect();
    let error = Error::not_found(format!("no tool named `{name}`"));
    if near.is_empty() {
        return error.hint("tools/list names every tool");
    }
    error.hint(format!("did you mean {}?", near.join(", ")))
}
