//! ComfyUI's node catalogue (`GET /object_info`): kept as text, read class by class when asked.
//!
//! The catalogue is 1–10 MB; parsing it whole for one question would cost more than the question.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::{Error, Result};
use comfywarden_error::JsonObject;

/// The node catalogue of one ComfyUI server.
#[derive(Debug, Default)]
pub struct ObjectInfo {
    snapshot: String,
    tells_paid: bool,
    names: Vec<String>,
    classes: HashMap<String, Lazy>,
}

#[derive(Debug)]
struct Lazy {
    text: Box<RawValue>,
    class: OnceLock<Option<NodeClass>>,
}

impl ObjectInfo {
    /// Splits the catalogue into classes without parsing them.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let map: indexmap::IndexMap<String, Box<RawValue>> = serde_json::from_slice(text)
            .map_err(|e| Error::new(format!("object_info is not an object of node classes: {e}")))?;
        let names = map.keys().cloned().collect();
        let tells_paid = map.values().any(|class| class.get().contains("\"api_node\""));
        let classes =
            map.into_iter().map(|(name, text)| (name, Lazy { text, class: OnceLock::new() })).collect();
        let snapshot =
            Sha256::digest(text).iter().take(8).fold(String::new(), |id, byte| format!("{id}{byte:02x}"));
        Ok(Self { snapshot, tells_paid, names, classes })
    }

    /// Returns the version of this catalogue: the first 16 hexadecimal digits of the SHA-256 of its text.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// True when the server marks its paid classes; older ones do not.
    pub fn tells_paid(&self) -> bool {
        self.tells_paid
    }

    /// Returns the class names, in ComfyUI's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// True when the server has this class.
    pub fn contains(&self, class_type: &str) -> bool {
        self.classes.contains_key(class_type)
    }

    /// Returns the class, parsed on first use; `None` when the server lacks it or its entry is malformed.
    pub fn get(&self, class_type: &str) -> Option<&NodeClass> {
        let lazy = self.classes.get(class_type)?;
        lazy.class.get_or_init(|| NodeClass::parse(class_type, &lazy.text)).as_ref()
    }

    /// Returns the class's entry as ComfyUI wrote it.
    pub fn raw(&self, class_type: &str) -> Option<&str> {
        self.classes.get(class_type).map(|lazy| lazy.text.get())
    }
}

/// One node class.
#[derive(Debug, Clone)]
pub struct NodeClass {
    /// Its name in workflows.
    pub name: String,
    /// The name shown in the editor.
    pub display_name: String,
    /// The Python module of the code, such as `nodes` or `comfy_extras.nodes_canny`.
    pub python_module: String,
    /// The description that its author wrote.
    pub description: String,
    /// The menu path.
    pub category: String,
    /// True when the class ends a graph (saves, previews, …).
    pub output_node: bool,
    /// True when running it calls a paid service.
    pub api_node: bool,
    /// Required, then optional inputs, in `input_order`.
    pub inputs: Vec<InputSpec>,
    /// The outputs.
    pub outputs: Vec<OutputSpec>,
}

/// One input of a class.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// Its name in a node's `inputs`.
    pub name: String,
    /// False for the `optional` section.
    pub required: bool,
    /// Its type name; `COMBO` for both spellings of an enumeration.
    pub ty: String,
    /// The accepted values of a `COMBO`, where they are listed.
    pub choices: Option<Vec<Value>>,
    /// `default`, `min`, `max`, `step`, `multiline`, `forceInput`, …
    pub options: JsonObject,
    /// The sub-inputs of a V3 input type, which depend on the node's state.
    pub dynamic: Option<Dynamic>,
}

/// The three V3 input types whose sockets depend on the state of the node.
#[derive(Debug, Clone)]
pub enum Dynamic {
    /// `COMFY_DYNAMICCOMBO_V3`: the chosen key decides which further inputs there are, named `combo.sub`.
    Combo(Vec<DynamicChoice>),
    /// `COMFY_AUTOGROW_V3`: a group of inputs named `group.prefixN` or `group.name` that grows as it is filled.
    Autogrow(Autogrow),
    /// `COMFY_MATCHTYPE_V3`: a plain socket; the text lists the types it accepts.
    MatchType(String),
}

/// One key of a dynamic combo, with the inputs it brings.
#[derive(Debug, Clone)]
pub struct DynamicChoice {
    /// The value that selects it.
    pub key: String,
    /// Its inputs, named without the combo's prefix.
    pub inputs: Vec<InputSpec>,
}

/// The naming scheme of a growing group of inputs.
#[derive(Debug, Clone)]
pub struct Autogrow {
    /// The inputs of one member; nearly always one.
    pub inputs: Vec<InputSpec>,
    /// Names of the members, where they are listed; they also cap the count.
    pub names: Vec<String>,
    /// The start of the members' names otherwise.
    pub prefix: String,
    /// The number of members at the start.
    pub min: usize,
    /// The most members.
    pub max: usize,
}

impl Autogrow {
    /// Names the inputs of member `ordinal`, without the group's name.
    pub fn member(&self, ordinal: usize) -> impl Iterator<Item = (String, &InputSpec)> {
        self.inputs.iter().map(move |spec| {
            let name = match self.names.get(ordinal) {
                Some(name) => name.clone(),
                None if self.inputs.len() == 1 => format!("{}{ordinal}", self.prefix),
                None => format!("{}{ordinal}", spec.name),
            };
            (name, spec)
        })
    }
}

/// One output of a class.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// Its type name; `COMBO` when the catalogue lists values instead of a type.
    pub ty: String,
    /// The name shown in the editor.
    pub name: String,
    /// True when the output is a list of values.
    pub is_list: bool,
}

impl NodeClass {
    fn parse(name: &str, text: &RawValue) -> Option<Self> {
        let entry: JsonObject = serde_json::from_str(text.get()).ok()?;
        let text_of = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or(false);
        let inputs = parse_inputs(entry.get("input"), entry.get("input_order"));
        let list = |key: &str| entry.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let outputs = list("output").iter().enumerate().map(|(i, ty)| OutputSpec {
            ty: ty.as_str().unwrap_or("COMBO").to_owned(),
            name: list("output_name").get(i).and_then(Value::as_str).unwrap_or_default().to_owned(),
            is_list: list("output_is_list").get(i).and_then(Value::as_bool).unwrap_or(false),
        });
        Some(Self {
            name: name.to_owned(),
            display_name: text_of("display_name"),
            description: text_of("description"),
            python_module: text_of("python_module"),
            category: text_of("category"),
            output_node: flag("output_node"),
            api_node: flag("api_node"),
            outputs: outputs.collect(),
            inputs,
        })
    }

    /// True for a class that comes with ComfyUI: the editor's own code is all there is for it.
    pub fn is_core(&self) -> bool {
        let starts = ["comfy_extras.", "comfy_api_nodes."];
        self.python_module == "nodes" || starts.iter().any(|start| self.python_module.starts_with(start))
    }

    /// Returns the input with this name.
    pub fn input(&self, name: &str) -> Option<&InputSpec> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

/// Reads required, then optional inputs; within a section as `order` says, the rest after.
fn parse_inputs(input: Option<&Value>, order: Option<&Value>) -> Vec<InputSpec> {
    let mut inputs = Vec::new();
    for (section, required) in [("required", true), ("optional", false)] {
        let Some(specs) = input.and_then(|i| i.get(section)).and_then(Value::as_object) else {
            continue;
        };
        let order = order.and_then(|o| o.get(section)).and_then(Value::as_array);
        let ordered: Vec<&str> = order.into_iter().flatten().filter_map(Value::as_str).collect();
        let listed: HashSet<&str> = ordered.iter().copied().collect();
        let known = |name: &&str| specs.contains_key(*name);
        let rest = specs.keys().map(String::as_str).filter(|name| !listed.contains(name));
        for name in ordered.iter().copied().filter(known).chain(rest) {
            inputs.extend(specs.get(name).map(|spec| InputSpec::parse(name, required, spec)));
        }
    }
    inputs
}

impl Dynamic {
    fn parse(ty: &str, options: &JsonObject) -> Option<Self> {
        match ty {
            "COMFY_DYNAMICCOMBO_V3" => {
                let choices = options.get("options").and_then(Value::as_array)?;
                let choice = |choice: &Value| {
                    let key = choice.get("key").and_then(Value::as_str)?.to_owned();
                    Some(DynamicChoice { key, inputs: parse_inputs(choice.get("inputs"), None) })
                };
                Some(Self::Combo(choices.iter().filter_map(choice).collect()))
            }
            "COMFY_AUTOGROW_V3" => {
                let template = options.get("template")?;
                let count = |key: &str| template.get(key).and_then(Value::as_u64).map(clamped);
                let names: Vec<String> = template
                    .get("names")
                    .and_then(Value::as_array)
                    .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                    .unwrap_or_default();
                Some(Self::Autogrow(Autogrow {
                    inputs: parse_inputs(template.get("input"), None),
                    prefix: template.get("prefix").and_then(Value::as_str).unwrap_or_default().to_owned(),
                    min: count("min").unwrap_or(1),
                    max: if names.is_empty() { count("max").unwrap_or(100) } else { names.len() },
                    names,
                }))
            }
            "COMFY_MATCHTYPE_V3" => {
                let types = options.get("template").and_then(|t| t.get("allowed_types"));
                Some(Self::MatchType(types.and_then(Value::as_str).unwrap_or("*").to_owned()))
            }
            _ => None,
        }
    }
}

/// Limits a count of a catalogue to the most inputs of a node.
fn clamped(count: u64) -> usize {
    usize::try_from(count).map_or(512, |count| count.min(512))
}

/// Types that only a link can carry.
const LINK_TYPES: &[&str] = &[
    "MODEL",
    "CLIP",
    "VAE",
    "CONDITIONING",
    "LATENT",
    "IMAGE",
    "MASK",
    "CONTROL_NET",
    "CLIP_VISION",
    "CLIP_VISION_OUTPUT",
    "STYLE_MODEL",
    "UPSCALE_MODEL",
    "GLIGEN",
    "NOISE",
    "GUIDER",
    "SAMPLER",
    "SIGMAS",
    "AUDIO",
    "VIDEO",
];

impl InputSpec {
    /// True for a model, a picture or another object that only a link can bring.
    pub fn is_only_linked(&self) -> bool {
        LINK_TYPES.contains(&self.ty.as_str())
    }

    /// Reads one entry of an `input` section.
    pub(crate) fn parse(name: &str, required: bool, spec: &Value) -> Self {
        let parts = spec.as_array().map_or(&[][..], Vec::as_slice);
        let options = parts.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
        let (ty, choices) = match parts.first() {
            Some(Value::Array(values)) => ("COMBO".to_owned(), Some(values.clone())),
            Some(Value::String(ty)) if ty == "COMBO" => {
                (ty.clone(), options.get("options").and_then(Value::as_array).cloned())
            }
            Some(Value::String(ty)) => (ty.clone(), None),
            _ => ("*".to_owned(), None),
        };
        let dynamic = Dynamic::parse(&ty, &options);
        Self { name: name.to_owned(), required, ty, choices, options, dynamic }
    }
}
