//! A workflow that ComfyUI refused: what is wrong with which input of which node, without paths.

use std::fmt;

use serde_json::{Map, Value, json};

use super::trim;
use comfywarden_error::{self, JsonObject, Kind};

/// Limit for problems that the message names; the details hold more.
const MAX_NAMED: usize = 5;
/// Limit for nodes in the details.
const MAX_NODES: usize = 50;
/// Limit for accepted values in the list.
const MAX_CHOICES: usize = 20;
/// Limit for near values that are offered.
const MAX_NEAREST: usize = 3;
/// The least likeness of an offered value.
const LIKENESS: f64 = 0.75;

/// Refusal of a workflow by ComfyUI.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rejection {
    /// ComfyUI's word, such as `prompt_outputs_failed_validation`.
    pub kind: String,
    /// ComfyUI's sentence.
    pub message: String,
    /// Its details, without paths.
    pub details: String,
    /// Problems, input by input.
    pub problems: Vec<Problem>,
    /// The node the error itself names, with class.
    pub node: Option<(String, String)>,
}

/// One thing wrong with one input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problem {
    /// The node.
    pub node_id: String,
    /// Its class.
    pub class_type: String,
    /// ComfyUI's word, such as `value_not_in_list`.
    pub kind: String,
    /// ComfyUI's sentence.
    pub message: String,
    /// Its details, without paths.
    pub details: String,
    /// The input.
    pub input: Option<String>,
    /// Value that was sent.
    pub received: Option<Value>,
    /// The values that would do, where they are a list.
    pub choices: Option<Vec<String>>,
    /// The smallest value.
    pub min: Option<Value>,
    /// The largest value.
    pub max: Option<Value>,
}

impl Rejection {
    /// Reads the answer of a refused `POST /prompt`.
    pub(crate) fn read(answer: &JsonObject) -> Self {
        let empty = Map::new();
        let error = answer.get("error").and_then(Value::as_object).unwrap_or(&empty);
        let extra = error.get("extra_info").and_then(Value::as_object).unwrap_or(&empty);
        let node = Some((text(extra, "node_id"), text(extra, "class_type"))).filter(|(id, _)| !id.is_empty());
        let errors = answer.get("node_errors").and_then(Value::as_object).unwrap_or(&empty);
        Self {
            kind: text(error, "type"),
            message: trim::message(&text(error, "message")),
            details: trim::message(&text(error, "details")),
            problems: read_problems(errors),
            node,
        }
    }

    /// The problems in the shape of ComfyUI's `node_errors`, trimmed.
    pub fn node_errors(&self) -> JsonObject {
        trimmed(&self.problems)
    }

    pub(crate) fn into_edge(self) -> comfywarden_error::Error {
        let hint = match self.kind.as_str() {
            "missing_node_type" => {
                "install the node pack that has this class (comfyui_search_custom_nodes finds it), or replace the node"
            }
            "prompt_no_outputs" => "add a node that saves or shows something, such as SaveImage",
            "no_prompt" => "give a workflow in API format",
            _ if self.problems.iter().any(|p| p.kind == "value_not_in_list") => {
                "use one of the accepted values; model files must be installed on the ComfyUI server"
            }
            _ => {
                "correct the named inputs and submit again; comfyui_validate_workflow checks without running"
            }
        };
        let edge = comfywarden_error::Error::new(Kind::InvalidInput, self.to_string()).hint(hint);
        edge.detail("error_type", self.kind.as_str()).detail("node_errors", self.node_errors())
    }
}

/// Reads `node_errors`, also that of an accepted prompt.
pub(crate) fn read_problems(errors: &JsonObject) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (node_id, entry) in errors {
        let Some(entry) = entry.as_object() else { continue };
        let class_type = text(entry, "class_type");
        for error in entry.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let Some(error) = error.as_object() else { continue };
            problems.push(read_problem(node_id, &class_type, error));
        }
    }
    problems
}

/// True for a quoted node id, as the editor numbers nodes: `'9'`, or `'9:3'` within a subgraph.
fn names_node(key: &str) -> bool {
    let id = key.trim_matches('\'');
    id.starts_with(|first: char| first.is_ascii_digit()) && id.chars().all(|c| c.is_ascii_digit() || c == ':')
}

fn read_problem(node_id: &str, class_type: &str, error: &JsonObject) -> Problem {
    let empty = Map::new();
    let extra = error.get("extra_info").and_then(Value::as_object).unwrap_or(&empty);
    let config = extra.get("input_config").and_then(Value::as_array);
    let options = config.and_then(|config| config.get(1)).and_then(Value::as_object);
    let choices = match config.and_then(|config| config.first()) {
        Some(Value::Array(values)) => Some(values),
        _ => options.and_then(|options| options.get("options")).and_then(Value::as_array),
    };
    let bound = |key: &str| options.and_then(|options| options.get(key)).cloned();
    let kind = text(error, "type");
    let details = trim::message(&text(error, "details"));
    // Here ComfyUI names the input of the node behind this one, and a bare exception text.
    let inner = kind.starts_with("exception_during_");
    let details = match extra.get("exception_type").and_then(Value::as_str) {
        // The key that was looked up: a part of a node, or the id of the node behind a link.
        Some("KeyError") if inner && matches!(details.as_str(), "'inputs'" | "'class_type'") => {
            format!("the node has no {details}")
        }
        Some("KeyError") if inner && names_node(&details) => {
            format!("a link of this node names node {details}, which does not exist")
        }
        Some("IndexError") if inner => {
            "a link of this node names an output that its source does not have".to_owned()
        }
        _ => details,
    };
    Problem {
        node_id: node_id.to_owned(),
        class_type: class_type.to_owned(),
        kind,
        message: trim::message(&text(error, "message")),
        details,
        input: extra.get("input_name").and_then(Value::as_str).filter(|_| !inner).map(str::to_owned),
        received: extra.get("received_value").cloned(),
        choices: choices.map(|values| values.iter().map(show).collect()),
        min: bound("min"),
        max: bound("max"),
    }
}

/// Problems in the shape of `node_errors`, without paths, tracebacks and long lists.
pub(crate) fn trimmed(problems: &[Problem]) -> JsonObject {
    let mut nodes = Map::new();
    for problem in problems {
        if nodes.len() >= MAX_NODES && !nodes.contains_key(&problem.node_id) {
            break;
        }
        let node = nodes
            .entry(problem.node_id.clone())
            .or_insert_with(|| json!({"class_type": problem.class_type, "errors": []}));
        if let Some(errors) = node.get_mut("errors").and_then(Value::as_array_mut) {
            errors.push(problem.to_json());
        }
    }
    nodes
}

impl Problem {
    fn to_json(&self) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        let mut put = |key: &str, value: Option<Value>| {
            if let (Some(value), Some(object)) = (value, error.as_object_mut()) {
                object.insert(key.to_owned(), value);
            }
        };
        // The details of a list error repeat the whole list.
        let details = (self.choices.is_none() && !self.details.is_empty()).then(|| self.details.clone());
        put("details", details.map(Value::String));
        put("input", self.input.clone().map(Value::String));
        put("received", self.received.as_ref().map(|value| Value::String(short(value))));
        put("min", self.min.clone());
        put("max", self.max.clone());
        if let Some(choices) = &self.choices {
            put("accepted", Some(choices.iter().take(MAX_CHOICES).cloned().collect()));
            put("accepted_count", Some(choices.len().into()));
            let nearest = self.nearest();
            put("nearest", (!nearest.is_empty()).then(|| nearest.into_iter().collect()));
        }
        error
    }

    /// The accepted values most like the one that was sent.
    fn nearest(&self) -> Vec<&str> {
        let Some(received) = self.received.as_ref().map(show) else { return Vec::new() };
        let received = received.to_lowercase();
        let likeness = |choice: &str| strsim::jaro_winkler(&received, &choice.to_lowercase());
        let choices = self.choices.iter().flatten();
        let mut near: Vec<(f64, &str)> = choices.map(|choice| (likeness(choice), choice.as_str())).collect();
        near.retain(|(likeness, _)| *likeness >= LIKENESS);
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().take(MAX_NEAREST).map(|(_, choice)| choice).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.node_id, self.class_type)?;
        if let Some(input) = &self.input {
            write!(f, ", {input}")?;
        }
        write!(f, ": {}", lower_first(&self.message))?;
        if self.choices.is_none() && !self.details.is_empty() && Some(&self.details) != self.input.as_ref() {
            write!(f, " ({})", self.details)?;
        }
        if let Some(received) = &self.received {
            write!(f, "; received {}", short(received))?;
        }
        if let Some(choices) = &self.choices {
            write!(f, "; {} accepted", choices.len())?;
            let listed: Vec<&str> = choices.iter().take(MAX_CHOICES).map(String::as_str).collect();
            if !listed.is_empty() {
                write!(f, ": {}", listed.join(", "))?;
            }
            if choices.len() > listed.len() {
                write!(f, ", …")?;
            }
            let nearest = self.nearest();
            if !nearest.is_empty() && choices.len() > listed.len() {
                write!(f, " (nearest: {})", nearest.join(", "))?;
            }
        }
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => write!(f, "; accepted {min} to {max}"),
            (Some(min), None) => write!(f, "; accepted from {min}"),
            (None, Some(max)) => write!(f, "; accepted up to {max}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComfyUI refused the workflow: ")?;
        if self.problems.is_empty() {
            f.write_str(&lower_first(&self.message))?;
            if !self.details.is_empty() && self.details != self.message {
                write!(f, " ({})", self.details)?;
            }
            if self.kind == "prompt_outputs_failed_validation" && self.details.is_empty() {
                // So ComfyUI answers to a circle, and to nothing else that is known.
                f.write_str("; it names no node, as when links form a cycle")?;
            }
            return match &self.node {
                Some((id, class)) if class.is_empty() => write!(f, " [node {id}]"),
                Some((id, class)) => write!(f, " [node {id}, class {class}]"),
                None => Ok(()),
            };
        }
        for (at, problem) in self.problems.iter().take(MAX_NAMED).enumerate() {
            if at > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{problem}")?;
        }
        match self.problems.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, " | and {more} more, see node_errors"),
        }
    }
}

fn text(object: &JsonObject, key: &str) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn short(value: &Value) -> String {
    let text = trim::without_paths(&value.to_string()).into_owned();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests;
