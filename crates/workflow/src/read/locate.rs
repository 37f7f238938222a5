//! Finds the workflow inside other JSON: requests to gateways and workers, exports of automation programs, JSON kept as
//! text.

use serde_json::Value;

use crate::{Error, Result, UiWorkflow, json};

/// The deepest place that is searched.
const MAX_DEPTH: usize = 12;
/// The most values that are looked at.
const MAX_VALUES: usize = 50_000;
/// The shortest text that is read as JSON.
const MIN_TEXT: usize = 20;
/// The most keys beside a workflow that a note names.
const MAX_NAMED: usize = 6;

/// The workflows inside other JSON, each with its path.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// The API format.
    pub(super) prompt: Option<(Value, String)>,
    /// The editor's format.
    pub(super) workflow: Option<(Value, String)>,
    /// The keys beside the workflow.
    pub(super) beside: Vec<String>,
    /// The path of a second workflow of one format.
    second: Option<String>,
}

/// Searches a value that is not itself a workflow; several workflows of one format are an error.
pub(super) fn locate(value: &Value) -> Result<Located> {
    let mut located = Located::default();
    let mut search = Search { values_left: MAX_VALUES, bytes_left: json::MAX_BYTES };
    search.visit(value, "", MAX_DEPTH, &mut located);
    let first = located.prompt.as_ref().or(located.workflow.as_ref());
    if let (Some(second), Some((_, first))) = (&located.second, first) {
        return Err(Error::new(format!("the text holds several workflows, at `{first}` and at `{second}`"))
            .hint("give one of them"));
    }
    Ok(located)
}

struct Search {
    values_left: usize,
    bytes_left: usize,
}

impl Search {
    fn visit(&mut self, value: &Value, path: &str, depth: usize, located: &mut Located) {
        let Some(values_left) = self.values_left.checked_sub(1) else { return };
        self.values_left = values_left;
        if depth == 0 || take(value, path, located) {
            return;
        }
        match value {
            Value::Object(map) => {
                let found = located.count();
                for (key, value) in map {
                    let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.visit(value, &inner, depth - 1, located);
                }
                if located.count() > found && located.beside.is_empty() {
                    let is_used =
                        |key: &str| located.paths().any(|used| used.rsplit('.').next() == Some(key));
                    let keys = map.keys().filter(|key| !is_used(key)).take(MAX_NAMED).cloned();
                    located.beside = keys.collect();
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    self.visit(value, &format!("{path}[{at}]"), depth - 1, located);
                }
            }
            Value::String(text) => {
                // An automation program marks its expressions with an equals sign.
                let text = text.trim().trim_start_matches('=').trim_start();
                if text.len() < MIN_TEXT || !text.starts_with(['{', '[', '"']) {
                    return;
                }
                let Some(bytes_left) = self.bytes_left.checked_sub(text.len()) else { return };
                self.bytes_left = bytes_left;
                if let Ok((inner, _)) = json::parse_relaxed(text.as_bytes()) {
                    self.visit(&inner, path, depth - 1, located);
                }
            }
            _ => {}
        }
    }
}

/// Takes a value that is a workflow.
fn take(value: &Value, path: &str, located: &mut Located) -> bool {
    let place = if is_api_graph(value) {
        &mut located.prompt
    } else if is_ui_graph(value) {
        &mut located.workflow
    } else {
        return false;
    };
    match place {
        Some((known, _)) if known == value => {}
        Some(_) => located.second = located.second.take().or(Some(path.to_owned())),
        None => *place = Some((value.clone(), path.to_owned())),
    }
    true
}

impl Located {
    fn count(&self) -> usize {
        usize::from(self.prompt.is_some()) + usize::from(self.workflow.is_some())
    }

    /// Iterates over the paths of what was found.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.prompt.iter().chain(&self.workflow).map(|(_, path)| path.as_str())
    }
}

/// True for an object of nodes in API format.
pub(super) fn is_api_graph(value: &Value) -> bool {
    let is_node = |node: &Value| {
        node.get("class_type").is_some_and(Value::is_string)
            && node.get("inputs").is_some_and(Value::is_object)
    };
    value.as_object().is_some_and(|map| !map.is_empty() && map.values().all(is_node))
}

/// True for the editor's format; other programs have lists of nodes as well.
pub(super) fn is_ui_graph(value: &Value) -> bool {
    let of_other_program =
        |node: &Value| node.get("typeVersion").is_some() || node.get("parameters").is_some();
    UiWorkflow::looks_like(value)
        && value
            .get("nodes")
            .and_then(Value::as_array)
            .is_some_and(|nodes| !nodes.iter().any(of_other_program))
}
