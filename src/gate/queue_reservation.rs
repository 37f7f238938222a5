//! Reservations for jobs on their way into ComfyUI's queue. Its length does not show them yet, and concurrent calls must
//! not all take the last place. The limit per caller leaves room for the others.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::config;
use comfywarden_error::{Error, Kind, Result};

/// Delay after which a caller should look at a full queue again.
const LOOK_AGAIN_MS: u64 = 5_000;

/// Reservations in the order of their arrival.
#[derive(Debug)]
pub struct QueueReservations {
    depth: usize,
    per_caller: usize,
    pending: Mutex<(u64, BTreeMap<u64, Arc<str>>)>,
}

/// Reservation for one job. Drop it when the queue holds the job, or never will.
#[derive(Debug)]
pub struct QueueReservation {
    reservations: Arc<QueueReservations>,
    number: u64,
    caller: Arc<str>,
}

impl QueueReservations {
    /// Takes the configured limits; nothing is reserved.
    pub fn new(limits: &config::Limits) -> Arc<Self> {
        Arc::new(Self {
            depth: limits.queue_depth,
            per_caller: limits.queue_depth_per_caller,
            pending: Mutex::default(),
        })
    }

    /// Reserves a place for a job of this caller. Must precede the look at the queue's length.
    pub fn reserve(self: &Arc<Self>, caller: &Arc<str>) -> QueueReservation {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let number = pending.0;
        pending.0 += 1;
        pending.1.insert(number, Arc::clone(caller));
        QueueReservation { reservations: Arc::clone(self), number, caller: Arc::clone(caller) }
    }
}

impl QueueReservation {
    /// Counts earlier reservations: all, and those of the same caller.
    fn before(&self) -> (usize, usize) {
        let pending = self.reservations.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = pending.1.range(..self.number);
        earlier.fold((0, 0), |(all, own), (_, caller)| (all + 1, own + usize::from(*caller == self.caller)))
    }

    /// Fails when a queue of this length is full.
    pub fn fits(&self, length: usize) -> Result<()> {
        let (most, length) = (self.reservations.depth, length.saturating_add(self.before().0));
        if length < most {
            return Ok(());
        }
        Err(full(&format!("ComfyUI's queue holds {length} jobs; `limits.queue_depth` is {most}"), most))
    }

    /// True when a queue of this length may hold as many jobs as the caller may have, so that they must be counted.
    pub fn may_exceed_caller_limit(&self, length: usize) -> bool {
        length.saturating_add(self.before().1) >= self.reservations.per_caller
    }

    /// Fails when `own` jobs are as many as this caller may have in the queue.
    pub fn fits_caller_limit(&self, own: usize) -> Result<()> {
        let (most, own) = (self.reservations.per_caller, own.saturating_add(self.before().1));
        if own < most {
            return Ok(());
        }
        let message = format!(
            "ComfyUI's queue holds {own} jobs of this caller; `limits.queue_depth_per_caller` is {most}"
        );
        Err(full(&message, most))
    }
}

impl Drop for QueueReservation {
    fn drop(&mut self) {
        let mut pending = self.reservations.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.1.remove(&self.number);
    }
}

fn full(message: &str, most: usize) -> Error {
    Error::new(Kind::RateLimited, message)
        .hint("wait until jobs are done, or cancel some; comfyui_get_queue lists them")
        .detail("retry_after_ms", LOOK_AGAIN_MS)
        .detail("limit", most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservations(depth: usize, per_caller: usize) -> Arc<QueueReservations> {
        QueueReservations::new(&config::Limits {
            queue_depth: depth,
            queue_depth_per_caller: per_caller,
            ..config::Limits::default()
        })
    }

    #[test]
    fn of_two_at_once_the_first_takes_the_last_place() {
        let reservations = reservations(3, 9);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (first, second) = (reservations.reserve(&a), reservations.reserve(&b));
        assert!(first.fits(2).is_ok());
        let error = second.fits(2).unwrap_err();
        assert!(error.message().contains("holds 3 jobs; `limits.queue_depth` is 3"), "{error}");
        assert!(error.details().contains_key("retry_after_ms"));
        drop(first);
        assert!(second.fits(2).is_ok());
        drop(second);
        assert!(reservations.pending.lock().unwrap().1.is_empty());
    }

    #[test]
    fn the_limit_per_caller_counts_its_own_jobs_only() {
        let reservations = reservations(100, 2);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (first, others, second) =
            (reservations.reserve(&a), reservations.reserve(&b), reservations.reserve(&a));
        assert!(!first.may_exceed_caller_limit(1) && first.may_exceed_caller_limit(2));
        assert!(first.fits_caller_limit(1).is_ok() && others.fits_caller_limit(1).is_ok());
        let error = second.fits_caller_limit(1).unwrap_err();
        assert!(error.message().contains("holds 2 jobs of this caller"), "{error}");
    }
}
