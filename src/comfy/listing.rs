//! Jobs in all states, a page at a time.

use std::{cmp::Ordering as Order, sync::atomic::Ordering};

use serde::Deserialize;

use super::{
    Client, Job, JobPage, JobQuery, JobState, PromptId, Result, SortBy, SortOrder,
    endpoint::Endpoint,
    queue::{RawItem, RawJob},
    tolerant::{Object, Readable},
};

/// Limit for finished prompts that are looked at on a server without `/api/jobs`.
const MAX_FINISHED: u32 = 1_000;
/// Number of history entries per request when only their marks are wanted.
const CHUNK: u32 = 200;
/// ComfyUI keeps no more history than this.
const MAX_HISTORY: u32 = 10_000;

impl Client {
    /// Jobs in all states, a page at a time. Servers without `/api/jobs` are asked for queue and history.
    pub async fn jobs(&self, query: &JobQuery) -> Result<JobPage> {
        if !self.inner.jobs_route.missing.load(Ordering::Relaxed) {
            let endpoint = Endpoint::Jobs(query);
            let answer = self.inner.transport.get(&endpoint).await?;
            if !matches!(answer.status, 404 | 405) {
                let page: RawPage = answer.ok(&endpoint)?.object(&endpoint)?;
                let jobs = page
                    .jobs
                    .into_iter()
                    .map(|raw| raw.0.map_or_else(Job::unreadable, |raw| raw.split().0))
                    .collect();
                let RawPagination { offset, limit, total, has_more } = page.pagination;
                return Ok(JobPage { jobs, offset, limit, total, has_more });
            }
            self.inner.jobs_route.missing.store(true, Ordering::Relaxed);
        }
        let (queue, history) = tokio::join!(self.queue(), self.history_list(MAX_FINISHED));
        let (queue, history) = (queue?, history?);
        let running = queue.running.into_iter().map(|item| Job::from_queue(item, JobState::Running));
        let pending = queue.pending.into_iter().rev().map(|item| Job::from_queue(item, JobState::Queued));
        // Oldest last: the order that the sort keeps among equals.
        let all = pending.chain(running).chain(history.into_iter().map(Job::from_history));
        Ok(page_of(all.collect(), query))
    }

    /// The marks of all finished prompts that history has, newest first as far as ComfyUI tells. `enough` may end
    /// the search.
    pub async fn history_marks(&self, mut enough: impl FnMut(&PromptId, Option<&str>) -> bool) -> Result<()> {
        let newest = Endpoint::HistoryList { max_items: CHUNK, offset: None };
        let count = self.read_marks(&newest, &mut enough).await?;
        let mut offset = 0;
        let mut more = count == Some(CHUNK as usize);
        while more && offset < MAX_HISTORY {
            let endpoint = Endpoint::HistoryList { max_items: CHUNK, offset: Some(offset) };
            more = self.read_marks(&endpoint, &mut enough).await? == Some(CHUNK as usize);
            offset += CHUNK;
        }
        Ok(())
    }

    /// Reads one chunk of history. Gives its size, or nothing when `enough` was satisfied.
    async fn read_marks(
        &self,
        endpoint: &Endpoint<'_>,
        enough: &mut impl FnMut(&PromptId, Option<&str>) -> bool,
    ) -> Result<Option<usize>> {
        let chunk: indexmap::IndexMap<String, Object<Marked>> =
            self.inner.transport.get_json(endpoint).await?;
        let count = chunk.len();
        let mut is_enough = false;
        for (id, entry) in chunk.into_iter().rev() {
            let Ok(id) = PromptId::parse(&id) else { continue };
            let mark = entry
                .0
                .as_ref()
                .and_then(|entry| entry.prompt.as_ref())
                .and_then(|item| item.extra.comfywarden_mark.as_str());
            is_enough = enough(&id, mark);
        }
        Ok((!is_enough).then_some(count))
    }
}

/// A history entry of which only the prompt is read, and of that not the graph.
#[derive(Debug, Deserialize)]
struct Marked {
    prompt: Option<RawItem>,
}

/// Filters, sorts and cuts as ComfyUI does. Equals keep their order in either direction.
fn page_of(mut jobs: Vec<Job>, query: &JobQuery) -> JobPage {
    jobs.retain(|job| {
        (query.status.is_empty() || job.status.is_some_and(|state| query.status.contains(&state)))
            && query.workflow_id.as_ref().is_none_or(|id| job.workflow_id.as_ref() == Some(id))
    });
    let duration = |job: &Job| {
        job.execution_end_time
            .unwrap_or_default()
            .saturating_sub(job.execution_start_time.unwrap_or_default())
    };
    let compare = |a: &Job, b: &Job| match query.sort_by.unwrap_or(SortBy::CreatedAt) {
        SortBy::CreatedAt => a.create_time.cmp(&b.create_time),
        SortBy::ExecutionDuration => duration(a).cmp(&duration(b)),
    };
    let ordered = |a: &Job, b: &Job| -> Order {
        match query.sort_order.unwrap_or(SortOrder::Desc) {
            SortOrder::Asc => compare(a, b),
            SortOrder::Desc => compare(b, a),
        }
    };
    jobs.sort_by(ordered);
    let total = jobs.len() as u64;
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let most = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let jobs: Vec<Job> = jobs.into_iter().skip(skip).take(most).collect();
    let has_more = query.offset.saturating_add(jobs.len() as u64) < total;
    JobPage { jobs, offset: query.offset, limit: query.limit.map(u64::from), total, has_more }
}

#[derive(Debug, Deserialize)]
pub(super) struct RawPage {
    pub(super) jobs: Vec<Readable<RawJob>>,
    #[serde(default)]
    pub(super) pagination: RawPagination,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPagination {
    offset: u64,
    limit: Option<u64>,
    pub(super) total: u64,
    pub(super) has_more: bool,
}
