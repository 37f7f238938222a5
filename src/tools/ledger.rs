//! Who submitted what: the memory behind “only your own jobs”.
//!
//! Callers are known by a mark that travels in the job's `extra_data`, so that a restart of either side does not
//! make a caller lose its jobs. Everything here is bounded; the oldest goes first.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::history::Listings;
use crate::{comfy::PromptId, security::Caller};

/// How many jobs have a known owner.
const MOST_JOBS: usize = 20_000;

/// The name of a caller inside a job: tells callers apart and tells nothing about them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mark(Arc<str>);

impl Mark {
    pub(crate) fn of(caller: &Caller) -> Self {
        let digest = Sha256::new().chain_update(b"comfywarden caller\n").chain_update(caller.id()).finalize();
        let short: u64 = digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte));
        Self(format!("{short:016x}").into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A caller's.
    Caller(Mark),
    /// Somebody's who does not come through here, such as the user of ComfyUI's own page.
    Outsider,
}

/// The owners of jobs.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// The pages of history that callers are in the middle of.
    pub(super) listings: Listings,
}

#[derive(Debug, Default)]
struct State {
    owners: HashMap<PromptId, Owner>,
    /// In the order of their arrival.
    jobs: VecDeque<PromptId>,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// ComfyUI took a job of this caller.
    pub(crate) fn submitted(&self, mark: &Mark, id: &PromptId) {
        self.lock().own(id, Owner::Caller(mark.clone()));
    }

    /// Takes over whose job this is, as the job itself says.
    pub(crate) fn learn(&self, id: &PromptId, mark: Option<&str>) {
        let owner = mark.map_or(Owner::Outsider, |mark| Owner::Caller(Mark(mark.into())));
        self.lock().own(id, owner);
    }

    /// Whose job this is, where that is known.
    pub(crate) fn owner(&self, id: &PromptId) -> Option<Owner> {
        self.lock().owners.get(id).cloned()
    }
}

impl State {
    fn own(&mut self, id: &PromptId, owner: Owner) {
        match self.owners.get(id) {
            // A second job under the same id cannot take the first one from its owner.
            Some(Owner::Caller(_)) => return,
            Some(Owner::Outsider) => {
                self.owners.insert(id.clone(), owner);
                return;
            }
            None => self.owners.insert(id.clone(), owner),
        };
        self.jobs.push_back(id.clone());
        if self.jobs.len() > MOST_JOBS
            && let Some(oldest) = self.jobs.pop_front()
        {
            self.owners.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(id: &str) -> Mark {
        Mark::of(&Caller::with_classes(id, []))
    }

    #[test]
    fn a_mark_tells_callers_apart_and_nothing_about_them() {
        let (a, b) = (caller("token-1"), caller("token-2"));
        assert!(a != b && a == caller("token-1"));
        assert!(a.as_str().len() == 16 && !a.as_str().contains("token"));
    }

    #[test]
    fn owners_are_bounded_and_learned_from_jobs() {
        let ledger = Ledger::default();
        let first = PromptId::generate();
        ledger.learn(&first, Some(caller("a").as_str()));
        assert_eq!(ledger.owner(&first), Some(Owner::Caller(caller("a"))));
        for _ in 0..MOST_JOBS {
            ledger.learn(&PromptId::generate(), None);
        }
        assert_eq!(ledger.owner(&first), None);
    }
}
