//! Infers the usual parameters of a workflow that does not name any.

use serde_json::Value;

use super::find::Draft;
use super::kind::is_seed;
use super::parameter::{Form, Origin, ValuePath};
use crate::check::models;
use crate::{Link, Node, Workflow, analyze, order};

/// The most parameters; more would only hide the important ones.
const MAX_ENTRIES: usize = 20;
/// Inputs of text encoders that hold prompts.
const PROMPT_INPUTS: [&str; 9] =
    ["text", "prompt", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "llama", "string"];

/// Lists the usual parameters: prompts, pictures, seed, size, steps, models.
pub(super) fn infer(workflow: &Workflow) -> Vec<Draft> {
    let mut found = Drafts { workflow, drafts: Vec::new() };
    let analysis = analyze::analyze(workflow, None);
    for (nodes, name, line) in [
        (&analysis.prompt_nodes, "prompt", "What to make"),
        (&analysis.negative_nodes, "negative_prompt", "What to avoid"),
    ] {
        for id in nodes.iter().filter(|id| name == "prompt" || !analysis.prompt_nodes.contains(id)) {
            found.prompt(id, name, line);
        }
    }
    for (id, node) in order::topological(workflow) {
        found.settings(id.as_str(), node);
    }
    found.drafts.truncate(MAX_ENTRIES);
    found.drafts
}

struct Drafts<'w> {
    workflow: &'w Workflow,
    drafts: Vec<Draft>,
}

impl Drafts<'_> {
    /// Adds a prompt, which may stand at several inputs of its node.
    fn prompt(&mut self, id: &str, name: &str, line: &str) {
        let Some(node) = self.workflow.get(id) else { return };
        for (input, own_name) in [("tags", "tags"), ("lyrics", "lyrics")] {
            if name == "prompt" && node.inputs.get(input).is_some_and(|value| self.holds_text(value)) {
                self.add(
                    id,
                    input,
                    own_name,
                    if input == "tags" { "Style, in words" } else { "Words that are sung" },
                );
            }
        }
        let paths: Vec<ValuePath> = PROMPT_INPUTS
            .iter()
            .filter_map(|input| {
                let path = self.path(id, input)?;
                self.text_at(&path).then_some(path)
            })
            .collect();
        if !paths.is_empty() && !self.has(&paths) {
            self.push(name, line, paths);
        }
    }

    fn settings(&mut self, id: &str, node: &Node) {
        let sampler = node.inputs.contains_key("steps") || node.inputs.contains_key("latent_image");
        let makes_size = node.class_type.contains("Latent") && node.class_type.starts_with("Empty")
            || node.class_type.ends_with("ToVideo");
        for (input, value) in &node.inputs {
            let name = input.as_str();
            let (as_name, line) = match name {
                "image" | "audio" | "file" | "video" if node.class_type.starts_with("Load") => match name {
                    "audio" => ("audio", "Sound in ComfyUI's input folder"),
                    "image" => ("image", "Picture in ComfyUI's input folder"),
                    _ => ("video", "Video in ComfyUI's input folder"),
                },
                "steps" if sampler => ("steps", "Sampling steps"),
                "cfg" if sampler || node.class_type.ends_with("Guider") => ("cfg", "Guidance scale"),
                "guidance" if node.class_type.contains("Guidance") => ("guidance", "Guidance of the model"),
                "denoise" if sampler && value.as_f64().is_some_and(|value| value < 1.0) => {
                    ("denoise", "1 draws anew, lower keeps more of the given picture")
                }
                "width" | "height" if makes_size => (name, "Pixels"),
                "length" if makes_size => ("length", "Frames"),
                "seconds" if makes_size => ("seconds", "Length in seconds"),
                "batch_size" if makes_size => ("batch_size", "How many at once"),
                _ if is_seed(name) => ("seed", "Absent or -1: random"),
                _ => match models::folder(&node.class_type, name) {
                    Some("checkpoints" | "diffusion_models") => ("model", "Model file"),
                    Some("loras") => ("lora", "LoRA file"),
                    Some("upscale_models") => ("upscale_model", "Upscale model file"),
                    _ => continue,
                },
            };
            self.add(id, name, as_name, line);
        }
    }

    /// Adds the location under `name`. All seeds are one parameter; of anything else the second gets a number.
    fn add(&mut self, id: &str, input: &str, name: &str, line: &str) {
        let Some(path) = self.path(id, input) else { return };
        if self.has(std::slice::from_ref(&path)) {
            return;
        }
        if name == "seed"
            && let Some(draft) = self.drafts.iter_mut().find(|draft| draft.name == "seed")
        {
            draft.paths.push(path);
            return;
        }
        self.push(name, line, vec![path]);
    }

    fn push(&mut self, name: &str, line: &str, paths: Vec<ValuePath>) {
        let taken = |name: &str| self.drafts.iter().any(|draft| draft.name == name);
        let mut unique = name.to_owned();
        let mut count = 2;
        while taken(&unique) {
            unique = format!("{name}_{count}");
            count += 1;
        }
        self.drafts.push(Draft {
            name: unique,
            origin: Origin::Inferred,
            word: None,
            marks: Vec::new(),
            required: None,
            description: line.to_owned(),
            paths,
        });
    }

    fn has(&self, paths: &[ValuePath]) -> bool {
        let mut known = self.drafts.iter().flat_map(|draft| &draft.paths);
        known.any(|known| paths.iter().any(|path| known == path))
    }

    /// Returns the location of an input's value: its own, or that of the primitive it is linked to.
    fn path(&self, id: &str, input: &str) -> Option<ValuePath> {
        let (id, node) = self.workflow.entry(id)?;
        let value = node.inputs.get(input)?;
        if let Some(link) = Link::read(value) {
            let (id, source) = self.workflow.entry(link.node_id.as_str())?;
            let held = source.inputs.get("value").filter(|_| source.class_type.starts_with("Primitive"))?;
            let plain = !held.is_array() && !held.is_object();
            return plain.then(|| ValuePath {
                node: id.clone(),
                pointer: "/value".into(),
                form: Form::Value,
            });
        }
        let plain = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
        plain.then(|| ValuePath {
            node: id.clone(),
            pointer: format!("/{}", input.replace('~', "~0").replace('/', "~1")),
            form: Form::Value,
        })
    }

    fn text_at(&self, path: &ValuePath) -> bool {
        super::fill::peek(self.workflow, path).is_some_and(Value::is_string)
    }

    fn holds_text(&self, value: &Value) -> bool {
        value.is_string()
            || Link::read(value).is_some_and(|link| self.workflow.get(link.node_id.as_str()).is_some())
    }
}
