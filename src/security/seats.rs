//! How many calls may wait at once: each holds a stream, a buffer and a place in ComfyUI's event feed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    config,
    error::{Error, Kind, Result},
};

/// When a refused caller should look again. Nobody knows when a job ends.
const LOOK_AGAIN_MS: u64 = 1_000;

/// The seats of all callers.
#[derive(Debug)]
pub struct Seats {
    per_caller: usize,
    in_total: usize,
    taken: Mutex<HashMap<Arc<str>, usize>>,
}

/// One waiting call. Dropping it frees the seat.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    caller: Arc<str>,
}

impl Seats {
    /// Seats by the limits of the configuration, all free.
    pub fn new(limits: &config::Limits) -> Arc<Self> {
        Arc::new(Self {
            per_caller: limits.waits_per_caller,
            in_total: limits.waits_in_total,
            taken: Mutex::default(),
        })
    }

    /// Takes a seat, or says why there is none.
    pub fn take(self: &Arc<Self>, caller: &Arc<str>) -> Result<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(caller).copied().unwrap_or(0);
        let all: usize = taken.values().sum();
        if own >= self.per_caller {
            return Err(refusal(&format!("{own} calls of this caller"), "waits_per_caller", self.per_caller));
        }
        if all >= self.in_total {
            return Err(refusal(&format!("{all} calls"), "waits_in_total", self.in_total));
        }
        // A caller without a waiting call has no entry, so the map is as bounded as the seats are.
        taken.insert(Arc::clone(caller), own + 1);
        Ok(Seat { seats: Arc::clone(self), caller: Arc::clone(caller) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.caller)),
        }
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

    fn seats(per_caller: usize, in_total: usize) -> Arc<Seats> {
        Seats::new(&config::Limits {
            waits_per_caller: per_caller,
            waits_in_total: in_total,
            ..config::Limits::default()
        })
    }

    #[test]
    fn a_caller_has_so_many_seats_and_all_together_so_many() {
        let seats = seats(2, 3);
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

    #[test]
    fn a_caller_who_has_left_leaves_nothing_behind() {
        let seats = seats(2, 1_000);
        for n in 0..5_000 {
            drop(seats.take(&format!("caller-{n}").into()).unwrap());
        }
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
