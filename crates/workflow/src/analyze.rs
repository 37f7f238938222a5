//! Describes what a workflow does: its flow, models, settings and prompts.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::check::models;
use super::{Link, Node, NodeId, ObjectInfo, Workflow, order};
use comfywarden_error::JsonObject;

/// The description of a workflow, as data.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Analysis {
    /// The number of nodes.
    pub node_count: usize,
    /// Every class once, in alphabetical order.
    pub class_types: Vec<String>,
    /// The nodes, sources before consumers (in the order given when they form a cycle).
    pub flow: Vec<Step>,
    /// The model files.
    pub models: Vec<ModelUse>,
    /// Sampling settings and size; with several samplers the last counts.
    pub parameters: JsonObject,
    /// The kind of pipeline: `txt2img`, `img2img -> upscale`, ….
    pub pipeline: String,
    /// The nodes that hold the positive prompt.
    pub prompt_nodes: Vec<String>,
    /// The nodes that hold the negative prompt.
    pub negative_nodes: Vec<String>,
}

/// One node of the flow.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Step {
    /// Its id.
    pub node_id: String,
    /// Its class.
    pub class_type: String,
    /// The title the user gave, or the class's name in the editor.
    pub display_name: String,
    /// Its inputs.
    pub inputs: JsonObject,
}

/// A model file that a workflow names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ModelUse {
    /// The file.
    pub name: String,
    /// The folder.
    #[serde(rename = "type")]
    pub folder: &'static str,
}

/// Analyses a workflow in linear time. The catalogue only adds display names.
pub fn analyze(workflow: &Workflow, object_info: Option<&ObjectInfo>) -> Analysis {
    let mut class_types: Vec<String> = workflow.iter().map(|(_, node)| node.class_type.clone()).collect();
    class_types.sort();
    class_types.dedup();
    let steps = |nodes: Vec<(&NodeId, &Node)>| {
        nodes
            .into_iter()
            .map(|(id, node)| Step {
                node_id: id.to_string(),
                class_type: node.class_type.clone(),
                display_name: display_name(node, object_info),
                inputs: node.inputs.clone(),
            })
            .collect()
    };
    let flow = if order::is_cyclic(workflow) {
        steps(workflow.iter().collect())
    } else {
        steps(order::topological(workflow))
    };
    Analysis {
        node_count: workflow.len(),
        pipeline: pipeline(&class_types),
        class_types,
        flow,
        models: model_files(workflow),
        parameters: parameters(workflow),
        prompt_nodes: prompts(workflow, Side::Positive),
        negative_nodes: prompts(workflow, Side::Negative),
    }
}

/// The title of a node, its name in the editor, or its class.
pub(crate) fn display_name(node: &Node, object_info: Option<&ObjectInfo>) -> String {
    let title = node.title().filter(|title| !title.is_empty()).map(str::to_owned);
    title.unwrap_or_else(|| class_name(&node.class_type, object_info))
}

/// The class's name in the editor, or the class.
pub(crate) fn class_name(class_type: &str, object_info: Option<&ObjectInfo>) -> String {
    let class = object_info.and_then(|catalogue| catalogue.get(class_type));
    let name = class.map(|class| class.display_name.as_str()).filter(|name| !name.is_empty());
    name.unwrap_or(class_type).to_owned()
}

/// The model files that a workflow names, in order, each once.
pub fn model_files(workflow: &Workflow) -> Vec<ModelUse> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (_, node) in workflow.iter() {
        for (input, value) in &node.inputs {
            let (Some(folder), Some(name)) = (models::folder(&node.class_type, input), value.as_str()) else {
                continue;
            };
            if seen.insert((folder, name)) {
                found.push(ModelUse { name: name.to_owned(), folder });
            }
        }
    }
    found
}

/// The kind of pipeline, from the classes in it.
pub fn pipeline(class_types: &[String]) -> String {
    let any = |test: &dyn Fn(&str) -> bool| class_types.iter().any(|class| test(class));
    let video = any(&|c| matches!(c, "SaveVideo" | "SaveWEBM" | "CreateVideo" | "VHS_VideoCombine"));
    let audio = any(&|c| c.starts_with("SaveAudio") || c == "PreviewAudio");
    let moving = any(&|c| c.starts_with("SaveAnimated"));
    let to = if video || moving { "vid" } else { "img" };
    let empty =
        |c: &str| c.starts_with("Empty") && c.contains("Latent") || c == "StableCascade_EmptyLatentImage";
    let base = if audio && !video {
        Some("txt2audio".to_owned())
    } else if any(&|c| matches!(c, "LoadImage" | "LoadImageMask")) {
        Some(format!("img2{to}"))
    } else if any(&empty) {
        Some(format!("txt2{to}"))
    } else {
        None
    };
    match (base, any(&|c| c.contains("Upscale"))) {
        (Some(base), true) => format!("{base} -> upscale"),
        (Some(base), false) => base,
        (None, true) => "upscale".to_owned(),
        (None, false) => "unknown".to_owned(),
    }
}

/// Sampling settings and size, as plain values; a linked setting is followed to a primitive's value.
pub fn parameters(workflow: &Workflow) -> JsonObject {
    let mut found = Map::new();
    for (_, node) in order::topological(workflow) {
        let names: &[(&str, &str)] = match node.class_type.as_str() {
            "KSampler" | "KSamplerAdvanced" | "SamplerCustom" => &[
                ("steps", "steps"),
                ("cfg", "cfg"),
                ("sampler_name", "sampler"),
                ("scheduler", "scheduler"),
                ("denoise", "denoise"),
                ("seed", "seed"),
                ("noise_seed", "seed"),
            ],
            "BasicScheduler" | "LTXVScheduler" | "Flux2Scheduler" => {
                &[("steps", "steps"), ("scheduler", "scheduler"), ("denoise", "denoise")]
            }
            "KSamplerSelect" => &[("sampler_name", "sampler")],
            "CFGGuider" => &[("cfg", "cfg")],
            "RandomNoise" => &[("noise_seed", "seed")],
            "FluxGuidance" => &[("guidance", "guidance")],
            class if class.contains("Latent") || class.ends_with("ToVideo") => {
                &[("width", "width"), ("height", "height")]
            }
            _ => &[],
        };
        for (input, name) in names {
            if let Some(value) = node.inputs.get(*input).and_then(|value| plain(workflow, value)) {
                found.insert((*name).to_owned(), value);
            }
        }
    }
    found
}

fn plain(workflow: &Workflow, value: &Value) -> Option<Value> {
    let Some(link) = Link::read(value) else { return Some(value.clone()) };
    let source = workflow.get(link.node_id.as_str())?;
    let held = source.inputs.get("value")?;
    (source.class_type.starts_with("Primitive") && !held.is_array()).then(|| held.clone())
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Positive,
    Negative,
}

impl Side {
    fn input(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
        }
    }
}

/// The text nodes that feed one side of the samplers, found by following the links.
fn prompts(workflow: &Workflow, side: Side) -> Vec<String> {
    let mut open: Vec<Link> = Vec::new();
    for (_, node) in workflow.iter() {
        let sampler = node.inputs.contains_key("latent_image") || node.class_type.ends_with("Guider");
        let input = match side {
            _ if !sampler => continue,
            Side::Positive if !node.inputs.contains_key("positive") => "conditioning",
            side => side.input(),
        };
        open.extend(node.inputs.get(input).and_then(Link::read));
    }
    let mut seen: HashSet<(String, u32)> = HashSet::new();
    let mut holders: HashSet<String> = HashSet::new();
    while let Some(link) = open.pop() {
        let id = link.node_id.as_str();
        if !seen.insert((id.to_owned(), link.output)) {
            continue;
        }
        let Some(node) = workflow.get(id) else { continue };
        let both = node.inputs.contains_key("positive") && node.inputs.contains_key("negative");
        if node.class_type == "ConditioningZeroOut" {
            continue;
        }
        if both {
            let way = if link.output == 1 { "negative" } else { "positive" };
            open.extend(node.inputs.get(way).and_then(Link::read));
        } else if holds_text(node) {
            holders.insert(id.to_owned());
        } else {
            let carries =
                |name: &str| name.contains("conditioning") || name == "positive" || name == "negative";
            open.extend(node.links().filter(|(name, _)| carries(name)).map(|(_, link)| link));
        }
    }
    workflow.iter().map(|(id, _)| id.to_string()).filter(|id| holders.contains(id)).collect()
}

fn holds_text(node: &Node) -> bool {
    node.class_type.contains("TextEncode")
        || node.inputs.contains_key("text") && node.inputs.contains_key("clip")
}

#[cfg(test)]
mod tests;
