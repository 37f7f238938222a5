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
use crate::{
    config,
    error::{Error, Kind, Result},
};

/// How many callers' worth of calls a class admits in all.
const CEILING_FACTOR: u32 = 4;
/// The most buckets kept. Full ones are forgotten first: a full bucket and a new one are the same.
const MOST_BUCKETS: usize = 4_096;

/// All buckets.
#[derive(Debug)]
pub struct Limiter {
    limits: [(Class, u32); 5],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
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

    /// How long until one token is there; zero when it is.
    fn wait(&self) -> Duration {
        if self.tokens >= 1.0 {
            return Duration::ZERO;
        }
        // One millisecond on top: the float division must not round to a moment just too early.
        Duration::from_secs_f64((1.0 - self.tokens) * 60.0 / self.capacity.max(1e-3))
            + Duration::from_millis(1)
    }
}

impl Limiter {
    /// Buckets for these limits, all full.
    pub fn new(limits: &config::RateLimits) -> Self {
        let limits = [
            (Class::Read, limits.read_only),
            (Class::File, limits.file_ops),
            (Class::Workflow, limits.workflow),
            (Class::Generation, limits.generation),
            (Class::Admin, limits.admin),
        ];
        Self { limits, state: Mutex::default() }
    }

    fn per_minute(&self, class: Class) -> u32 {
        self.limits.iter().find(|(known, _)| *known == class).map_or(0, |(_, limit)| *limit)
    }

    /// Takes one token of the caller and one of the class, or says how long to wait.
    pub fn take(&self, caller: &Arc<str>, class: Class) -> Result<()> {
        let per_minute = self.per_minute(class);
        if per_minute == 0 {
            return Err(Error::new(
                Kind::RateLimited,
                format!("{class} tools are switched off: the limit is 0 per minute"),
            )
            .hint(format!("raise the {class} limit under `rate_limits`")));
        }
        let now = Instant::now();
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let key = (Arc::clone(caller), class);
        if state.callers.len() >= MOST_BUCKETS && !state.callers.contains_key(&key) {
            make_room(&mut state.callers, now);
        }
        let own = state.callers.entry(key).or_insert_with(|| Bucket::full(per_minute, now));
        let ceiling = per_minute.saturating_mul(CEILING_FACTOR);
        let all = state.classes.entry(class).or_insert_with(|| Bucket::full(ceiling, now));
        own.refill(now);
        all.refill(now);
        for (bucket, whose, limit) in [(&*own, "", per_minute), (&*all, " over all callers", ceiling)] {
            let wait = bucket.wait();
            if !wait.is_zero() {
                return Err(refusal(class, limit, whose, wait));
            }
        }
        own.tokens -= 1.0;
        all.tokens -= 1.0;
        Ok(())
    }

    #[cfg(test)]
    fn buckets(&self) -> usize {
        self.state.lock().unwrap().callers.len()
    }
}

fn make_room(buckets: &mut HashMap<(Arc<str>, Class), Bucket>, now: Instant) {
    buckets.retain(|_, bucket| !bucket.is_full_at(now));
    if buckets.len() < MOST_BUCKETS {
        return;
    }
    // Nobody's bucket is full: the fullest one loses the least by starting anew.
    let fullest = buckets.iter().max_by(|a, b| a.1.tokens.total_cmp(&b.1.tokens)).map(|(key, _)| key.clone());
    if let Some(key) = fullest {
        buckets.remove(&key);
    }
}

fn refusal(class: Class, limit: u32, whose: &str, wait: Duration) -> Error {
    let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let seconds = wait.as_secs_f64();
    Error::new(
        Kind::RateLimited,
        format!("the limit of {limit} {class} calls per minute{whose} is reached; wait {seconds:.1} s"),
    )
    .hint("wait, or raise the limit under `rate_limits` in the configuration")
    .detail("retry_after_ms", milliseconds)
    .detail("class", class.as_str())
    .detail("limit_per_minute", limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(limiter: &Limiter, caller: &str, class: Class) -> Result<()> {
        limiter.take(&caller.into(), class)
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_after_the_limit_is_refused_and_says_when_to_come_back() {
        let limiter = Limiter::new(&config::RateLimits::default());
        for _ in 0..10 {
            take(&limiter, "a", Class::Generation).unwrap();
        }
        let error = take(&limiter, "a", Class::Generation).unwrap_err();
        assert_eq!(error.kind(), Kind::RateLimited);
        assert_eq!(error.message(), "the limit of 10 generation calls per minute is reached; wait 6.0 s");
        let wait = error.details().get("retry_after_ms").and_then(serde_json::Value::as_u64).unwrap();
        assert!((6_000..=6_001).contains(&wait));
        tokio::time::advance(Duration::from_millis(wait - 10)).await;
        assert!(take(&limiter, "a", Class::Generation).is_err());
        tokio::time::advance(Duration::from_millis(10)).await;
        take(&limiter, "a", Class::Generation).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn callers_and_classes_have_buckets_of_their_own() {
        let limiter = Limiter::new(&config::RateLimits::default());
        for _ in 0..10 {
            take(&limiter, "a", Class::Workflow).unwrap();
        }
        assert!(take(&limiter, "a", Class::Workflow).is_err());
        take(&limiter, "b", Class::Workflow).unwrap();
        take(&limiter, "a", Class::Read).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_has_a_ceiling_and_a_call_it_refuses_costs_the_caller_nothing() {
        let limiter = Limiter::new(&config::RateLimits { generation: 2, ..Default::default() });
        for caller in ["a", "b", "c", "d"] {
            take(&limiter, caller, Class::Generation).unwrap();
            take(&limiter, caller, Class::Generation).unwrap();
        }
        let error = take(&limiter, "e", Class::Generation).unwrap_err();
        assert!(error.message().contains("over all callers"), "{error}");
        tokio::time::advance(Duration::from_secs(20)).await;
        take(&limiter, "e", Class::Generation).unwrap();
        take(&limiter, "e", Class::Generation).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_map_is_bounded() {
        let limiter = Limiter::new(&config::RateLimits { read_only: 1_000_000, ..Default::default() });
        for n in 0..3 * MOST_BUCKETS {
            take(&limiter, &format!("caller-{n}"), Class::Read).unwrap();
        }
        assert!(limiter.buckets() <= MOST_BUCKETS);
    }
}
