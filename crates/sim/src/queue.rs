//! The queue, what runs, and the history: all in memory, as in ComfyUI.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde_json::{Number, Value, json};
use tokio::sync::Notify;

use comfywarden_error::JsonObject;

/// ComfyUI's own limit.
const MAX_HISTORY: usize = 10_000;

/// One accepted prompt.
#[derive(Debug)]
pub(super) struct Item {
    /// Its place: lower runs first. A float when the client gave it.
    pub(super) number: Number,
    pub(super) prompt_id: String,
    pub(super) prompt: JsonObject,
    pub(super) extra_data: JsonObject,
    /// The output nodes that run.
    pub(super) outputs: Vec<String>,
}

impl Item {
    /// The five-element list of `/queue` and of the history.
    pub(super) fn to_value(&self) -> Value {
        json!([self.number, self.prompt_id, self.prompt, self.extra_data, self.outputs])
    }

    /// The WebSocket name that gets the events.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.extra_data.get("client_id").and_then(Value::as_str)
    }

    fn order(&self) -> f64 {
        self.number.as_f64().unwrap_or(0.0)
    }
}

#[derive(Debug, Default)]
struct QueueState {
    next_number: i64,
    pending: Vec<Arc<Item>>,
    running: Option<Arc<Item>>,
    history: IndexMap<String, Value>,
}

/// The queue of one server.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    added: Notify,
}

impl Queue {
    /// The next running number; every submit takes one, also a refused one.
    pub(super) fn take_number(&self) -> i64 {
        let mut state = self.state();
        let number = state.next_number;
        state.next_number += 1;
        number
    }

    /// Puts an item behind all that have the same or a lower number.
    pub(super) fn put(&self, item: Item) {
        let mut state = self.state();
        let at = state.pending.partition_point(|other| other.order() <= item.order());
        state.pending.insert(at, Arc::new(item));
        drop(state);
        self.added.notify_one();
    }

    /// Waits for an item and marks it as running.
    pub(super) async fn take(&self) -> Arc<Item> {
        loop {
            let added = self.added.notified();
            {
                let mut state = self.state();
                if !state.pending.is_empty() {
                    let item = state.pending.remove(0);
                    state.running = Some(item.clone());
                    return item;
                }
            }
            added.await;
        }
    }

    /// Writes the history entry of the running item and lets it go.
    pub(super) fn finish(&self, prompt_id: &str, entry: Value) {
        let mut state = self.state();
        if state.history.len() >= MAX_HISTORY {
            state.history.shift_remove_index(0);
        }
        // A second run under the same id replaces the entry and keeps its place, as in a Python dict.
        state.history.insert(prompt_id.to_owned(), entry);
        state.running = None;
    }

    pub(super) fn remaining(&self) -> usize {
        let state = self.state();
        state.pending.len() + usize::from(state.running.is_some())
    }

    pub(super) fn running(&self) -> Option<Arc<Item>> {
        self.state().running.clone()
    }

    pub(super) fn pending(&self) -> Vec<Arc<Item>> {
        self.state().pending.clone()
    }

    pub(super) fn clear_pending(&self) {
        self.state().pending.clear();
    }

    /// Takes the first pending item with this id out. True when there was one.
    pub(super) fn delete_pending(&self, prompt_id: &str) -> bool {
        let mut state = self.state();
        let at = state.pending.iter().position(|item| item.prompt_id == prompt_id);
        at.map(|at| state.pending.remove(at)).is_some()
    }

    pub(super) fn history(&self) -> Vec<(String, Value)> {
        self.state().history.iter().map(|(id, entry)| (id.clone(), entry.clone())).collect()
    }

    pub(super) fn history_entry(&self, prompt_id: &str) -> Option<Value> {
        self.state().history.get(prompt_id).cloned()
    }

    pub(super) fn clear_history(&self) {
        self.state().history.clear();
    }

    pub(super) fn delete_history(&self, prompt_id: &str) {
        self.state().history.shift_remove(prompt_id);
    }

    /// Forgets everything, as when the process ends.
    pub(super) fn reset(&self) {
        *self.state() = QueueState::default();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
