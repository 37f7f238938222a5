//! Finished jobs, newest first, in pages that join.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Call, Handled, Hints, Stop, Tool,
    assets::AssetId,
    fitting::fitting,
    job_owners::Mark,
    jobs::ShortError,
    params::{Paging, default_limit},
};
use crate::{
    comfy::{
        Blocked, FileType, HistoryEntry, JobQuery, JobState, OutputFile, OutputKind, PromptId, comfyui_words,
    },
    gate::Class,
};
use comfywarden_error::Error;

/// Number of entries that are fetched together.
const AT_ONCE: usize = 6;
/// Maximum number of outputs of one entry in an answer.
const MAX_OUTPUTS: usize = 8;
/// The size of a default page without what stands beside its items.
const DEFAULT_PAGE: usize = 7_800;
/// Maximum number of characters of a text output in an answer.
const SHORT_TEXT: usize = 200;
/// Maximum number of callers in the middle of a listing.
const MAX_LISTINGS: usize = 8;
/// Time for which the next page goes on where the last one ended.
const LISTING_LIFE: Duration = Duration::from_mins(10);

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_history",
            Class::Read,
            "History",
            "Lists finished jobs with their outputs, newest first. Waiting and running jobs: \
             comfyui_list_jobs.",
            get_history,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true }),
    ]
}

/// One page; times in milliseconds since 1970.
#[derive(Debug, Serialize, JsonSchema)]
struct History {
    items: Vec<Finished>,
    count: usize,
    offset: usize,
    limit: usize,
    has_more: bool,
    total: usize,
}

/// A finished job.
#[derive(Debug, Serialize, JsonSchema)]
struct Finished {
    prompt_id: String,
    #[serde(serialize_with = "comfyui_words::serialize")]
    #[schemars(schema_with = "comfyui_words::schema")]
    status: Option<JobState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<u64>,
    outputs: Vec<Output>,
    /// All outputs, where more than 8
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs_total: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ShortError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<Blocked>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset_id: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    filename: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    subfolder: String,
    r#type: FileType,
    kind: OutputKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Output {
    fn of(file: OutputFile, job: Option<&PromptId>) -> Self {
        Self {
            asset_id: job.and_then(|job| AssetId::text_of(&file, job)),
            node_id: file.node_id,
            filename: file.filename,
            subfolder: file.subfolder,
            r#type: file.file_type,
            kind: file.kind,
            text: file.text.map(|text| match text.char_indices().nth(SHORT_TEXT) {
                Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
                None => text,
            }),
        }
    }
}

impl From<HistoryEntry> for Finished {
    fn from(entry: HistoryEntry) -> Self {
        let all = entry.outputs.len();
        let job = PromptId::parse(&entry.prompt_id).ok();
        let output = |file| Output::of(file, job.as_ref());
        Self {
            prompt_id: entry.prompt_id,
            status: Some(entry.state),
            create_time: entry.create_time,
            start_time: entry.start_time,
            end_time: entry.end_time,
            outputs: entry.outputs.into_iter().take(MAX_OUTPUTS).map(output).collect(),
            outputs_total: (all > MAX_OUTPUTS).then_some(all),
            cached: entry.cached,
            error: entry.failure.map(ShortError::from),
            blocked: entry.blocked,
        }
    }
}

async fn get_history(call: Call, paging: Paging) -> Handled<History> {
    let (limit, offset) = (paging.limit as usize, paging.offset as usize);
    let ids = match call.job_owners.listings.at(&call.mark(), offset) {
        Some(ids) => ids,
        None => finished(&call).await?,
    };
    let page = ids.iter().cloned().enumerate().skip(offset).take(limit).map(|(at, id)| {
        let comfy = call.backend().clone();
        async move { Ok::<_, Error>((at, comfy.history(&id).await?)) }
    });
    let asked: Vec<(usize, Option<HistoryEntry>)> =
        futures::stream::iter(page).buffered(AT_ONCE).try_collect().await?;
    let end = offset.saturating_add(asked.len());
    // What was deleted from history since the listing began is left out.
    let (places, entries): (Vec<usize>, Vec<HistoryEntry>) =
        asked.into_iter().filter_map(|(at, entry)| Some((at, entry?))).unzip();
    let mut items = fitting(entries.into_iter().map(Finished::from));
    if paging.limit <= default_limit() {
        leave_room(&mut items);
    }
    // The first that did not fit begins the next page, and `limit` says so: offset + limit is always the next one.
    let unfit = places.get(items.len()).copied();
    let next = unfit.unwrap_or(end);
    let total = ids.len();
    call.job_owners.listings.keep(&call.mark(), ids, next);
    Ok(History {
        count: items.len(),
        items,
        offset,
        limit: if unfit.is_some() { next - offset } else { limit },
        has_more: next < total,
        total,
    }
    .into())
}

/// Takes asset ids from the oldest jobs of a default page until it has the size of a default answer;
/// `comfyui_list_assets` has them all.
fn leave_room(items: &mut [Finished]) {
    let mut size = serde_json::to_string(&items).map_or(0, |text| text.len());
    for output in items.iter_mut().rev().flat_map(|item| item.outputs.iter_mut().rev()) {
        if size <= DEFAULT_PAGE {
            return;
        }
        // The key, two quotes, a colon and a comma go too.
        size -= output.asset_id.take().map_or(0, |id| id.len() + 14);
    }
}

/// The ids of the finished jobs that this caller may see, newest first.
async fn finished(call: &Call) -> Result<Arc<[PromptId]>, Stop> {
    let query = JobQuery {
        status: vec![JobState::Succeeded, JobState::Failed, JobState::Cancelled],
        ..JobQuery::default()
    };
    let mut jobs = call.backend().jobs(&query).await?.jobs;
    if !call.sees_all_jobs() {
        jobs = call.only_own(jobs).await?;
    }
    Ok(jobs.iter().filter_map(|job| PromptId::parse(&job.id).ok()).collect())
}

/// Listings that callers are in the middle of: what finishes meanwhile must not move the pages under them.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    kept: Mutex<VecDeque<Listing>>,
}

#[derive(Debug)]
struct Listing {
    mark: Mark,
    ids: Arc<[PromptId]>,
    /// The furthest place that was told.
    next: usize,
    begun: Instant,
}

impl Listings {
    /// The listing that a page at `offset` continues. A first page, a late one and one far ahead begin anew.
    fn at(&self, mark: &Mark, offset: usize) -> Option<Arc<[PromptId]>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = kept.iter().find(|listing| listing.mark == *mark)?;
        let continues = offset > 0 && offset <= listing.next && listing.begun.elapsed() < LISTING_LIFE;
        continues.then(|| Arc::clone(&listing.ids))
    }

    fn keep(&self, mark: &Mark, ids: Arc<[PromptId]>, next: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) =
            kept.iter_mut().find(|listing| listing.mark == *mark && Arc::ptr_eq(&listing.ids, &ids))
        {
            listing.next = listing.next.max(next);
            return;
        }
        kept.retain(|listing| listing.mark != *mark && listing.begun.elapsed() < LISTING_LIFE);
        if kept.len() >= MAX_LISTINGS {
            kept.pop_front();
        }
        kept.push_back(Listing { mark: mark.clone(), ids, next, begun: Instant::now() });
    }
}
