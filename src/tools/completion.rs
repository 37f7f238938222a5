//! Completion: the values that an argument of a prompt or of a resource address can have.

use serde_json::Value;

use super::{Tool, assets::AssetId, prompts::PROMPTS, resources::documents::DOCUMENTS};
use crate::comfy::{Client, HistoryEntry, OutputFile, PromptId};
use comfywarden_error::{Error, Result};
use comfywarden_policy::{display::sanitize, path::ModelFolder};
use comfywarden_workflow::{ObjectInfo, templates};

/// Maximum number of values of one answer; the protocol allows no more.
pub(crate) const MAX_VALUES: usize = 100;
/// The longest value that is suggested, in bytes.
const MAX: usize = 2_048;
/// Number of finished jobs that are searched for their ids and files.
const JOBS: u32 = 50;

const STYLES: [&str; 12] = [
    "photorealistic",
    "cinematic",
    "analog film",
    "illustration",
    "anime",
    "watercolor",
    "oil painting",
    "line art",
    "pixel art",
    "3d render",
    "concept art",
    "minimalist",
];

/// Sources of an argument's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueSource {
    PictureModels,
    UpscaleModels,
    ModelFolders,
    Samplers,
    Schedulers,
    NodeClasses,
    Templates,
    Workflows,
    Styles,
    Jobs,
    Assets,
    InputFiles,
    OutputFiles,
    OutputPaths,
    OutputTypes,
}

impl ValueSource {
    /// The tool that shows the same. Where it is not offered, nothing is suggested.
    fn tool(self) -> Option<&'static str> {
        Some(match self {
            Self::PictureModels | Self::UpscaleModels | Self::InputFiles => "comfyui_list_models",
            Self::Samplers | Self::Schedulers => "comfyui_list_models",
            Self::ModelFolders => "comfyui_list_model_folders",
            Self::NodeClasses => "comfyui_list_nodes",
            Self::Workflows => "comfyui_list_workflows",
            Self::Jobs => "comfyui_get_job",
            Self::Assets => "comfyui_list_assets",
            Self::OutputFiles | Self::OutputPaths => "comfyui_get_image",
            Self::Templates | Self::Styles | Self::OutputTypes => return None,
        })
    }
}

/// Subject of a completion.
#[derive(Debug, Clone)]
pub enum Reference {
    /// A prompt, by name.
    Prompt(String),
    /// A resource template, by its text.
    Template(String),
}

/// Gives the source of the values of `argument`. An argument without values to look up has none.
pub(crate) fn source(reference: &Reference, argument: &str) -> Result<Option<ValueSource>> {
    match reference {
        Reference::Prompt(name) => {
            let prompt = PROMPTS.iter().find(|prompt| prompt.name == name);
            let prompt = prompt.ok_or_else(|| Error::not_found("there is no prompt of that name"))?;
            let found = prompt.arguments.iter().find(|known| known.name == argument);
            found.map(|argument| argument.source).ok_or_else(unknown_argument)
        }
        Reference::Template(uri) => {
            let known = DOCUMENTS.iter().any(|document| document.uri == uri);
            if !known {
                return Err(Error::not_found("there is no resource template of that text"));
            }
            let has = |operator: &str| uri.contains(&format!("{{{operator}{argument}}}"));
            if !["", "+", "/"].into_iter().any(has) {
                return Err(unknown_argument());
            }
            Ok(match argument {
                "folder" => Some(ValueSource::ModelFolders),
                "class" => Some(ValueSource::NodeClasses),
                "prompt_id" => Some(ValueSource::Jobs),
                "name" => Some(ValueSource::Templates),
                "asset_id" => Some(ValueSource::Assets),
                "type" => Some(ValueSource::OutputTypes),
                "path" => Some(ValueSource::OutputPaths),
                _ => None,
            })
        }
    }
}

fn unknown_argument() -> Error {
    Error::invalid_input("it has no argument of that name")
}

/// The values of `source` that fit what was typed: those that begin with it first, then those that contain it.
/// Of jobs and their files only those that `seen` lets through.
pub(crate) async fn values(
    comfy: &Client,
    offered: &[&Tool],
    seen: &(dyn Fn(&HistoryEntry) -> bool + Sync),
    source: ValueSource,
    typed: &str,
) -> Result<Vec<String>> {
    let is_offered = |name: &str| offered.iter().any(|tool| tool.name() == name);
    if source.tool().is_some_and(|tool| !is_offered(tool)) {
        return Ok(Vec::new());
    }
    let all = match source {
        ValueSource::Workflows => offered
            .iter()
            .filter_map(|tool| tool.name().strip_prefix("workflow_"))
            .map(str::to_owned)
            .collect(),
        _ => look_up(comfy, seen, source).await?,
    };
    Ok(fitting(all, typed))
}

fn fitting(all: Vec<String>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    let shown = |value: &String| !value.is_empty() && value.len() <= MAX && sanitize(value) == value.as_str();
    let (mut begin, mut contain) = (Vec::new(), Vec::new());
    for value in all.into_iter().filter(shown) {
        let lower = value.to_lowercase();
        if lower.starts_with(&typed) {
            begin.push(value);
        } else if lower.contains(&typed) {
            contain.push(value);
        }
    }
    begin.append(&mut contain);
    begin
}

async fn look_up(
    comfy: &Client,
    seen: &(dyn Fn(&HistoryEntry) -> bool + Sync),
    source: ValueSource,
) -> Result<Vec<String>> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Ok(match source {
        ValueSource::Styles => owned(&STYLES),
        ValueSource::OutputTypes => owned(&["output", "input", "temp"]),
        ValueSource::Templates => {
            templates::catalogue().iter().map(|template| template.name.to_owned()).collect()
        }
        ValueSource::PictureModels => {
            let folders = ["checkpoints", "diffusion_models"];
            let mut models = Vec::new();
            for folder in folders {
                models.extend(comfy.models(&ModelFolder::parse(folder)?).await.unwrap_or_default());
            }
            models
        }
        ValueSource::UpscaleModels => comfy.models(&ModelFolder::parse("upscale_models")?).await?,
        ValueSource::ModelFolders => comfy.model_folders().await?,
        ValueSource::NodeClasses => comfy.object_info().await?.names().to_vec(),
        ValueSource::Samplers => choices(&*comfy.object_info().await?, "KSampler", "sampler_name"),
        ValueSource::Schedulers => choices(&*comfy.object_info().await?, "KSampler", "scheduler"),
        ValueSource::InputFiles => choices(&*comfy.object_info().await?, "LoadImage", "image"),
        ValueSource::Jobs => newest(comfy, seen).await?.into_iter().map(|entry| entry.prompt_id).collect(),
        ValueSource::Assets => {
            each_output(comfy, seen, |id, output| AssetId::of(output, id).ok().map(|asset| asset.to_string()))
                .await?
        }
        ValueSource::OutputFiles => {
            each_output(comfy, seen, |_, output| Some(output.filename.clone())).await?
        }
        ValueSource::OutputPaths => each_output(comfy, seen, |_, output| Some(path_of(output))).await?,
        // Answered from the catalogue.
        ValueSource::Workflows => Vec::new(),
    })
}

fn path_of(output: &OutputFile) -> String {
    match output.subfolder.as_str() {
        "" => output.filename.clone(),
        subfolder => format!("{subfolder}/{}", output.filename),
    }
}

fn choices(info: &ObjectInfo, class: &str, input: &str) -> Vec<String> {
    let spec = info.get(class).and_then(|class| class.input(input)?.choices.as_ref());
    spec.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The finished jobs that ended last, newest first.
async fn newest(comfy: &Client, seen: &(dyn Fn(&HistoryEntry) -> bool + Sync)) -> Result<Vec<HistoryEntry>> {
    let mut entries = comfy.history_list(JOBS).await?;
    entries.retain(seen);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.create_time));
    Ok(entries)
}

async fn each_output(
    comfy: &Client,
    seen: &(dyn Fn(&HistoryEntry) -> bool + Sync),
    name: impl Fn(&PromptId, &OutputFile) -> Option<String>,
) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in newest(comfy, seen).await? {
        let Ok(id) = PromptId::parse(&entry.prompt_id) else { continue };
        let files = entry.outputs.iter().filter(|output| !output.filename.is_empty());
        names.extend(files.filter_map(|output| name(&id, output)));
    }
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_the_typed_text_comes_first() {
        let all = ["dpmpp_2m", "euler", "dpm_2", "Euler_ancestral", "bad\u{202e}euler"];
        let all = || all.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(fitting(all(), "EULER"), ["euler", "Euler_ancestral"]);
        assert_eq!(fitting(all(), "2m"), ["dpmpp_2m"]);
        assert_eq!(fitting(all(), "").len(), 4, "a name with hidden characters is not suggested");
    }

    #[test]
    fn every_variable_of_every_template_has_values() {
        // What an answer had to leave out is named by that answer and by nothing else.
        let guessed = |uri: &str| !uri.starts_with("comfyui://results/");
        for document in DOCUMENTS.iter().filter(|document| !document.is_single() && guessed(document.uri)) {
            for part in document.uri.split('{').skip(1) {
                let variable = part.split('}').next().unwrap().trim_start_matches('+');
                let found = source(&Reference::Template(document.uri.to_owned()), variable).unwrap();
                assert!(found.is_some(), "{}: {variable}", document.uri);
            }
        }
        assert!(source(&Reference::Template("comfyui://models/{folder}".into()), "name").is_err());
        assert!(source(&Reference::Prompt("no_such_prompt".into()), "prompt").is_err());
    }
}
