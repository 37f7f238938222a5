//! Reads and sets the settings of a workflow by the names people use.

use serde_json::Value;

use super::{Error, Link, Node, NodeId, Result, Workflow, analyze, check::models, integers, nearest};
use comfywarden_error::JsonObject;

/// Inputs of text encoders that hold prompts.
const PROMPT_INPUTS: [&str; 12] = [
    "text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt", "tags", "lyrics", "llama", "bert",
    "mt5xl",
];
/// Sampling settings, whose names mean every node that has them.
const SAMPLING: [&str; 7] = ["steps", "cfg", "sampler_name", "scheduler", "denoise", "guidance", "sampler"];
/// The most links that are followed to the node that holds a value.
const MAX_HOPS: usize = 8;

/// An input that holds a plain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRef {
    /// The node.
    pub node_id: NodeId,
    /// Its input.
    pub input: String,
}

impl InputRef {
    /// Returns the value of the input.
    pub fn value<'w>(&self, workflow: &'w Workflow) -> Option<&'w Value> {
        workflow.get(self.node_id.as_str())?.inputs.get(&self.input)
    }
}

/// Finds the inputs that `name` means: `seed`, `prompt`, `negative_prompt`, `steps`, `model`, `width`, … or any
/// input's name. A linked setting is followed to the node that holds its value.
pub fn find_inputs(workflow: &Workflow, name: &str) -> Vec<InputRef> {
    let analysis = || analyze::analyze(workflow, None);
    let texts = |nodes: Vec<String>| {
        let of_node = |id: &String| {
            PROMPT_INPUTS.iter().map(|input| (id.clone(), (*input).to_owned())).collect::<Vec<_>>()
        };
        value_holders(workflow, nodes.iter().flat_map(of_node))
    };
    match name {
        "prompt" => texts(analysis().prompt_nodes),
        "negative_prompt" => texts(analysis().negative_nodes),
        "seed" => inputs(workflow, |_, input| matches!(input, "seed" | "noise_seed")),
        "model" => inputs(workflow, |node, input| {
            matches!(models::folder(&node.class_type, input), Some("checkpoints" | "diffusion_models"))
        }),
        "vae" => inputs(workflow, |node, input| models::folder(&node.class_type, input) == Some("vae")),
        "width" | "height" | "batch_size" => {
            let sized = inputs(workflow, |node, input| input == name && makes_latent(node));
            if sized.is_empty() { inputs(workflow, |_, input| input == name) } else { sized }
        }
        name if SAMPLING.contains(&name) => {
            let name = if name == "sampler" { "sampler_name" } else { name };
            inputs(workflow, |_, input| input == name)
        }
        name => inputs(workflow, |_, input| input == name),
    }
}

fn makes_latent(node: &Node) -> bool {
    node.class_type.starts_with("Empty") || node.class_type.ends_with("ToVideo")
}

fn inputs(workflow: &Workflow, wanted: impl Fn(&Node, &str) -> bool) -> Vec<InputRef> {
    let all = workflow.iter().flat_map(|(id, node)| node.inputs.keys().map(move |input| (id, node, input)));
    let matching = all.filter(|(_, node, input)| wanted(node, input));
    value_holders(workflow, matching.map(|(id, _, input)| (id.to_string(), input.clone())))
}

/// Finds the inputs that hold the plain values behind these inputs, each once.
fn value_holders(workflow: &Workflow, inputs: impl Iterator<Item = (String, String)>) -> Vec<InputRef> {
    let mut found: Vec<InputRef> = Vec::new();
    for (id, input) in inputs {
        if let Some(target) = value_holder(workflow, &id, &input)
            && !found.contains(&target)
        {
            found.push(target);
        }
    }
    found
}

/// Follows links through nodes that hold one value, such as a primitive.
fn value_holder(workflow: &Workflow, id: &str, input: &str) -> Option<InputRef> {
    let (mut id, mut input) = (id.to_owned(), input.to_owned());
    for _ in 0..MAX_HOPS {
        let (node_id, node) = workflow.entry(&id)?;
        let value = node.inputs.get(&input)?;
        let Some(link) = Link::read(value) else {
            let plain = value.is_string() || value.is_number() || value.is_boolean();
            return plain.then(|| InputRef { node_id: node_id.clone(), input });
        };
        let source = workflow.get(link.node_id.as_str())?;
        let next = ["value", "string", "text", "seed", "noise_seed", "int", "float"]
            .into_iter()
            .find(|name| source.inputs.contains_key(*name))?;
        // A node with more inputs computes: its inputs are not its output.
        if source.inputs.len() > 2 {
            return None;
        }
        (id, input) = (link.node_id.to_string(), next.to_owned());
    }
    None
}

/// One value that was changed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Applied {
    /// The name that was given.
    pub name: String,
    /// The node.
    pub node_id: String,
    /// Its input.
    pub input: String,
    /// The value before.
    pub before: Value,
    /// The value after.
    pub after: Value,
}

/// A name that was not used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Dropped {
    /// The name that was given.
    pub name: String,
    /// The reason why it was not used.
    pub reason: String,
    /// True when nothing in the workflow has that name; else it exists and cannot be set so.
    #[serde(skip)]
    pub unknown: bool,
}

/// Sets values by name (`steps`) or by node (`3.steps`). A value of another kind than the one it replaces is an
/// error; a name that fits nowhere, or in several unrelated nodes, is dropped with its reason.
pub fn set(workflow: &mut Workflow, values: &JsonObject) -> Result<(Vec<Applied>, Vec<Dropped>)> {
    let (mut applied, mut dropped) = (Vec::new(), Vec::new());
    for (name, value) in values {
        let found = match find(workflow, name) {
            Ok(found) => found,
            Err((reason, unknown)) => {
                dropped.push(Dropped { name: name.clone(), reason, unknown });
                continue;
            }
        };
        for target in found {
            applied.push(put(workflow, name, &target, value)?);
        }
    }
    Ok((applied, dropped))
}

/// Lists the names that [`set`] takes here: those that people use, then every input that holds a value.
pub fn accepted(workflow: &Workflow) -> Vec<String> {
    let spoken = ["prompt", "negative_prompt", "seed", "model", "vae", "width", "height", "batch_size"];
    let known = spoken.iter().chain(&SAMPLING).filter(|name| find(workflow, name).is_ok());
    let inputs = workflow.iter().flat_map(|(id, node)| {
        let plain = node.inputs.iter().filter(|(_, value)| !value.is_array() && !value.is_object());
        plain.map(move |(input, _)| format!("{id}.{input}"))
    });
    known.map(|name| (*name).to_owned()).chain(inputs).collect()
}

fn put(workflow: &mut Workflow, name: &str, target: &InputRef, value: &Value) -> Result<Applied> {
    let wrong = |wanted: &str| {
        Error::new(format!("override `{name}` must be {wanted}, like the value it replaces"))
            .node(target.node_id.as_str())
            .hint("comfyui_get_asset_metadata shows the values of the asset")
    };
    let slot = workflow.get_mut(target.node_id.as_str()).and_then(|node| node.inputs.get_mut(&target.input));
    let Some(slot) = slot else { return Err(Error::new(format!("override `{name}` has no place"))) };
    let wanted = match slot {
        Value::String(_) => "text",
        Value::Number(_) => "a number",
        _ => "true or false",
    };
    let fits = matches!(
        (&*slot, value),
        (Value::String(_), Value::String(_))
            | (Value::Number(_), Value::Number(_))
            | (Value::Bool(_), Value::Bool(_))
    );
    if !fits {
        return Err(wrong(wanted));
    }
    let mut value = value.clone();
    // Some clients write every number with a decimal point; an integer replaces an integer.
    if slot.is_i64() || slot.is_u64() {
        integers::normalize(&mut value);
    }
    let before = std::mem::replace(slot, value.clone());
    Ok(Applied {
        name: name.to_owned(),
        node_id: target.node_id.to_string(),
        input: target.input.clone(),
        before,
        after: value,
    })
}

/// Finds the inputs that a name means, or the reason why it means none.
fn find(workflow: &Workflow, name: &str) -> std::result::Result<Vec<InputRef>, (String, bool)> {
    if let Some((id, input)) = name.split_once('.')
        && let Some(node) = workflow.get(id)
    {
        if !node.inputs.contains_key(input) {
            let near = nearest::did_you_mean(input, node.inputs.keys().map(String::as_str));
            let near = near.map(|near| format!("; {near}")).unwrap_or_default();
            return Err((format!("node {id} ({}) has no input `{input}`{near}", node.class_type), true));
        }
        return match value_holder(workflow, id, input) {
            Some(target) => Ok(vec![target]),
            None => Err((format!("`{input}` of node {id} is fed by another node, not by a value"), false)),
        };
    }
    let found = find_inputs(workflow, name);
    let grouped = matches!(
        name,
        "prompt" | "negative_prompt" | "seed" | "model" | "vae" | "width" | "height" | "batch_size"
    ) || SAMPLING.contains(&name);
    match found.as_slice() {
        [] => {
            let inputs = workflow.iter().flat_map(|(_, node)| node.inputs.keys().map(String::as_str));
            let near =
                nearest::did_you_mean(name, inputs).map(|near| format!("; {near}")).unwrap_or_default();
            Err((format!("no node has a value of that name{near}"), true))
        }
        [_] => Ok(found),
        // Two text nodes are two parts of a prompt, and only the caller can choose; the texts of one node are one
        // prompt for several encoders.
        [first, rest @ ..]
            if grouped
                && (!name.ends_with("prompt") || rest.iter().all(|one| one.node_id == first.node_id)) =>
        {
            Ok(found)
        }
        several => {
            let all: Vec<String> =
                several.iter().take(6).map(|target| format!("{}.{}", target.node_id, target.input)).collect();
            Err((format!("several nodes have it; name one: {}", all.join(", ")), false))
        }
    }
}

#[cfg(test)]
mod tests;
