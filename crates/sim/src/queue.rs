//! The queue, what runs, and the history: all in memory, as in ComfyUI.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use indexmap::IndexMap;
use serde_json::{Number, Value, json};
use tokio::sync::Notify;

use comfywarden_error::JsonObject;

/// ComfyUI's own limit.
const MAX_HISTORY: usize = 10_000;
/// The entries have at most this many bytes of JSON together; the oldest go first.
const MAX_HISTORY_BYTES: usize = 32 << 20;

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
    /// The size of each entry as JSON, and of all together.
    sizes: HashMap<String, usize>,
    history_bytes: usize,
}

impl QueueState {
    fn forget(&mut self, prompt_id: &str) {
        self.history.shift_remove(prompt_id);
        self.history_bytes -= self.sizes.remove(prompt_id).unwrap_or(0);
    }
}

/// Counts the bytes of an entry as JSON.
fn size(entry: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail; an entry that cannot be written would count for nothing.
    let _ = serde_json::to_writer(&mut counter, entry);
    counter.0
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
        let bytes = size(&entry);
        let mut state = self.state();
        // A second run under the same id replaces the entry and keeps its place, as in a Python dict.
        state.history.insert(prompt_id.to_owned(), entry);
        let before = state.sizes.insert(prompt_id.to_owned(), bytes).unwrap_or(0);
        state.history_bytes = state.history_bytes + bytes - before;
        while state.history.len() > MAX_HISTORY
            || (state.history_bytes > MAX_HISTORY_BYTES && state.history.len() > 1)
        {
            let Some(oldest) = state.history.keys().next().cloned() else { break };
            state.forget(&oldest);
        }
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

    /// Adds an entry that no run of this server made.
    pub(super) fn put_history(&self, prompt_id: &str, entry: Value) {
        self.state().history.insert(prompt_id.to_owned(), entry);
    }

    pub(super) fn clear_history(&self) {
        let mut state = self.state();
        state.history.clear();
        state.sizes.clear();
        state.history_bytes = 0;
    }

    pub(super) fn delete_history(&self, prompt_id: &str) {
        self.state().forget(prompt_id);
    }

    /// Forgets everything, as when the process ends.
    pub(super) fn reset(&self) {
        *self.state() = QueueState::default();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_forgets_its_oldest_entries_by_size() {
        let queue = Queue::default();
        let large = || Value::from("x".repeat(MAX_HISTORY_BYTES / 2));
        queue.finish("first", large());
        queue.finish("first", large());
        queue.finish("second", json!({}));
        assert!(queue.history_entry("first").is_some(), "a second run replaces the first");
        queue.finish("third", large());
        assert!(queue.history_entry("first").is_none());
        assert!(queue.history_entry("second").is_some() && queue.history_entry("third").is_some());
        queue.delete_history("third");
        queue.clear_history();
        assert_eq!(queue.state().history_bytes, 0);
    }
}
