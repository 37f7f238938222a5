//! Token buckets: one per caller and class, and one per class over all callers.
//!
//! Own code instead of `governor`: both buckets are looked at before either is charged (so a call that the class
//! ceiling refuses costs its caller nothing), the clock is tokio's (tests pause it), and the map is bounded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::contract::Class;
use crate::config;
use comfywarden_error::{Error, Kind, Result};

/// Ceiling of a class over all callers, as a multiple of the limit for one.
const CEILING_FACTOR: u32 = 4;
/// Limit for buckets. Full ones are forgotten first: a full bucket and a new one are the same.
const MAX_BUCKETS: usize = 4_096;

/// Rate limiter over callers and classes.
#[derive(Debug)]
pub struct Limiter {
    limits: [(Class, u32); 5],
    work_per_call: u32,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    callers: HashMap<(Arc<str>, Class), Bucket>,
    classes: HashMap<Class, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    capacity: f64,
    filled: Instant,
}

impl Bucket {
    fn full(per_minute: u32, now: Instant) -> Self {
        Self { tokens: per_minute.into(), capacity: per_minute.into(), filled: now }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.capacity / 60.0).min(self.capacity);
        self.filled = now;
    }

    fn is_full_at(&self, now: Instant) -> bool {
        let mut later = *self;
        later.refill(now);
        later.tokens >= later.capacity
    }

    /// Time until `wanted` tokens are there; zero when they are.
    fn wait(&self, wanted: f64) -> Duration {
        if self.tokens >= wanted {
            return Duration::ZERO;
        }
        // One millisecond on top: the float division must not round to a moment just too early.
        Duration::from_secs_f64((wanted - self.tokens) * 60.0 / self.capacity.max(1e-3))
            + Duration::from_millis(1)
    }
}

impl Limiter {
    /// Creates the buckets for these limits, all full.
    pub fn new(rates: &config::RateLimits) -> Self {
        let limits = [
            (Class::Read, rates.read_only),
            (Class::File, rates.file_ops),
            (Class::Workflow, rates.workflow),
            (Class::Generation, rates.generation),
            (Class::Admin, rates.admin),
        ];
        Self { limits, work_per_call: rates.work_per_call, buckets: Mutex::default() }
    }

    fn per_minute(&self, class: Class) -> u32 {
        self.limits.iter().find(|(known, _)| *known == class).map_or(0, |(_, limit)| *limit)
    }

    /// Takes one token of the caller and one of the class; the error says how long to wait.
    pub fn take(&self, caller: &Arc<str>, class: Class) -> Result<()> {
        let per_minute = self.per_minute(class);
        if per_minute == 0 {
            return Err(Error::new(
                Kind::RateLimited,
                format!("{class} tools are switched off: the limit is 0 per minute"),
            )
            .hint(format!("raise the {class} limit under `rate_limits`")));
        }
        self.take_many(caller, class, 1).map_err(|(whose, limit, wait)| refusal(class, limit, whose, wait))
    }

    /// Takes the tokens of a piece of work beyond the one call that was counted at the gate.
    ///
    /// `work` is in megapixel-steps. Work that is larger than a whole bucket needs a full one.
    pub fn take_work(&self, caller: &Arc<str>, work: f64) -> Result<()> {
        let class = Class::Generation;
        let calls = self.calls_for(work);
        if calls <= 1 {
            return Ok(());
        }
        self.take_many(caller, class, calls - 1).map_err(|(whose, limit, wait)| {
            let message = format!(
                "this work counts as {calls} of the {limit} {class} calls per minute{whose}; wait {:.1} s",
                wait.as_secs_f64()
            );
            limited(message, class, limit, wait)
                .detail("counts_as_calls", calls)
                .detail("megapixel_steps", work.round())
        })
    }

    /// Converts work into calls; never more than a bucket holds.
    fn calls_for(&self, work: f64) -> u32 {
        if self.work_per_call == 0 {
            return 1;
        }
        let most = self.per_minute(Class::Generation).max(1);
        // Rounded up; the range keeps the conversion exact.
        (1..=most).find(|calls| f64::from(*calls) * f64::from(self.work_per_call) >= work).unwrap_or(most)
    }

    /// Takes tokens of the caller and of the class; the error says whose are missing, of how many, and for how long.
    fn take_many(
        &self,
        caller: &Arc<str>,
        class: Class,
        calls: u32,
    ) -> Result<(), (&'static str, u32, Duration)> {
        let per_minute = self.per_minute(class);
        let wanted = f64::from(calls);
        let now = Instant::now();
        let mut guard = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = &mut *guard;
        let key = (Arc::clone(caller), class);
        if buckets.callers.len() >= MAX_BUCKETS && !buckets.callers.contains_key(&key) {
            evict_full(&mut buckets.callers, now);
        }
        let own = buckets.callers.entry(key).or_insert_with(|| Bucket::full(per_minute, now));
        let ceiling = per_minute.saturating_mul(CEILING_FACTOR);
        let all = buckets.classes.entry(class).or_insert_with(|| Bucket::full(ceiling, now));
        own.refill(now);
        all.refill(now);
        for (bucket, whose, limit) in [(&*own, "", per_minute), (&*all, " over all callers", ceiling)] {
            let wait = bucket.wait(wanted);
            if !wait.is_zero() {
                return Err((whose, limit, wait));
            }
        }
        own.tokens -= wanted;
        all.tokens -= wanted;
        Ok(())
    }

    #[cfg(test)]
    fn buckets(&self) -> usize {
        self.buckets.lock().unwrap().callers.len()
    }
}

fn evict_full(buckets: &mut HashMap<(Arc<str>, Class), Bucket>, now: Instant) {
    buckets.retain(|_, bucket| !bucket.is_full_at(now));
    if buckets.len() < MAX_BUCKETS {
        return;
    }
    // Nobody's bucket is full: the fullest one loses the least by starting anew.
    let fullest = buckets.iter().max_by(|a, b| a.1.tokens.total_cmp(&b.1.tokens)).map(|(key, _)| key.clone());
    if let Some(key) = fullest {
        buckets.remove(&key);
    }
}

fn refusal(class: Class, limit: u32, whose: &str, wait: Duration) -> Error {
    let seconds = wait.as_secs_f64();
    let message =
        format!("the limit of {limit} {class} calls per minute{whose} is reached; wait {seconds:.1} s");
    limited(message, class, limit, wait)
}

fn limited(message: String, class: Class, limit: u32, wait: Duration) -> Error {
    Error::new(Kind::RateLimited, message)
        .hint("wait, or raise the limit under `rate_limits` in the configuration")
        .detail("retry_after_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
        .detail("class", class.as_str())
        .detail("limit_per_minute", limit)
}

#[cfg(test)]
mod tests;
