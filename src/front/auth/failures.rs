//! Brute-force protection: limits the wrong tokens of an address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Limit for wrong tokens of one address within [`WINDOW`].
const MAX_ATTEMPTS: u32 = 20;
/// Time after which the count of an address starts anew.
const WINDOW: Duration = Duration::from_mins(1);
/// Limit for addresses that are remembered; beyond it the oldest goes.
const MAX_ADDRESSES: usize = 10_000;

/// Counts wrong tokens by address. An IPv6 network counts as one: its holder has all its addresses.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl FailedAttempts {
    /// Time that this address has to wait; `None` when it may try.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = seen.get(&network(address))?;
        let left = WINDOW.checked_sub(since.elapsed())?;
        (*count >= MAX_ATTEMPTS && !left.is_zero()).then_some(left)
    }

    /// Counts a wrong token.
    pub(super) fn count(&self, address: IpAddr) {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(address);
        if seen.len() >= MAX_ADDRESSES && !seen.contains_key(&network) {
            make_room(&mut seen, now);
        }
        let entry = seen.entry(network).or_insert((0, now));
        if now.duration_since(entry.1) >= WINDOW {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
    }
}

/// Forgets counts that are over, or else the oldest one: a flood of addresses must not unblock the others.
fn make_room(seen: &mut HashMap<IpAddr, (u32, Instant)>, now: Instant) {
    seen.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
    if seen.len() >= MAX_ADDRESSES {
        let oldest = seen.iter().min_by_key(|(_, (_, since))| *since).map(|(address, _)| *address);
        oldest.map(|address| seen.remove(&address));
    }
}

/// Reduces an IPv6 address to its /64 network.
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
        for _ in 0..MAX_ATTEMPTS {
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
        for n in 0..MAX_ATTEMPTS {
            failures.count(format!("2001:db8::{n:x}").parse().unwrap());
        }
        assert!(failures.wait("2001:db8::ffff".parse().unwrap()).is_some());
        for n in 0..30_000_u32 {
            failures.count(IpAddr::V4(n.into()));
        }
        assert!(failures.0.lock().unwrap().len() <= MAX_ADDRESSES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_addresses_unblocks_the_oldest_only() {
        let failures = FailedAttempts::default();
        let blocked: Vec<IpAddr> = (1..=3).map(|n| IpAddr::V4([192, 0, 2, n].into())).collect();
        for address in &blocked {
            tokio::time::advance(Duration::from_millis(1)).await;
            (0..MAX_ATTEMPTS).for_each(|_| failures.count(*address));
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        let room = u32::try_from(MAX_ADDRESSES - blocked.len()).unwrap();
        for n in 0..=room {
            failures.count(IpAddr::V4((0x0a00_0000 + n).into()));
        }
        let waits: Vec<bool> = blocked.iter().map(|address| failures.wait(*address).is_some()).collect();
        assert_eq!(waits, [false, true, true], "one more than there is room for costs the oldest its count");
    }
}
