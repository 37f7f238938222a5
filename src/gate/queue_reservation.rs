//! Jobs on their way into ComfyUI's queue: its length does not show them yet, and calls at the same time must not all
//! take the last place. One caller's share leaves room for the others.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::config;
use comfywarden_error::{Error, Kind, Result};

/// When a caller should look again at a queue that is full.
const LOOK_AGAIN_MS: u64 = 5_000;

/// Everything that is on its way, in the order of its arrival.
#[derive(Debug)]
pub struct Entering {
    depth: usize,
    share: usize,
    coming: Mutex<(u64, BTreeMap<u64, Arc<str>>)>,
}

/// One job on its way. To be dropped when the queue holds it, or never will.
#[derive(Debug)]
pub struct Entry {
    entering: Arc<Entering>,
    number: u64,
    caller: Arc<str>,
}

impl Entering {
    /// A queue of the configured depth.
    pub fn new(limits: &config::Limits) -> Arc<Self> {
        Arc::new(Self {
            depth: limits.queue_depth,
            share: limits.queue_depth_per_caller,
            coming: Mutex::default(),
        })
    }

    /// A job of this caller sets out. To be had before the queue is looked at.
    pub fn enter(self: &Arc<Self>, caller: &Arc<str>) -> Entry {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let number = coming.0;
        coming.0 += 1;
        coming.1.insert(number, Arc::clone(caller));
        Entry { entering: Arc::clone(self), number, caller: Arc::clone(caller) }
    }
}

impl Entry {
    /// Jobs that set out before: all, and those of the same caller.
    fn before(&self) -> (usize, usize) {
        let coming = self.entering.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = coming.1.range(..self.number);
        earlier.fold((0, 0), |(all, own), (_, caller)| (all + 1, own + usize::from(*caller == self.caller)))
    }

    /// Fails when a queue of this length has no room for one more.
    pub fn fits(&self, length: usize) -> Result<()> {
        let (most, length) = (self.entering.depth, length.saturating_add(self.before().0));
        if length < most {
            return Ok(());
        }
        Err(full(&format!("ComfyUI's queue holds {length} jobs; `limits.queue_depth` is {most}"), most))
    }

    /// True when a queue of this length may hold the caller's whole share, so that somebody has to count.
    pub fn may_exceed_share(&self, length: usize) -> bool {
        length.saturating_add(self.before().1) >= self.entering.share
    }

    /// Fails when so many jobs of this caller are all that it may have there.
    pub fn fits_share(&self, own: usize) -> Result<()> {
        let (most, own) = (self.entering.share, own.saturating_add(self.before().1));
        if own < most {
            return Ok(());
        }
        let message = format!(
            "ComfyUI's queue holds {own} jobs of this caller; `limits.queue_depth_per_caller` is {most}"
        );
        Err(full(&message, most))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut coming = self.entering.coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.1.remove(&self.number);
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

    fn entering(depth: usize, share: usize) -> Arc<Entering> {
        Entering::new(&config::Limits {
            queue_depth: depth,
            queue_depth_per_caller: share,
            ..config::Limits::default()
        })
    }

    #[test]
    fn of_two_at_once_the_first_takes_the_last_place() {
        let entering = entering(3, 9);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (first, second) = (entering.enter(&a), entering.enter(&b));
        assert!(first.fits(2).is_ok());
        let error = second.fits(2).unwrap_err();
        assert!(error.message().contains("holds 3 jobs; `limits.queue_depth` is 3"), "{error}");
        assert!(error.details().contains_key("retry_after_ms"));
        drop(first);
        assert!(second.fits(2).is_ok());
        drop(second);
        assert!(entering.coming.lock().unwrap().1.is_empty());
    }

    #[test]
    fn a_share_counts_its_own_callers_jobs_only() {
        let entering = entering(100, 2);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (first, others, second) = (entering.enter(&a), entering.enter(&b), entering.enter(&a));
        assert!(!first.may_exceed_share(1) && first.may_exceed_share(2));
        assert!(first.fits_share(1).is_ok() && others.fits_share(1).is_ok());
        let error = second.fits_share(1).unwrap_err();
        assert!(error.message().contains("holds 2 jobs of this caller"), "{error}");
    }
}
