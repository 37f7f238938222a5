//! What callers share: so much for each, so much in all. A part that is dropped is there for the others again.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// How much there is, and who holds what of it.
#[derive(Debug)]
pub struct Shares<K> {
    each: usize,
    in_all: usize,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    all: usize,
    /// Whoever holds nothing has no entry, so this is as bounded as what there is.
    by_holder: HashMap<K, usize>,
}

/// A part of it. Dropping it gives it back.
#[derive(Debug)]
pub struct Share<K: Clone + Eq + Hash> {
    shares: Arc<Shares<K>>,
    holder: K,
    amount: usize,
}

/// Why nobody gets more. Holds how much was taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Each may have so much, and this one has.
    Each(usize),
    /// There is no more in all.
    InAll(usize),
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// So much for each, and so much in all.
    pub fn new(each: usize, in_all: usize) -> Arc<Self> {
        Arc::new(Self { each, in_all, held: Mutex::new(Held { all: 0, by_holder: HashMap::new() }) })
    }

    /// Takes `amount` for this holder, or says what is full.
    pub fn take(self: &Arc<Self>, holder: K, amount: usize) -> Result<Share<K>, Full> {
        let mut share = Share { shares: Arc::clone(self), holder, amount: 0 };
        share.grow(amount)?;
        Ok(share)
    }
}

impl<K: Clone + Eq + Hash> Share<K> {
    /// How much it is.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes so much more. What it has stays when there is no more.
    pub fn grow(&mut self, by: usize) -> Result<(), Full> {
        let Shares { each, in_all, held } = &*self.shares;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.by_holder.get(&self.holder).copied().unwrap_or(0);
        if own.saturating_add(by) > *each {
            return Err(Full::Each(own));
        }
        if held.all.saturating_add(by) > *in_all {
            return Err(Full::InAll(held.all));
        }
        if by > 0 {
            held.all += by;
            held.by_holder.insert(self.holder.clone(), own + by);
            self.amount += by;
        }
        Ok(())
    }
}

impl<K: Clone + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= self.amount;
        match held.by_holder.get_mut(&self.holder) {
            Some(own) if *own > self.amount => *own -= self.amount,
            _ => drop(held.by_holder.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_much_and_all_together_so_much() {
        let shares = Shares::new(20, 30);
        let mut first = shares.take("a", 15).unwrap();
        assert_eq!(first.grow(6), Err(Full::Each(15)));
        first.grow(5).unwrap();
        assert_eq!(shares.take("a", 1).unwrap_err(), Full::Each(20));
        let second = shares.take("b", 10).unwrap();
        assert_eq!(shares.take("b", 1).unwrap_err(), Full::InAll(30));
        assert_eq!((first.amount(), second.amount()), (20, 10));
        drop(first);
        shares.take("b", 10).unwrap();
        shares.take("c", 20).unwrap();
    }

    #[test]
    fn whoever_has_left_leaves_nothing_behind() {
        let shares = Shares::new(2, 1_000);
        for n in 0..5_000 {
            let _one = shares.take(n, 1).unwrap();
            let _other = shares.take(n, 1).unwrap();
            let _nothing = shares.take(n, 0).unwrap();
        }
        let held = shares.held.lock().unwrap();
        assert!(held.by_holder.is_empty() && held.all == 0, "{held:?}");
    }
}
