//! History entries: the only word that counts on how a prompt ended.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Blocked, Client, Error, HistoryEntry, JobState, NodeFailure, PromptId, Result, endpoint::Endpoint,
    outputs, prompt::MARK, tolerant::or_default, trim,
};
use comfywarden_error::JsonObject;

/// Output nodes that leave nothing in history by design.
const SILENT_OUTPUT_NODES: [&str; 1] = ["SaveImageWebsocket"];

impl Client {
    /// The entry of a finished prompt. `None` while it is not finished, and for ids ComfyUI does not know.
    pub async fn history(&self, id: &PromptId) -> Result<Option<HistoryEntry>> {
        let found = self.raw_history(id).await?;
        Ok(found.map(|raw| {
            let mut entry = raw.entry(id.as_str());
            if entry.state == JobState::Succeeded {
                // Missing outputs are only a sign of a blocker when its message can have been missed.
                let known = self.inner.tracker.known(id);
                entry.blocked = known.blocked.or(entry.blocked.filter(|_| !known.saw_all));
            }
            entry
        }))
    }

    /// The workflow of a finished prompt, as it was queued.
    pub async fn history_workflow(&self, id: &PromptId) -> Result<Option<Value>> {
        Ok(self.raw_history(id).await?.and_then(RawEntry::into_graph))
    }

    /// The finished prompts, at most `max_items` of the newest, newest first.
    pub async fn history_list(&self, max_items: u32) -> Result<Vec<HistoryEntry>> {
        let endpoint = Endpoint::HistoryList { max_items, offset: None };
        let all: indexmap::IndexMap<String, RawEntry> = self.inner.transport.get_json(&endpoint).await?;
        Ok(all.into_iter().rev().map(|(id, raw)| raw.entry(&id)).collect())
    }

    pub(super) async fn raw_history(&self, id: &PromptId) -> Result<Option<RawEntry>> {
        let endpoint = Endpoint::History(id);
        let mut all: JsonObject = self.inner.transport.get_json(&endpoint).await?;
        let read = |e: serde_json::Error| Error::Malformed { what: endpoint.name(), reason: e.to_string() };
        all.remove(id.as_str()).map(serde_json::from_value).transpose().map_err(read)
    }
}

/// An entry as ComfyUI writes it.
#[derive(Debug, Default)]
pub(crate) struct RawEntry {
    /// `[number, id, graph, extra_data, output nodes]`.
    prompt: Vec<Value>,
    outputs: JsonObject,
    status: Option<RawStatus>,
    /// It is no object.
    unreadable: bool,
}

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(mut entry) = Value::deserialize(deserializer)? else {
            return Ok(Self { unreadable: true, ..Self::default() });
        };
        let mut take = |key: &str| entry.remove(key).unwrap_or_default();
        Ok(Self {
            prompt: if let Value::Array(prompt) = take("prompt") { prompt } else { Vec::new() },
            outputs: if let Value::Object(outputs) = take("outputs") { outputs } else { JsonObject::new() },
            status: serde_json::from_value(take("status")).unwrap_or_default(),
            unreadable: false,
        })
    }
}

/// The state of an execution.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawStatus {
    #[serde(deserialize_with = "or_default")]
    status_str: String,
    #[serde(deserialize_with = "or_default")]
    completed: bool,
    /// `[type, data]` each.
    #[serde(deserialize_with = "or_default")]
    messages: Vec<Value>,
}

impl RawStatus {
    fn last(&self, kind: &str) -> Option<&JsonObject> {
        self.messages.iter().rev().find_map(|message| {
            let [Value::String(name), Value::Object(data)] = message.as_array()?.as_slice() else {
                return None;
            };
            (name == kind).then_some(data)
        })
    }

    fn time(&self, kind: &str) -> Option<u64> {
        self.last(kind)?.get("timestamp")?.as_u64()
    }

    /// Time at which the execution ended, whichever way.
    pub(super) fn end_time(&self) -> Option<u64> {
        let ends = ["execution_success", "execution_error", "execution_interrupted"];
        ends.iter().filter_map(|kind| self.time(kind)).max()
    }

    fn cached(&self) -> HashSet<&str> {
        let nodes =
            self.last("execution_cached").and_then(|data| data.get("nodes")).and_then(Value::as_array);
        nodes.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn state(&self) -> JobState {
        if self.last("execution_interrupted").is_some() {
            JobState::Cancelled
        } else if self.status_str == "success" || (self.status_str.is_empty() && self.completed) {
            JobState::Succeeded
        } else {
            JobState::Failed
        }
    }
}

impl RawEntry {
    /// An entry put together from a job of `/api/jobs`, which has no list of output nodes.
    pub(crate) fn from_job(outputs: JsonObject, status: RawStatus) -> Self {
        Self { prompt: Vec::new(), outputs, status: Some(status), unreadable: false }
    }

    /// The graph as it was queued.
    pub(super) fn graph(&self) -> Option<&Value> {
        self.prompt.get(2).filter(|graph| graph.is_object())
    }

    fn into_graph(mut self) -> Option<Value> {
        (self.prompt.len() > 2).then(|| self.prompt.swap_remove(2)).filter(Value::is_object)
    }

    /// The entry, typed and trimmed.
    pub(crate) fn entry(self, id: &str) -> HistoryEntry {
        let outputs = outputs::read(&self.outputs);
        let state = match &self.status {
            Some(status) => status.state(),
            // Servers of 2023 say nothing of how it ended.
            None if outputs.is_empty() => JobState::Failed,
            None => JobState::Succeeded,
        };
        let status = self.status.unwrap_or_default();
        let graph = self.prompt.get(2).and_then(Value::as_object);
        let extra = self.prompt.get(3).and_then(Value::as_object);
        let targets: Vec<&str> = self
            .prompt
            .get(4)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let cached = status.cached();
        let all_cached = if targets.is_empty() {
            !self.outputs.is_empty() && self.outputs.keys().all(|node| cached.contains(node.as_str()))
        } else {
            // ComfyUI does not look behind a cached node, so the output nodes tell for all.
            targets.iter().all(|node| cached.contains(node))
        };
        let succeeded = state == JobState::Succeeded;
        let (silent, others): (Vec<&str>, Vec<&str>) =
            targets.iter().partition(|node| is_silent(node, graph));
        let absent =
            |node: &&&str| succeeded && !self.outputs.contains_key(**node) && !cached.contains(**node);
        let about = |node: &&str| about_node(node, graph);
        let missing: Vec<Blocked> = others.iter().filter(absent).map(about).collect();
        let unsaved: Vec<Blocked> = silent.iter().filter(absent).map(about).collect();
        // After an `ExecutionBlocker` history says success with no outputs and no word why.
        let blocked = missing.first().filter(|_| self.outputs.is_empty() && !all_cached).cloned();
        HistoryEntry {
            prompt_id: id.to_owned(),
            number: self.prompt.first().and_then(Value::as_f64),
            state,
            cached: succeeded && all_cached,
            node_count: graph.map_or(0, serde_json::Map::len),
            failure: (state == JobState::Failed).then(|| failure_of(&status, self.unreadable)),
            blocked,
            missing,
            unsaved,
            create_time: extra.and_then(|extra| extra.get("create_time")).and_then(Value::as_u64),
            start_time: status.time("execution_start"),
            end_time: status.end_time(),
            outputs,
            mark: extra.and_then(|extra| extra.get(MARK)).and_then(Value::as_str).map(str::to_owned),
        }
    }
}

fn class_of<'a>(node: &str, graph: Option<&'a JsonObject>) -> Option<&'a str> {
    graph?.get(node)?.get("class_type")?.as_str()
}

fn is_silent(node: &str, graph: Option<&JsonObject>) -> bool {
    class_of(node, graph).is_some_and(|class| SILENT_OUTPUT_NODES.contains(&class))
}

fn about_node(node: &str, graph: Option<&JsonObject>) -> Blocked {
    Blocked {
        node_id: Some(node.to_owned()),
        node_type: class_of(node, graph).map(str::to_owned),
        message: None,
    }
}

fn failure_of(status: &RawStatus, unreadable: bool) -> NodeFailure {
    if unreadable {
        let message = "ComfyUI's history entry of this job cannot be read; it may have succeeded".to_owned();
        return NodeFailure { message, ..NodeFailure::default() };
    }
    match status.last("execution_error") {
        Some(data) => read_failure(data),
        None => NodeFailure { message: "ComfyUI gave no reason".to_owned(), ..NodeFailure::default() },
    }
}

/// The fields of an `execution_error`, without paths and input values.
pub(crate) fn read_failure(data: &JsonObject) -> NodeFailure {
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let lines =
        data.get("traceback").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let (exception_type, message) = (text("exception_type"), text("exception_message"));
    NodeFailure {
        node_id: id_text(data.get("node_id")),
        node_type: text("node_type").to_owned(),
        exception_type: exception_type.to_owned(),
        message: trim::message(message),
        traceback: trim::traceback(lines),
        out_of_memory: is_out_of_memory(exception_type, message),
    }
}

fn id_text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    }
}

fn is_out_of_memory(exception_type: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    exception_type.contains("OutOfMemory")
        || exception_type == "MemoryError"
        || ["out of memory", "not enough memory", "can't allocate memory", "allocation on device"]
            .iter()
            .any(|sign| message.contains(sign))
}

#[cfg(test)]
mod tests;
