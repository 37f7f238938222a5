//! Owners of jobs: the memory behind “only your own jobs” and “your last failed job”.
//!
//! Callers are known by a mark that travels in the job's `extra_data`, so that a restart of either side does not
//! make a caller lose its jobs. Everything here is bounded; the oldest goes first.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::{findings::Finding, history::Listings};
use crate::{
    comfy::{FileType, OutputFile, OutputRef, PromptId},
    gate::Caller,
};
use comfywarden_error::Kind;

/// Maximum number of jobs with a known owner.
const MAX_JOBS: usize = 20_000;
/// Maximum number of stopped jobs that are remembered.
const MAX_STOPPED: usize = 2_000;
/// Maximum number of files with a known maker.
const MAX_FILES: usize = 20_000;
/// Maximum number of callers with attempts.
const MAX_CALLERS: usize = 256;
/// Maximum number of attempts of one caller.
const MAX_ATTEMPTS: usize = 32;

/// The name of a caller inside a job: tells callers apart and tells nothing about them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mark(Arc<str>);

impl Mark {
    pub(crate) fn of(caller: &Caller) -> Self {
        let digest =
            Sha256::new().chain_update(b"comfywarden caller\n").chain_update(caller.tenant()).finalize();
        let short: u64 = digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte));
        Self(format!("{short:016x}").into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something a caller tried to run.
#[derive(Debug, Clone)]
pub(crate) enum Attempt {
    /// ComfyUI took it.
    Submitted(PromptId),
    /// Refused before it became a job.
    Refused(Arc<RefusedWorkflow>),
}

/// Reason why a workflow never ran.
#[derive(Debug)]
pub(crate) struct RefusedWorkflow {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

/// Owner of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A caller's.
    Caller(Mark),
    /// Somebody's who does not come through here, such as the user of ComfyUI's own page.
    Outsider,
}

/// The owners of jobs and the attempts of callers.
#[derive(Debug, Default)]
pub(crate) struct JobOwners {
    state: Mutex<Records>,
    /// The pages of history that callers are in the middle of.
    pub(super) listings: Listings,
}

#[derive(Debug, Default)]
struct Records {
    owners: HashMap<PromptId, Owner>,
    /// Job ids in the order of their arrival.
    jobs: VecDeque<PromptId>,
    attempts: HashMap<Mark, VecDeque<Attempt>>,
    /// The caller that tried something last comes last.
    callers: VecDeque<Mark>,
    /// Jobs that were stopped through us. ComfyUI forgets those that waited, and does not say who stopped the others.
    stopped: VecDeque<PromptId>,
    made: HashSet<Made>,
    /// Files in the order of their arrival.
    files: VecDeque<Made>,
}

/// A file and one of those whose jobs made it: jobs out of ComfyUI's cache share the file of the first one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Made {
    mark: Mark,
    file_type: FileType,
    subfolder: String,
    filename: String,
}

impl JobOwners {
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// ComfyUI took a job of this caller.
    pub(crate) fn submitted(&self, mark: &Mark, id: &PromptId) {
        let mut state = self.lock();
        state.own(id, Owner::Caller(mark.clone()));
        state.attempt(mark, Attempt::Submitted(id.clone()));
    }

    /// A workflow of this caller never ran.
    pub(crate) fn refused(&self, mark: &Mark, refusal: RefusedWorkflow) {
        self.lock().attempt(mark, Attempt::Refused(Arc::new(refusal)));
    }

    /// A job was stopped through us, waiting or running.
    pub(crate) fn stopped(&self, id: &PromptId) {
        let mut state = self.lock();
        if state.stopped.len() >= MAX_STOPPED {
            state.stopped.pop_front();
        }
        state.stopped.push_back(id.clone());
    }

    /// True for a job that was stopped through us.
    pub(crate) fn was_stopped(&self, id: &PromptId) -> bool {
        self.lock().stopped.contains(id)
    }

    /// Takes over whose job this is, as the job itself says.
    pub(crate) fn learn(&self, id: &PromptId, mark: Option<&str>) {
        let owner = mark.map_or(Owner::Outsider, |mark| Owner::Caller(Mark(mark.into())));
        self.lock().own(id, owner);
    }

    /// Gives the job's owner, where it is known.
    pub(crate) fn owner(&self, id: &PromptId) -> Option<Owner> {
        self.lock().owners.get(id).cloned()
    }

    /// A job of this caller made this file.
    pub(crate) fn note_file(&self, mark: &Mark, output: &OutputFile) {
        let made = Made {
            mark: mark.clone(),
            file_type: output.file_type,
            subfolder: output.subfolder.clone(),
            filename: output.filename.clone(),
        };
        let mut state = self.lock();
        if !output.filename.is_empty() && state.made.insert(made.clone()) {
            state.files.push_back(made);
            if state.files.len() > MAX_FILES
                && let Some(oldest) = state.files.pop_front()
            {
                state.made.remove(&oldest);
            }
        }
    }

    /// True when a job of this caller is known to have made this file.
    pub(crate) fn made(&self, mark: &Mark, file: &OutputRef) -> bool {
        let (subfolder, filename) = (file.subfolder.as_str().to_owned(), file.filename.as_str().to_owned());
        self.lock().made.contains(&Made { mark: mark.clone(), file_type: file.kind, subfolder, filename })
    }

    /// Lists this caller's attempts, newest first.
    pub(crate) fn attempts(&self, mark: &Mark) -> Vec<Attempt> {
        let state = self.lock();
        state.attempts.get(mark).map(|attempts| attempts.iter().rev().cloned().collect()).unwrap_or_default()
    }
}

impl Records {
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
        if self.jobs.len() > MAX_JOBS
            && let Some(oldest) = self.jobs.pop_front()
        {
            self.owners.remove(&oldest);
        }
    }

    fn attempt(&mut self, mark: &Mark, attempt: Attempt) {
        self.callers.retain(|known| known != mark);
        self.callers.push_back(mark.clone());
        if self.callers.len() > MAX_CALLERS
            && let Some(oldest) = self.callers.pop_front()
        {
            self.attempts.remove(&oldest);
        }
        let attempts = self.attempts.entry(mark.clone()).or_default();
        if attempts.len() >= MAX_ATTEMPTS {
            attempts.pop_front();
        }
        attempts.push_back(attempt);
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
    fn attempts_are_per_caller_newest_first_and_bounded() {
        let job_owners = JobOwners::default();
        let (a, b) = (caller("a"), caller("b"));
        let ids: Vec<PromptId> = (0..2 * MAX_ATTEMPTS).map(|_| PromptId::generate()).collect();
        for id in &ids {
            job_owners.submitted(&a, id);
        }
        let attempts = job_owners.attempts(&a);
        assert_eq!(attempts.len(), MAX_ATTEMPTS);
        assert!(matches!(attempts.first(), Some(Attempt::Submitted(id)) if Some(id) == ids.last()));
        assert!(job_owners.attempts(&b).is_empty());
        for n in 0..MAX_CALLERS {
            job_owners.submitted(&caller(&format!("caller-{n}")), &PromptId::generate());
        }
        assert!(job_owners.attempts(&a).is_empty(), "the oldest caller goes first");
    }

    #[test]
    fn owners_are_bounded_and_learned_from_jobs() {
        let job_owners = JobOwners::default();
        let first = PromptId::generate();
        job_owners.learn(&first, Some(caller("a").as_str()));
        assert_eq!(job_owners.owner(&first), Some(Owner::Caller(caller("a"))));
        for _ in 0..MAX_JOBS {
            job_owners.learn(&PromptId::generate(), None);
        }
        assert_eq!(job_owners.owner(&first), None);
    }
}
