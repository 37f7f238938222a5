//! Visits the inputs of a node: each by itself, and all together.

use serde_json::Value;

use super::{Graph, Visitor};
use crate::inspector::{
    classes::Origin,
    location::{Location, ValuePath},
    word_list::WordList,
    workload::{Work, enlargement, number},
};
use comfywarden_error::JsonObject;

/// Parameters of a preview.
static PREVIEW: WordList = WordList::new(include_str!("../lists/inputs/preview.txt"));

impl Visitor<'_> {
    pub(super) fn inputs(&mut self, inputs: &JsonObject, location: Location<'_>, graph: &Graph<'_>) -> usize {
        let mut work = Work::new(location.class_facts.repeats, location.origin);
        let mut pieces: Vec<(ValuePath<'_>, &str)> = Vec::new();
        let mut inner = 0;
        for (name, value) in inputs {
            let path = ValuePath::Root(name, self.facts.input(location.class, location.class_facts, name));
            let amount = &path.inner().amount;
            if let Some(why) = work.add(amount, || number(&graph.flow, value)) {
                // The limits are those of ComfyUI's inputs; another pack may mean something else by such a name.
                let is_known = location.origin != Origin::Custom || amount.is_usual;
                self.excessive(location, name, &why, is_known);
            }
            self.key(location, path);
            if is_preview(name, value) {
                self.preview(value, location);
                continue;
            }
            if location.origin == Origin::Custom
                && let Value::String(text) = value
                && path.inner().purpose(location.class_facts.loads, location.origin).code
            {
                pieces.push((path, text));
            }
            inner += self.value(value, path, location, graph, 1);
        }
        if let Some(factor) = enlargement(&graph.flow, inputs) {
            work.enlarge(factor);
        }
        let grown = || {
            (work.enlarges() && location.is_in_graph())
                .then(|| graph.volumes.of(&graph.flow, location.id)?.excess())
                .flatten()
        };
        if let Some(why) = work.together().or_else(grown) {
            self.excessive(location, "width", &why, true);
        }
        if let [(path, _), _, ..] = pieces.as_slice() {
            let joined: String = pieces.iter().map(|(_, text)| *text).collect();
            self.joined(&joined, *path, location, graph);
        }
        inner
    }

    /// Judges the state of a preview, which the editor keeps beside the inputs and no node reads.
    fn preview(&mut self, value: &Value, location: Location<'_>) {
        let params = value.get("params").and_then(Value::as_object);
        for text in params.into_iter().flat_map(JsonObject::values).filter_map(Value::as_str) {
            self.label(location, "preview", text);
        }
    }
}

/// True for the state of a preview: the file that is played, as the server's `/view` takes it, and whether it plays.
fn is_preview(name: &str, value: &Value) -> bool {
    let (Some(state), Some(params)) = (value.as_object(), value.get("params").and_then(Value::as_object))
    else {
        return false;
    };
    let is_named = name.contains("preview") || name.starts_with("widget_") || name.starts_with("file_");
    is_named
        && state.keys().all(|key| matches!(key.as_str(), "hidden" | "paused" | "params" | "muted" | "value"))
        && state.iter().all(|(key, value)| key == "params" || value.is_boolean() || value.is_null())
        && params.iter().all(|(key, value)| PREVIEW.contains(key) && !value.is_object() && !value.is_array())
}
