//! The state of ComfyUI-Manager's task queue.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// Waiting and finished tasks, and the snapshots that were saved.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) waiting: Vec<Value>,
    pub(super) done: Vec<Value>,
    pub(super) total: usize,
    pub(super) snapshots: Vec<String>,
}

/// The Manager's task queue.
#[derive(Debug, Default)]
pub(super) struct TaskQueue(Mutex<Tasks>);

impl TaskQueue {
    /// Locks the tasks.
    pub(super) fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, as when the process ends.
    pub(super) fn clear(&self) {
        *self.lock() = Tasks::default();
    }
}
