//! Limits the calls that wait at once: each holds a stream, a buffer and a subscription to ComfyUI's events.

use std::sync::Arc;

use super::quota::{Allocation, Quota, QuotaExceeded};
use crate::config;
use comfywarden_error::{Error, Kind, Result};

/// Delay after which a refused caller should retry. Nobody knows when a job ends.
const LOOK_AGAIN_MS: u64 = 1_000;

/// Limits waiting calls per caller and in total.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    per_caller: usize,
    in_total: usize,
    quota: Arc<Quota<Arc<str>>>,
}

/// A slot for one waiting call. Dropping it frees the slot.
pub type WaitSlot = Allocation<Arc<str>>;

impl ConcurrencyLimit {
    /// Takes the configured limits; all slots are free.
    pub fn new(limits: &config::Limits) -> Self {
        let (per_caller, in_total) = (limits.waits_per_caller, limits.waits_in_total);
        Self { per_caller, in_total, quota: Quota::new(per_caller, in_total) }
    }

    /// Takes a slot, or says why there is none.
    pub fn take(&self, caller: &Arc<str>) -> Result<WaitSlot> {
        self.quota.take(Arc::clone(caller), 1).map_err(|full| match full {
            QuotaExceeded::PerHolder(own) => {
                refusal(&format!("{own} calls of this caller"), "waits_per_caller", self.per_caller)
            }
            QuotaExceeded::Total(all) => refusal(&format!("{all} calls"), "waits_in_total", self.in_total),
        })
    }
}

fn refusal(who: &str, key: &str, most: usize) -> Error {
    Error::new(Kind::RateLimited, format!("{who} wait for their jobs already; `limits.{key}` is {most}"))
        .hint("call without waiting and follow the job with comfyui_get_progress, or let a waiting call end")
        .detail("retry_after_ms", LOOK_AGAIN_MS)
        .detail("limit", most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_calls_are_limited_per_caller_and_in_total() {
        let limit = ConcurrencyLimit::new(&config::Limits {
            waits_per_caller: 2,
            waits_in_total: 3,
            ..config::Limits::default()
        });
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let first = limit.take(&a).unwrap();
        let _second = limit.take(&a).unwrap();
        let error = limit.take(&a).unwrap_err();
        assert_eq!(error.kind(), Kind::RateLimited);
        assert!(error.message().contains("`limits.waits_per_caller` is 2"), "{error}");
        let _third = limit.take(&b).unwrap();
        let error = limit.take(&b).unwrap_err();
        assert!(error.message().contains("`limits.waits_in_total` is 3"), "{error}");
        assert!(error.details().contains_key("retry_after_ms"));
        drop(first);
        limit.take(&b).unwrap();
    }
}
