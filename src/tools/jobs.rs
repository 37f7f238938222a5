//! Jobs: all of them a page at a time, and one of them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{Answer, Call, Handled, Hints, Stop, Tool, fitting::fitting, ownership::unknown};
use crate::{
    comfy::{
        FileType, Job, JobPage, JobQuery, JobState, NodeFailure, PromptId, SortBy, SortOrder, comfyui_words,
    },
    gate::Class,
};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// Jobs of a page when no limit is given.
const USUAL_LIMIT: u32 = 25;
/// The longest message of a failure in a list.
const SHORT_MESSAGE: usize = 200;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_list_jobs",
            Class::Read,
            "Jobs",
            "Lists jobs in every state, newest first. For finished jobs with all their outputs use \
             comfyui_get_history.",
            list_jobs,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_job",
            Class::Read,
            "Job",
            "Shows one job: status, times, outputs when it succeeded, the failing node when it failed.",
            get_job,
        )
        .hints(LOOK),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListJobs {
    /// Only these states
    #[serde(default, deserialize_with = "states")]
    #[schemars(schema_with = "states_schema", length(max = 5))]
    status: Vec<JobState>,
    /// Only runs of this saved workflow
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    workflow_id: Option<String>,
    /// Order
    #[serde(default = "by_time")]
    sort_by: SortBy,
    /// Direction
    #[serde(default = "newest_first")]
    sort_order: SortOrder,
    /// Most jobs; 25 when absent
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// Jobs to skip
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: u32,
}

fn states<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<JobState>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    let state = |word: String| {
        let unknown = || D::Error::custom(format!("`{word}` is no state of a job"));
        comfyui_words::state(&word).ok_or_else(unknown)
    };
    words.into_iter().map(state).collect()
}

fn states_schema(_: &mut SchemaGenerator) -> Schema {
    let words: Vec<&str> = comfyui_words::ALL.iter().map(|(word, _)| *word).collect();
    json_schema!({ "type": "array", "items": { "type": "string", "enum": words } })
}

fn by_time() -> SortBy {
    SortBy::CreatedAt
}

fn newest_first() -> SortOrder {
    SortOrder::Desc
}

/// One page of jobs; times in milliseconds since 1970.
#[derive(Debug, Serialize, JsonSchema)]
struct Jobs {
    jobs: Vec<Listed>,
    pagination: Pagination,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Pagination {
    offset: u64,
    limit: u64,
    total: u64,
    has_more: bool,
}

/// A job in a list.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    id: String,
    #[serde(serialize_with = "comfyui_words::serialize")]
    #[schemars(schema_with = "comfyui_words::schema")]
    status: Option<JobState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_start_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_end_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview_output: Option<Preview>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ShortError>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Preview {
    filename: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    subfolder: String,
    r#type: FileType,
}

/// Reason for a job's failure, without the traceback.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShortError {
    node_id: String,
    node_type: String,
    exception_type: String,
    message: String,
}

impl From<NodeFailure> for ShortError {
    fn from(failure: NodeFailure) -> Self {
        let message = match failure.message.char_indices().nth(SHORT_MESSAGE) {
            Some((end, _)) => format!("{}…", failure.message.get(..end).unwrap_or_default()),
            None => failure.message,
        };
        Self {
            node_id: failure.node_id,
            node_type: failure.node_type,
            exception_type: failure.exception_type,
            message,
        }
    }
}

impl From<Job> for Listed {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            status: job.status,
            priority: job.priority,
            create_time: job.create_time,
            execution_start_time: job.execution_start_time,
            execution_end_time: job.execution_end_time,
            outputs_count: job.outputs_count,
            workflow_id: job.workflow_id,
            preview_output: job.preview_output.map(|file| Preview {
                filename: file.filename,
                subfolder: file.subfolder,
                r#type: file.file_type,
            }),
            error: job.error.map(ShortError::from),
        }
    }
}

async fn list_jobs(call: Call, params: ListJobs) -> Handled<Jobs> {
    let query = JobQuery {
        status: params.status,
        workflow_id: params.workflow_id,
        sort_by: Some(params.sort_by),
        sort_order: Some(params.sort_order),
        limit: Some(params.limit.unwrap_or(USUAL_LIMIT)),
        offset: params.offset.into(),
    };
    let page =
        if call.sees_all_jobs() { call.backend().jobs(&query).await? } else { own(&call, query).await? };
    let found = page.jobs.len();
    let jobs = fitting(page.jobs.into_iter().map(Listed::from));
    let is_cut = jobs.len() < found;
    // A page that was cut says so in its limit: offset + limit is always where the next page begins.
    let limit = if is_cut { jobs.len() as u64 } else { u64::from(query_limit(params.limit)) };
    let pagination =
        Pagination { offset: page.offset, limit, total: page.total, has_more: page.has_more || is_cut };
    Ok(Jobs { jobs, pagination }.into())
}

fn query_limit(limit: Option<u32>) -> u32 {
    limit.unwrap_or(USUAL_LIMIT)
}

/// The page of a caller's own jobs: ComfyUI cannot filter by caller, so all are asked for.
async fn own(call: &Call, query: JobQuery) -> Result<JobPage, Stop> {
    let (offset, limit) = (query.offset, query.limit);
    let all = call.backend().jobs(&JobQuery { limit: None, offset: 0, ..query }).await?;
    let jobs = call.only_own(all.jobs).await?;
    let total = jobs.len() as u64;
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let jobs: Vec<Job> = jobs.into_iter().skip(skip).take(query_limit(limit) as usize).collect();
    let has_more = offset.saturating_add(jobs.len() as u64) < total;
    Ok(JobPage { jobs, offset, limit: limit.map(u64::from), total, has_more })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneJob {
    /// Job id
    pub(super) prompt_id: PromptId,
}

async fn get_job(call: Call, params: OneJob) -> Handled<Job> {
    let id = params.prompt_id;
    call.must_see(&id).await?;
    let job = call.backend().job(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(Answer::from(job).prompt(id.as_str()))
}
