//! Lists the outputs of jobs: every one, or the files among them as assets.

use std::collections::HashSet;

use chrono::{DateTime, SecondsFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AssetId;
use crate::{
    comfy::{FileType, Newest, OutputFile, OutputKind, Produced, PromptId},
    tools::{
        Call, Handled, Stop,
        params::{Page, Paging},
    },
};
use comfywarden_error::Error;
use comfywarden_policy::display;

/// Number of the newest jobs that are looked at.
const NEWEST: u32 = 200;
/// Maximum number of characters of a text output in a list.
const MAX_TEXT: usize = 200;
/// Said when nothing is listed because ComfyUI remembers nothing.
const FORGOTTEN: &str = "ComfyUI's history is empty: it forgets all jobs when it restarts. The files and asset ids \
    from before still work.";
/// Said when ComfyUI remembers jobs, and none of them is this caller's.
const NONE_OF_YOURS: &str = "You have no finished jobs in ComfyUI's history; jobs of other callers are not shown. \
    Jobs from before a restart of ComfyUI are forgotten, their files and asset ids still work.";

/// One page of outputs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Outputs {
    items: Vec<Output>,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// One output.
#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    #[serde(skip_serializing_if = "String::is_empty")]
    filename: String,
    subfolder: String,
    r#type: FileType,
    kind: OutputKind,
    node_id: String,
    prompt_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub(super) async fn list_outputs(call: Call, paging: Paging) -> Handled<Outputs> {
    let (jobs, note) = newest(&call).await?;
    let all: Vec<(String, OutputFile)> = jobs
        .into_iter()
        .flat_map(|job| job.outputs.into_iter().map(move |output| (job.prompt_id.clone(), output)))
        .collect();
    let (items, page) = paging.cut(all);
    let items = items.into_iter().map(|(prompt_id, output)| format_output(&prompt_id, output)).collect();
    Ok(Outputs { items, page, note }.into())
}

fn format_output(prompt_id: &str, output: OutputFile) -> Output {
    Output {
        filename: display::sanitize(&output.filename).into_owned(),
        subfolder: display::sanitize(&output.subfolder).into_owned(),
        r#type: output.file_type,
        kind: output.kind,
        node_id: output.node_id,
        prompt_id: display::sanitize(prompt_id).into_owned(),
        text: output.text.map(|text| short(&text)),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", display::sanitize(text.get(..end).unwrap_or_default())),
        None => display::sanitize(text).into_owned(),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListAssets {
    /// Only this kind
    #[serde(default)]
    kind: Option<OutputKind>,
    /// Only what this job made
    #[serde(default)]
    prompt_id: Option<PromptId>,
    #[serde(flatten)]
    paging: Paging,
}

/// One page of assets.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Assets {
    items: Vec<Listed>,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// One file that a job made.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    asset_id: String,
    filename: String,
    subfolder: String,
    r#type: FileType,
    kind: OutputKind,
    prompt_id: String,
    node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

pub(super) async fn list_assets(call: Call, params: ListAssets) -> Handled<Assets> {
    let (jobs, note) = match &params.prompt_id {
        Some(id) => (vec![of_job(&call, id).await?], None),
        None => newest(&call).await?,
    };
    let mut seen = HashSet::new();
    let mut assets = Vec::new();
    for job in jobs {
        // A job whose id cannot be asked for again could not be regenerated either.
        let Ok(prompt_id) = PromptId::parse(&job.prompt_id) else { continue };
        let created = job.time.and_then(time);
        for output in job.outputs {
            if params.kind.is_some_and(|kind| kind != output.kind) {
                continue;
            }
            let Ok(id) = AssetId::of(&output, &prompt_id) else { continue };
            // A job that came from ComfyUI's cache lists the file of the job before it.
            if seen.insert((output.file_type, output.subfolder.clone(), output.filename.clone())) {
                assets.push(asset(&id, output, &prompt_id, created.clone()));
            }
        }
    }
    let (items, page) = params.paging.cut(assets);
    Ok(Assets { items, page, note }.into())
}

/// The newest jobs that this caller may see, and what a list of them leaves out.
async fn newest(call: &Call) -> Result<(Vec<Produced>, Option<String>), Stop> {
    let Newest { jobs, is_cut } = call.backend().produced(NEWEST).await?;
    let looked = jobs.len();
    let jobs = call.own_produced(jobs);
    let note = if is_cut {
        Some(format!(
            "these are the outputs of the newest {looked} finished jobs; comfyui_get_history pages through older ones"
        ))
    } else {
        let why = if looked == 0 { FORGOTTEN } else { NONE_OF_YOURS };
        jobs.is_empty().then(|| why.to_owned())
    };
    Ok((jobs, note))
}

async fn of_job(call: &Call, id: &PromptId) -> Result<Produced, Stop> {
    let entry = call.backend().history(id).await?.filter(|entry| call.may_see_entry(entry));
    let Some(entry) = entry else {
        return Err(Error::not_found(format!("ComfyUI's history holds no finished job `{id}`"))
            .hint("if it still runs, wait with comfyui_get_progress; after a restart of ComfyUI its history is gone")
            .detail("prompt_id", id.as_str())
            .into());
    };
    let time = entry.end_time.or(entry.create_time);
    Ok(Produced { prompt_id: entry.prompt_id, time, outputs: entry.outputs, mark: entry.mark })
}

fn asset(id: &AssetId, output: OutputFile, prompt_id: &PromptId, created: Option<String>) -> Listed {
    Listed {
        asset_id: id.to_string(),
        filename: output.filename,
        subfolder: output.subfolder,
        r#type: output.file_type,
        kind: output.kind,
        prompt_id: prompt_id.to_string(),
        node_id: output.node_id,
        created,
    }
}

/// Milliseconds since 1970 as people and programs read them.
pub(super) fn time(milliseconds: u64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(i64::try_from(milliseconds).ok()?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
