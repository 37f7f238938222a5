//! How often an address may show a wrong token.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Wrong tokens of one address within a window.
const MAX: u32 = 20;
/// The window.
const WINDOW: Duration = Duration::from_mins(1);
/// The most addresses that are remembered.
const MAX_ADDRESSES: usize = 10_000;

/// Wrong tokens by address. An IPv6 network counts as one: its holder has all its addresses.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl FailedAttempts {
    /// How long this address has to wait; `None` when it may try.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = seen.get(&network(address))?;
        let left = WINDOW.checked_sub(since.elapsed())?;
        (*count >= MAX && !left.is_zero()).then_some(left)
    }

    /// Counts a wrong token.
    pub(super) fn count(&self, address: IpAddr) {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_ADDRESSES {
            seen.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        }
        if seen.len() >= MAX_ADDRESSES {
            // So many at once are one attack; forgetting all of them costs the least memory and the least thought.
            seen.clear();
        }
        let entry = seen.entry(network(address)).or_insert((0, now));
        if now.duration_since(entry.1) >= WINDOW {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_after_too_many_wrong_tokens_and_others_do_not() {
        let failures = FailedAttempts::default();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..MAX {
            assert_eq!(failures.wait(one), None);
            failures.count(one);
        }
        assert_eq!(failures.wait(one), Some(WINDOW));
        assert_eq!(failures.wait(other), None);
        tokio::time::advance(WINDOW).await;
        assert_eq!(failures.wait(one), None);
        failures.count(one);
        assert_eq!(failures.wait(one), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_is_one_address_and_the_memory_is_bounded() {
        let failures = FailedAttempts::default();
        for n in 0..MAX {
            failures.count(format!("2001:db8::{n:x}").parse().unwrap());
        }
        assert!(failures.wait("2001:db8::ffff".parse().unwrap()).is_some());
        for n in 0..30_000_u32 {
            failures.count(IpAddr::V4(n.into()));
        }
        assert!(failures.0.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}
