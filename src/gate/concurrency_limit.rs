//! How many calls may wait at once: each holds a stream, a buffer and a place in ComfyUI's event feed.

use std::sync::Arc;

use super::quota::{Full, Share, Shares};
use crate::config;
use comfywarden_error::{Error, Kind, Result};

/// When a refused caller should look again. Nobody knows when a job ends.
const LOOK_AGAIN_MS: u64 = 1_000;

/// The seats of all callers.
#[derive(Debug)]
pub struct Seats {
    per_caller: usize,
    in_total: usize,
    taken: Arc<Shares<Arc<str>>>,
}

/// One waiting call. Dropping it frees the seat.
pub type Seat = Share<Arc<str>>;

impl Seats {
    /// Seats by the limits of the configuration, all free.
    pub fn new(limits: &config::Limits) -> Self {
        let (per_caller, in_total) = (limits.waits_per_caller, limits.waits_in_total);
        Self { per_caller, in_total, taken: Shares::new(per_caller, in_total) }
    }

    /// Takes a seat, or says why there is none.
    pub fn take(&self, caller: &Arc<str>) -> Result<Seat> {
        self.taken.take(Arc::clone(caller), 1).map_err(|full| match full {
            Full::Each(own) => {
                refusal(&format!("{own} calls of this caller"), "waits_per_caller", self.per_caller)
            }
            Full::InAll(all) => refusal(&format!("{all} calls"), "waits_in_total", self.in_total),
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
    fn a_caller_has_so_many_seats_and_all_together_so_many() {
        let seats = Seats::new(&config::Limits {
            waits_per_caller: 2,
            waits_in_total: 3,
            ..config::Limits::default()
        });
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let first = seats.take(&a).unwrap();
        let _second = seats.take(&a).unwrap();
        let error = seats.take(&a).unwrap_err();
        assert_eq!(error.kind(), Kind::RateLimited);
        assert!(error.message().contains("`limits.waits_per_caller` is 2"), "{error}");
        let _third = seats.take(&b).unwrap();
        let error = seats.take(&b).unwrap_err();
        assert!(error.message().contains("`limits.waits_in_total` is 3"), "{error}");
        assert!(error.details().contains_key("retry_after_ms"));
        drop(first);
        seats.take(&b).unwrap();
    }
}
