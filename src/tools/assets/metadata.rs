//! Everything that is known of one asset.

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AssetId, list::time, origin};
use crate::{
    comfy::{FileType, OutputKind, media_kind, media_type},
    tools::{
        Answer, Call, Handled, Stop,
        media::{Pieces, measure},
    },
};
use comfywarden_error::{JsonObject, Kind};
use comfywarden_policy::{display, strip_credentials};
use comfywarden_workflow::{
    Workflow,
    analyze::{self, ModelUse},
    settings,
};

/// Maximum number of characters of a prompt text; the workflow has the whole of it.
const MAX_PROMPT: usize = 1_000;
/// Maximum number of characters of a workflow inside the result.
const MAX_WORKFLOW: usize = 30_000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetAssetMetadata {
    /// From comfyui_list_assets
    asset_id: AssetId,
    /// Add the workflow in API format
    #[serde(default)]
    include_workflow: bool,
}

/// One asset.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AssetMetadata {
    asset_id: String,
    filename: String,
    subfolder: String,
    r#type: FileType,
    kind: OutputKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<String>,
    /// history, file or nothing
    read_from: &'static str,
    #[serde(flatten)]
    making: Making,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Settings that the asset was made with.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Making {
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<ModelUse>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loras: Vec<LoraUse>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    negative_prompts: Vec<String>,
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    settings: JsonObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Value>,
}

/// A LoRA and its strength.
#[derive(Debug, Serialize, JsonSchema)]
struct LoraUse {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<f64>,
}

pub(super) async fn get_asset_metadata(call: Call, params: GetAssetMetadata) -> Handled<AssetMetadata> {
    let asset = params.asset_id;
    let file = asset.file();
    call.must_read(&file).await?;
    let (pieces, recorded) =
        tokio::join!(Pieces::read(call.backend(), &file), origin::from_history(&call, &asset));
    let pieces = pieces?;
    let measures = measure(&pieces);
    let mut notes = Vec::new();
    let found = match recorded? {
        Some(found) => Some(found),
        None => match origin::from_file(&call, &file, &pieces).await {
            Ok(found) => Some(found),
            Err(Stop::Failed(error)) if matches!(error.kind(), Kind::NotFound | Kind::Upstream) => {
                notes.push(error.message().to_owned());
                None
            }
            Err(stop) => return Err(stop),
        },
    };
    let read_from = found.as_ref().map_or("nothing", origin::Origin::read_from);
    let making = found.map(|found| making(found, params.include_workflow, &mut notes)).unwrap_or_default();
    let (kind, name) = (media_kind(asset.filename().as_str()), asset.filename().as_str());
    let metadata = AssetMetadata {
        asset_id: asset.to_string(),
        filename: name.to_owned(),
        subfolder: asset.subfolder().as_str().to_owned(),
        r#type: asset.file_type(),
        kind,
        mime_type: media_type(name),
        bytes: pieces.total,
        modified: pieces.modified.as_deref().and_then(modified),
        width: measures.width,
        height: measures.height,
        duration_seconds: measures.seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0),
        prompt_id: asset.prompt_id().map(ToString::to_string),
        read_from,
        making,
        notes,
    };
    let answer = Answer::from(metadata).exact(&["prompts", "negative_prompts", "workflow"]);
    Ok(match asset.prompt_id() {
        Some(id) => answer.prompt(id.as_str()),
        None => answer,
    })
}

fn modified(text: &str) -> Option<String> {
    let time = DateTime::parse_from_rfc2822(text).ok()?;
    Some(time.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn making(mut found: origin::Origin, with_workflow: bool, notes: &mut Vec<String>) -> Making {
    notes.append(&mut found.notes);
    let withheld = strip_credentials::strip_workflow(&mut found.workflow);
    notes.extend(strip_credentials::sentence(&withheld).filter(|_| with_workflow));
    let workflow = &found.workflow;
    let value = |name: &str| {
        settings::find_inputs(workflow, name).first().and_then(|place| place.value(workflow)).cloned()
    };
    let texts = |name: &str| -> Vec<String> {
        let places = settings::find_inputs(workflow, name);
        let mut texts: Vec<String> = Vec::new();
        for text in places.iter().filter_map(|place| place.value(workflow)?.as_str()).map(short) {
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    };
    let (prompts, negative_prompts) = (texts("prompt"), texts("negative_prompt"));
    let graph = with_workflow.then(|| workflow.to_value()).filter(|graph| {
        let length = graph.to_string().len();
        if length > MAX_WORKFLOW {
            notes.push(format!(
                "the workflow has {length} characters, too many for this answer; pass the file's comfyui://outputs/… \
                 address as `workflow` to the workflow tools instead"
            ));
        }
        length <= MAX_WORKFLOW
    });
    let entry = found.entry.as_ref();
    Making {
        queued: entry.and_then(|entry| entry.create_time).and_then(time),
        started: entry.and_then(|entry| entry.start_time).and_then(time),
        finished: entry.and_then(|entry| entry.end_time).and_then(time),
        seed: value("seed"),
        model: value("model").and_then(|model| Some(model.as_str()?.to_owned())),
        models: analyze::model_files(workflow).into_iter().filter(|model| model.folder != "loras").collect(),
        loras: loras(workflow),
        prompts,
        negative_prompts,
        settings: analyze::parameters(workflow),
        node_count: Some(workflow.len()),
        workflow: graph,
    }
}

fn short(text: &str) -> String {
    let cut = match text.char_indices().nth(MAX_PROMPT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    display::sanitize(&cut).into_owned()
}

fn loras(workflow: &Workflow) -> Vec<LoraUse> {
    let names = workflow.iter().filter_map(|(_, node)| {
        let name = node.inputs.get("lora_name")?.as_str()?.to_owned();
        let strength =
            ["strength_model", "strength"].iter().find_map(|input| node.inputs.get(*input)?.as_f64());
        Some(LoraUse { name, strength })
    });
    names.take(64).collect()
}
