//! Quota with a limit per holder and in total. A dropped allocation is free for others again.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Limits what each holder and all holders take together.
#[derive(Debug)]
pub struct Quota<K> {
    per_holder: usize,
    total: usize,
    usage: Mutex<Usage<K>>,
}

#[derive(Debug)]
struct Usage<K> {
    all: usize,
    /// Amount by holder. A holder of nothing has no entry, so the total bounds the map.
    by_holder: HashMap<K, usize>,
}

/// An amount taken from a quota. Dropping it gives the amount back.
#[derive(Debug)]
pub struct Allocation<K: Clone + Eq + Hash> {
    quota: Arc<Quota<K>>,
    holder: K,
    amount: usize,
}

/// Limit that is reached, with the amount taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// The holder has as much as it may have.
    PerHolder(usize),
    /// The total is used up.
    Total(usize),
}

impl<K: Clone + Eq + Hash> Quota<K> {
    /// Creates a quota with a limit for each holder and one for all.
    pub fn new(per_holder: usize, total: usize) -> Arc<Self> {
        Arc::new(Self { per_holder, total, usage: Mutex::new(Usage { all: 0, by_holder: HashMap::new() }) })
    }

    /// Takes `amount` for this holder, or says which limit is reached.
    pub fn take(self: &Arc<Self>, holder: K, amount: usize) -> Result<Allocation<K>, QuotaExceeded> {
        let mut allocation = Allocation { quota: Arc::clone(self), holder, amount: 0 };
        allocation.grow(amount)?;
        Ok(allocation)
    }
}

impl<K: Clone + Eq + Hash> Allocation<K> {
    /// Amount of this allocation.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes `by` more. On failure the allocation stays as it is.
    pub fn grow(&mut self, by: usize) -> Result<(), QuotaExceeded> {
        let Quota { per_holder, total, usage } = &*self.quota;
        let mut usage = usage.lock().unwrap_or_else(PoisonError::into_inner);
        let own = usage.by_holder.get(&self.holder).copied().unwrap_or(0);
        if own.saturating_add(by) > *per_holder {
            return Err(QuotaExceeded::PerHolder(own));
        }
        if usage.all.saturating_add(by) > *total {
            return Err(QuotaExceeded::Total(usage.all));
        }
        if by > 0 {
            usage.all += by;
            usage.by_holder.insert(self.holder.clone(), own + by);
            self.amount += by;
        }
        Ok(())
    }
}

impl<K: Clone + Eq + Hash> Drop for Allocation<K> {
    fn drop(&mut self) {
        let mut usage = self.quota.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.all -= self.amount;
        match usage.by_holder.get_mut(&self.holder) {
            Some(own) if *own > self.amount => *own -= self.amount,
            _ => drop(usage.by_holder.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_much_and_all_together_so_much() {
        let quota = Quota::new(20, 30);
        let mut first = quota.take("a", 15).unwrap();
        assert_eq!(first.grow(6), Err(QuotaExceeded::PerHolder(15)));
        first.grow(5).unwrap();
        assert_eq!(quota.take("a", 1).unwrap_err(), QuotaExceeded::PerHolder(20));
        let second = quota.take("b", 10).unwrap();
        assert_eq!(quota.take("b", 1).unwrap_err(), QuotaExceeded::Total(30));
        assert_eq!((first.amount(), second.amount()), (20, 10));
        drop(first);
        quota.take("b", 10).unwrap();
        quota.take("c", 20).unwrap();
    }

    #[test]
    fn whoever_has_left_leaves_nothing_behind() {
        let quota = Quota::new(2, 1_000);
        for n in 0..5_000 {
            let _one = quota.take(n, 1).unwrap();
            let _other = quota.take(n, 1).unwrap();
            let _nothing = quota.take(n, 0).unwrap();
        }
        let usage = quota.usage.lock().unwrap();
        assert!(usage.by_holder.is_empty() && usage.all == 0, "{usage:?}");
    }
}
