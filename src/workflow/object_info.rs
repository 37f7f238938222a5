//! ComfyUI's node catalogue (`GET /object_info`): kept as text, read class by class when asked.
//!
//! The catalogue is 1–10 MB; parsing it whole for one question would cost more than the question.

use std::{collections::HashMap, sync::OnceLock};

use serde_json::{Value, value::RawValue};

use super::{Error, Result};
use crate::error::JsonObject;

/// The node catalogue of one ComfyUI server.
#[derive(Debug, Default)]
pub struct ObjectInfo {
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
        let classes =
            map.into_iter().map(|(name, text)| (name, Lazy { text, class: OnceLock::new() })).collect();
        Ok(Self { names, classes })
    }

    /// The class names, in ComfyUI's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// True when the server has this class.
    pub fn contains(&self, class_type: &str) -> bool {
        self.classes.contains_key(class_type)
    }

    /// The class, parsed on first use. `None` when the server has no such class or describes it unreadably.
    pub fn get(&self, class_type: &str) -> Option<&NodeClass> {
        let lazy = self.classes.get(class_type)?;
        lazy.class.get_or_init(|| NodeClass::parse(class_type, &lazy.text)).as_ref()
    }

    /// The class's entry as ComfyUI wrote it.
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
    /// Where the code lives, such as `nodes` or `comfy_extras.nodes_canny`.
    pub python_module: String,
    /// The menu path.
    pub category: String,
    /// True when the class ends a graph (saves, previews, …).
    pub output_node: bool,
    /// True when running it calls a paid service.
    pub api_node: bool,
    /// Required, then optional inputs, in `input_order`.
    pub inputs: Vec<InputSpec>,
    /// What the node gives.
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
        let mut inputs = Vec::new();
        for (section, required) in [("required", true), ("optional", false)] {
            let Some(specs) = entry.get("input").and_then(|i| i.get(section)).and_then(Value::as_object)
            else {
                continue;
            };
            let order = entry.get("input_order").and_then(|o| o.get(section)).and_then(Value::as_array);
            let ordered: Vec<&str> = order.into_iter().flatten().filter_map(Value::as_str).collect();
            let known = |name: &&str| specs.contains_key(*name);
            let rest = specs.keys().map(String::as_str).filter(|name| !ordered.contains(name));
            for name in ordered.iter().copied().filter(known).chain(rest) {
                inputs.extend(specs.get(name).map(|spec| InputSpec::parse(name, required, spec)));
            }
        }
        let list = |key: &str| entry.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let outputs = list("output").iter().enumerate().map(|(i, ty)| OutputSpec {
            ty: ty.as_str().unwrap_or("COMBO").to_owned(),
            name: list("output_name").get(i).and_then(Value::as_str).unwrap_or_default().to_owned(),
            is_list: list("output_is_list").get(i).and_then(Value::as_bool).unwrap_or(false),
        });
        Some(Self {
            name: name.to_owned(),
            display_name: text_of("display_name"),
            python_module: text_of("python_module"),
            category: text_of("category"),
            output_node: flag("output_node"),
            api_node: flag("api_node"),
            outputs: outputs.collect(),
            inputs,
        })
    }

    /// The input with this name.
    pub fn input(&self, name: &str) -> Option<&InputSpec> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

impl InputSpec {
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
        Self { name: name.to_owned(), required, ty, choices, options }
    }
}
