//! Limits which jobs and files a caller sees and stops: those of its tenant, since jobs hold other people's prompts and
//! pictures, or all of them for the operator.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    Call, JobOwners,
    job_owners::{Mark, Owner},
    named_files::{self, File},
};
use crate::{
    comfy::{
        Client, FileType, HistoryEntry, Job, OutputRef, Produced, PromptId, QueueItem, QueueSnapshot,
        missing_file, missing_name,
    },
    gate::Caller,
};
use comfywarden_error::Error;
use comfywarden_policy::display::sanitize;
use comfywarden_workflow::{ObjectInfo, Workflow};

/// Makes the predicate for finished jobs that this caller sees.
pub(crate) fn seen_by(caller: &Caller) -> impl Fn(&HistoryEntry) -> bool + Sync + use<> {
    let (all, mark) = (caller.sees_all_jobs(), Mark::of(caller));
    move |entry| all || entry.mark.as_deref() == Some(mark.as_str())
}

/// Maximum number of the newest finished jobs that are searched for the one that made a file.
const MAX_SEARCHED: u32 = 1_000;
/// Maximum length of a name in a message, in characters.
const MAX_SHOWN: usize = 200;

/// Refuses a file that no job of this caller made, with the words for one that is not there: names like
/// `ComfyUI_00001_.png` can be guessed. The input folder is everybody's: every loader node lists it.
pub(crate) async fn must_read(
    caller: &Caller,
    comfy: &Client,
    job_owners: &JobOwners,
    file: &OutputRef,
) -> Result<(), Error> {
    if caller.sees_all_jobs() || file.kind == FileType::Input {
        return Ok(());
    }
    let mark = Mark::of(caller);
    if !job_owners.made(&mark, file) {
        remember_files(job_owners, &mark, &comfy.produced(MAX_SEARCHED).await?.jobs);
    }
    if job_owners.made(&mark, file) { Ok(()) } else { Err(missing_file(file).into()) }
}

/// Keeps which files these jobs of the caller made: ComfyUI forgets its history when it restarts.
fn remember_files(job_owners: &JobOwners, mark: &Mark, jobs: &[Produced]) {
    for job in jobs.iter().rev().filter(|job| job.mark.as_deref() == Some(mark.as_str())) {
        for output in &job.outputs {
            job_owners.note_file(mark, output);
        }
    }
}

/// The error for a job that does not exist for this caller. A job of somebody else gives the same one.
pub(crate) fn unknown(id: &PromptId) -> Error {
    Error::not_found(format!("ComfyUI knows no job `{id}`"))
        .hint("it may have been deleted from the queue, or ComfyUI restarted since; comfyui_list_jobs shows what is there")
        .detail("prompt_id", id.as_str())
}

impl Call {
    /// The mark of this caller's jobs.
    pub(crate) fn mark(&self) -> Mark {
        Mark::of(&self.caller)
    }

    /// True when this caller may see and stop every job.
    pub(crate) fn sees_all_jobs(&self) -> bool {
        self.caller.sees_all_jobs()
    }

    /// True when the job was submitted by this caller.
    pub(crate) fn is_mine(&self, mark: Option<&str>) -> bool {
        mark == Some(self.mark().as_str())
    }

    /// Keeps the entries that the caller may see. The owner of each stays known, and `ours` means this
    /// caller. Gives the entries it may see.
    pub(crate) fn visible(&self, items: Vec<QueueItem>) -> Vec<QueueItem> {
        let (alone, mark) = (self.sees_all_jobs(), self.mark());
        let mut seen = Vec::with_capacity(items.len());
        for mut item in items {
            if let Ok(id) = PromptId::parse(&item.prompt_id) {
                self.job_owners.learn(&id, item.mark.as_deref());
            }
            item.ours = item.mark.as_deref() == Some(mark.as_str());
            if alone || item.ours {
                seen.push(item);
            }
        }
        seen
    }

    /// The queue with the entries that this caller may see, and how many there are besides.
    pub(crate) async fn own_queue(&self) -> Result<(QueueSnapshot, Others), Error> {
        let QueueSnapshot { running, pending } = self.backend().queue().await?;
        let all = (running.len(), pending.len());
        let seen = QueueSnapshot { running: self.visible(running), pending: self.visible(pending) };
        let others = Others { running: all.0 - seen.running.len(), pending: all.1 - seen.pending.len() };
        Ok((seen, others))
    }

    /// Keeps whose job a finished one is; true when this caller may see it.
    pub(crate) fn may_see_entry(&self, entry: &HistoryEntry) -> bool {
        if let Ok(id) = PromptId::parse(&entry.prompt_id) {
            self.job_owners.learn(&id, entry.mark.as_deref());
        }
        self.sees_all_jobs() || self.is_mine(entry.mark.as_deref())
    }

    /// True when this caller may see and stop the job. ComfyUI is asked where nothing is known of it yet.
    pub(crate) async fn may_see(&self, id: &PromptId) -> Result<bool, Error> {
        if self.sees_all_jobs() {
            return Ok(true);
        }
        if let Some(owner) = self.job_owners.owner(id) {
            return Ok(owner == Owner::Caller(self.mark()));
        }
        let queue = self.backend().queue().await?;
        let waiting =
            queue.running.into_iter().chain(queue.pending).find(|item| item.prompt_id == id.as_str());
        if let Some(item) = waiting {
            return Ok(!self.visible(vec![item]).is_empty());
        }
        Ok(self.backend().history(id).await?.is_some_and(|entry| self.may_see_entry(&entry)))
    }

    /// The jobs of this caller among `jobs`.
    pub(crate) async fn only_own(&self, mut jobs: Vec<Job>) -> Result<Vec<Job>, Error> {
        let ids: Vec<Option<PromptId>> = jobs.iter().map(|job| PromptId::parse(&job.id).ok()).collect();
        self.learn_owners(ids.iter().flatten()).await?;
        let mine = Owner::Caller(self.mark());
        let mut own = ids.iter().map(|id| {
            id.as_ref().and_then(|id| self.job_owners.owner(id)).is_some_and(|owner| owner == mine)
        });
        jobs.retain(|_| own.next().unwrap_or(false));
        Ok(jobs)
    }

    /// Finds out whose jobs these are. After a restart that takes a walk through history, later nearly nothing.
    async fn learn_owners<'a>(&self, ids: impl Iterator<Item = &'a PromptId>) -> Result<(), Error> {
        let mut unknown: HashSet<&PromptId> = ids.filter(|id| self.job_owners.owner(id).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let queue = self.backend().queue().await?;
        for item in queue.running.iter().chain(&queue.pending) {
            let Ok(id) = PromptId::parse(&item.prompt_id) else { continue };
            self.job_owners.learn(&id, item.mark.as_deref());
            unknown.remove(&id);
        }
        if !unknown.is_empty() {
            let learn = |id: &PromptId, mark: Option<&str>| {
                self.job_owners.learn(id, mark);
                unknown.remove(id);
                unknown.is_empty()
            };
            self.backend().history_marks(learn).await?;
        }
        Ok(())
    }

    /// Refuses a file that no job of this caller made.
    pub(crate) async fn must_read(&self, file: &OutputRef) -> Result<(), Error> {
        must_read(&self.caller, self.backend(), &self.job_owners, file).await
    }

    /// Refuses a workflow that reads a file which no job of this caller made, by whatever node and spelling.
    pub(crate) async fn must_read_named(
        &self,
        workflow: &Workflow,
        object_info: &ObjectInfo,
        replacements: Option<&Value>,
    ) -> Result<(), Error> {
        if self.sees_all_jobs() {
            return Ok(());
        }
        for named in named_files::named(workflow, object_info, replacements) {
            let refused = match &named.file {
                File::Plain(file) => match self.must_read(file).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                File::Odd { name, folder } => {
                    let name: String = name.chars().take(MAX_SHOWN).collect();
                    missing_name("", &name, *folder).into()
                }
                File::Linked => Error::denied(format!(
                    "node {} ({}), input `{}`: the name of its file comes over a link, so whose file it is cannot be \
                     told before it runs",
                    sanitize(&named.node),
                    sanitize(&named.class),
                    sanitize(&named.input)
                ))
                .hint("this server has several callers: write the name into the node itself"),
            };
            return Err(refused.detail("field", format!("{}.{}", named.node, named.input)));
        }
        Ok(())
    }

    /// The jobs of this caller among finished ones.
    pub(crate) fn own_produced(&self, mut jobs: Vec<Produced>) -> Vec<Produced> {
        if !self.sees_all_jobs() {
            jobs.retain(|job| self.is_mine(job.mark.as_deref()));
            remember_files(&self.job_owners, &self.mark(), &jobs);
        }
        jobs
    }

    /// Refuses a job of somebody else with the words for one that does not exist.
    pub(crate) async fn must_see(&self, id: &PromptId) -> Result<(), Error> {
        if self.may_see(id).await? { Ok(()) } else { Err(unknown(id)) }
    }
}

/// Jobs of other callers, which are counted and not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Others {
    pub(crate) running: usize,
    pub(crate) pending: usize,
}

impl Others {
    /// True when there are none.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
