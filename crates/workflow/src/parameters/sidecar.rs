//! The sidecar of a workflow file: descriptions, a map of parameters, and corrections of found ones.
//!
//! Ours (`<stem>.yaml`) is read strictly, since a misspelt key would be silently without effect. The files of other
//! programs (`<stem>.meta.json`) may hold more than is understood here.

use serde_json::Value;

use super::kind::Word;
use crate::graph::kind_of;
use crate::{Error, Result, nearest};
use comfywarden_error::JsonObject;

/// The most parameters that a sidecar may name.
const MAX_ENTRIES: usize = 64;

/// The content of a sidecar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sidecar {
    /// The name for people.
    pub title: Option<String>,
    /// The result of the workflow and when to use it.
    pub description: Option<String>,
    /// A template of comfywarden that is run instead of a workflow file.
    pub template: Option<String>,
    /// Profiles besides `full` in which the tool is offered.
    pub profiles: Vec<String>,
    /// The adjustments, by parameter name.
    pub parameters: Vec<(String, Adjustment)>,
    /// True for another program's file, which may talk about more than there is.
    pub foreign: bool,
    /// Keys of another program's file that are not understood.
    pub unread: Vec<String>,
}

/// The adjustment of one parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Adjustment {
    /// The inputs that the parameter sets. Without any, it must have been found otherwise.
    pub spots: Vec<Spot>,
    /// Its type.
    pub(super) word: Option<Word>,
    /// The value when it is not given.
    pub default: Option<Value>,
    /// Smallest.
    pub min: Option<Value>,
    /// Largest.
    pub max: Option<Value>,
    /// Distance between accepted values.
    pub step: Option<Value>,
    /// Accepted values.
    pub choices: Option<Vec<Value>>,
    /// True when a call must give it.
    pub required: Option<bool>,
    /// Its effect.
    pub description: Option<String>,
    /// Keeps it from callers: it always has its default.
    pub hide: bool,
}

/// An input of a node, as a sidecar names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The node's id or its unique title.
    pub node: String,
    /// The input.
    pub input: String,
}

const KEYS: [&str; 6] = ["title", "name", "description", "template", "profiles", "parameters"];
/// Keys of other programs' files that are understood.
const FOREIGN_KEYS: [&str; 9] = [
    "title",
    "name",
    "description",
    "parameters",
    "inputSchema",
    "constraints",
    "defaults",
    "defaultParams",
    "override_mappings",
];
/// The most unread keys that are told.
const MAX_UNREAD: usize = 8;
const PARAMETER_KEYS: [&str; 15] = [
    "name",
    "at",
    "node",
    "input",
    "widget",
    "type",
    "default",
    "min",
    "max",
    "step",
    "choices",
    "enum",
    "required",
    "description",
    "hide",
];

impl Sidecar {
    /// Reads our own sidecar.
    pub fn from_value(value: &Value) -> Result<Self> {
        let map = object(value, "the sidecar")?;
        refuse_unknown(map, &KEYS, "the sidecar")?;
        let mut sidecar = Self { template: text(map, "template")?, ..Self::words(map)? };
        sidecar.profiles = match map.get("profiles") {
            None => Vec::new(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(_) => return Err(Error::new("`profiles` of the sidecar is not a list of names")),
        };
        sidecar.add_parameters(map.get("parameters"), true)?;
        Ok(sidecar)
    }

    /// Reads another program's file: `defaults`, `constraints` and `override_mappings`, or the schema of a gateway
    /// (`inputSchema.fields`, `defaultParams`), or `parameters` with node id and widget name.
    pub fn from_foreign(value: &Value) -> Result<Self> {
        let map = object(value, "the sidecar")?;
        let unread: Vec<String> = map
            .keys()
            .filter(|key| !FOREIGN_KEYS.contains(&key.as_str()))
            .take(MAX_UNREAD)
            .map(|key| key.chars().take(64).collect())
            .collect();
        if !map.is_empty() && unread.len() == map.len() {
            refuse_unknown(map, &FOREIGN_KEYS, "the sidecar")?;
        }
        let mut sidecar = Self { foreign: true, unread, ..Self::words(map)? };
        sidecar.add_parameters(map.get("parameters"), false)?;
        let fields = map
            .get("inputSchema")
            .and_then(|schema| schema.get("fields").or_else(|| schema.get("properties")));
        sidecar.add_parameters(fields, false)?;
        sidecar.add_parameters(map.get("constraints"), false)?;
        for key in ["defaults", "defaultParams"] {
            for (name, default) in map.get(key).and_then(Value::as_object).into_iter().flatten() {
                sidecar.entry(name)?.default = Some(default.clone());
            }
        }
        for (name, spots) in map.get("override_mappings").and_then(Value::as_object).into_iter().flatten() {
            let found = spots.as_array().into_iter().flatten().filter_map(pair).collect();
            sidecar.entry(name)?.spots = found;
        }
        Ok(sidecar)
    }

    /// Lists notes for the author: keys without effect, each with the one that may have been meant.
    pub fn notes(&self) -> Vec<String> {
        let note = |key: &String| {
            let near = nearest::did_you_mean(key, FOREIGN_KEYS);
            let near = near.map(|text| format!("; {text}")).unwrap_or_default();
            format!("`{key}` of the sidecar has no effect here{near}")
        };
        self.unread.iter().map(note).collect()
    }

    /// Returns the adjustment of the parameter `name`.
    pub fn about(&self, name: &str) -> Option<&Adjustment> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, adjustment)| adjustment)
    }

    fn words(map: &JsonObject) -> Result<Self> {
        let title = text(map, "title")?.or(text(map, "name")?);
        Ok(Self { title, description: text(map, "description")?, ..Self::default() })
    }

    fn entry(&mut self, name: &str) -> Result<&mut Adjustment> {
        let at = self.parameters.iter().position(|(known, _)| known == name);
        let at = at.unwrap_or(self.parameters.len());
        if at == self.parameters.len() {
            if at == MAX_ENTRIES {
                return Err(Error::new(format!("the sidecar names more than {MAX_ENTRIES} parameters")));
            }
            super::marker::check_name(name)?;
            self.parameters.push((name.to_owned(), Adjustment::default()));
        }
        match self.parameters.get_mut(at) {
            Some((_, adjustment)) => Ok(adjustment),
            None => Err(Error::new("the sidecar cannot be read")),
        }
    }

    /// Reads `{name: {…}}` or `[{name: …, …}]`.
    fn add_parameters(&mut self, value: Option<&Value>, strict: bool) -> Result<()> {
        let entries: Vec<(&str, &Value)> = match value {
            None => return Ok(()),
            Some(Value::Object(map)) => map.iter().map(|(name, entry)| (name.as_str(), entry)).collect(),
            Some(Value::Array(list)) => {
                let name = |entry: &'_ Value| entry.get("name").and_then(Value::as_str).map(str::to_owned);
                if list.iter().any(|entry| name(entry).is_none()) {
                    return Err(Error::new("an entry of `parameters` in the sidecar has no `name`"));
                }
                let named = |entry: &'_ Value| entry.get("name").and_then(Value::as_str).is_some();
                list.iter()
                    .filter(|entry| named(entry))
                    .map(|entry| (entry.get("name").and_then(Value::as_str).unwrap_or_default(), entry))
                    .collect()
            }
            Some(other) => {
                return Err(Error::new(format!("`parameters` of the sidecar is {}", kind_of(other))).hint(
                    "give a map of names to {at, type, default, min, max, step, choices, description}",
                ));
            }
        };
        for (name, entry) in entries {
            let path = format!("parameter `{}` of the sidecar", name.chars().take(64).collect::<String>());
            let map = object(entry, &path)?;
            if strict {
                refuse_unknown(map, &PARAMETER_KEYS, &path)?;
            }
            self.entry(name)?.read(map, &path)?;
        }
        Ok(())
    }
}

impl Adjustment {
    fn read(&mut self, map: &JsonObject, path: &str) -> Result<()> {
        let either = |names: [&str; 2]| names.iter().find_map(|name| map.get(*name)).cloned();
        self.spots.extend(spots(map, path)?);
        if let Some(word) = map.get("type").and_then(Value::as_str) {
            // A gateway's schema may name types that do not describe a scalar; there the catalogue decides.
            self.word = Word::parse(word);
            if self.word.is_none() {
                return Err(Error::new(format!("{path}: `{word}` is no type"))
                    .hint("types: string, integer, number, boolean, seed"));
            }
        }
        self.default = map.get("default").cloned().filter(|value| !value.is_null()).or(self.default.take());
        self.min = either(["min", "minimum"]).or(self.min.take());
        self.max = either(["max", "maximum"]).or(self.max.take());
        self.step = map.get("step").cloned().or(self.step.take());
        if let Some(Value::Array(choices)) = either(["choices", "enum"]) {
            self.choices = Some(choices);
        }
        self.required = map.get("required").and_then(Value::as_bool).or(self.required);
        self.description = text(map, "description")?.or(self.description.take());
        self.hide |= map.get("hide").and_then(Value::as_bool).unwrap_or(false);
        Ok(())
    }
}

/// Reads `at: "6.text"`, `at: [["6", "text"], "7.text"]`, or node and input under one of their names.
fn spots(map: &JsonObject, path: &str) -> Result<Vec<Spot>> {
    let wrong = || {
        Error::new(format!("{path}: `at` does not say where"))
            .hint("write \"6.text\" (node id, dot, input), or a list of such places")
    };
    if let Some(at) = map.get("at") {
        let list = match at {
            Value::Array(list) if pair(at).is_none() => list.iter().collect(),
            one => vec![one],
        };
        return list.into_iter().map(|one| slot(one).or_else(|| pair(one)).ok_or_else(wrong)).collect();
    }
    let first = |names: [&str; 3]| names.iter().find_map(|name| map.get(*name)).map(id_text);
    match (first(["node", "comfyui_node_id", "node_id"]), first(["input", "widget", "comfyui_widget_name"])) {
        (Some(node), Some(input)) => Ok(vec![Spot { node, input }]),
        (None, None) => Ok(Vec::new()),
        _ => Err(wrong()),
    }
}

fn slot(value: &Value) -> Option<Spot> {
    let (node, input) = value.as_str()?.split_once('.')?;
    (!node.is_empty() && !input.is_empty()).then(|| Spot { node: node.to_owned(), input: input.to_owned() })
}

/// Reads `["6", "text"]`. A list of two `node.input` texts looks alike, but those hold dots.
fn pair(value: &Value) -> Option<Spot> {
    let [node, Value::String(input)] = value.as_array()?.as_slice() else { return None };
    if node.as_str().is_some_and(|node| node.contains('.')) {
        return None;
    }
    Some(Spot { node: id_text(node), input: input.clone() })
}

/// Converts a node id to text: people write numbers, ComfyUI has texts.
fn id_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a JsonObject> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(Error::new(format!("{what} is {}, not a map", kind_of(other)))),
    }
}

fn text(map: &JsonObject, key: &str) -> Result<Option<String>> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(other) => Err(Error::new(format!("`{key}` of the sidecar is {}, not a text", kind_of(other)))),
    }
}

fn refuse_unknown(map: &JsonObject, known: &[&str], what: &str) -> Result<()> {
    let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let shown: String = key.chars().take(64).collect();
    let near = nearest::did_you_mean(&shown, known.iter().copied());
    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::new(format!("{what} has no key `{shown}`{near}")).hint(format!("keys: {}", known.join(", "))))
}
