//! Open WebSockets and their names.
//!
//! As in ComfyUI, one name leads to one socket: a newer socket takes the name over and the older stays open
//! and deaf. Whoever of the two closes first takes the name with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Bytes,
    extract::ws::{Message, Utf8Bytes},
};
use tokio::sync::{Notify, mpsc};

/// A socket whose reader is this far behind is cut.
const MAX_WAITING: usize = 8_192;

/// Something to send over a socket.
#[derive(Debug, Clone)]
pub(super) enum Frame {
    Send(Message),
    Close,
    Cut,
}

impl Frame {
    pub(super) fn text(text: String) -> Self {
        Self::Send(Message::Text(Utf8Bytes::from(text)))
    }

    pub(super) fn binary(bytes: Vec<u8>) -> Self {
        Self::Send(Message::Binary(Bytes::from(bytes)))
    }
}

/// One open connection.
#[derive(Debug, Clone)]
struct OpenSocket {
    number: u64,
    frames: mpsc::Sender<Frame>,
    preview_metadata: bool,
}

#[derive(Debug, Default)]
struct SocketTable {
    next_number: u64,
    by_name: HashMap<String, OpenSocket>,
    open: HashMap<u64, mpsc::Sender<Frame>>,
}

/// All sockets of one server.
#[derive(Debug, Default, Clone)]
pub(super) struct Sockets {
    table: Arc<Mutex<SocketTable>>,
    changed: Arc<Notify>,
}

impl Sockets {
    /// Registers a new connection under a name and gives it its number and its frames.
    pub(super) fn open(&self, name: &str) -> (u64, mpsc::Receiver<Frame>) {
        let (frames, receiver) = mpsc::channel(MAX_WAITING);
        let mut state = self.state();
        let number = state.next_number;
        state.next_number += 1;
        state.open.insert(number, frames.clone());
        state.by_name.insert(name.to_owned(), OpenSocket { number, frames, preview_metadata: false });
        drop(state);
        self.changed.notify_waiters();
        (number, receiver)
    }

    /// Forgets a connection, and its name even when a newer connection has taken it over.
    pub(super) fn closed(&self, number: u64, name: &str) {
        let mut state = self.state();
        state.open.remove(&number);
        state.by_name.remove(name);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Forgets all names; the connections stay open.
    pub(super) fn forget_names(&self) {
        self.state().by_name.clear();
    }

    /// Notes that the connection behind this name wants metadata with its previews.
    pub(super) fn wants_preview_metadata(&self, name: &str, wants: bool) {
        if let Some(connection) = self.state().by_name.get_mut(name) {
            connection.preview_metadata = wants;
        }
    }

    pub(super) fn has_preview_metadata(&self, name: &str) -> bool {
        self.state().by_name.get(name).is_some_and(|connection| connection.preview_metadata)
    }

    /// Sends to the connection that holds this name, if one does.
    pub(super) fn to(&self, name: &str, frame: &Frame) {
        let connection = self.state().by_name.get(name).cloned();
        if let Some(connection) = connection {
            self.deliver(connection.number, &connection.frames, frame);
        }
    }

    /// Sends to every connection that holds a name.
    pub(super) fn to_all(&self, frame: &Frame) {
        let connections: Vec<OpenSocket> = self.state().by_name.values().cloned().collect();
        for connection in connections {
            self.deliver(connection.number, &connection.frames, frame);
        }
    }

    /// Sends to every open connection, deaf or not.
    pub(super) fn to_every_connection(&self, frame: &Frame) {
        let connections: Vec<_> =
            self.state().open.iter().map(|(number, frames)| (*number, frames.clone())).collect();
        for (number, frames) in connections {
            self.deliver(number, &frames, frame);
        }
    }

    /// Counts the open connections.
    pub(super) fn count(&self) -> usize {
        self.state().open.len()
    }

    /// Returns once exactly this many connections are open.
    pub(super) async fn wait_for(&self, count: usize) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change in between is missed.
            changed.as_mut().enable();
            if self.count() == count {
                return;
            }
            changed.await;
        }
    }

    fn deliver(&self, number: u64, frames: &mpsc::Sender<Frame>, frame: &Frame) {
        if frames.try_send(frame.clone()).is_err() {
            // The pump ends when the last sender is gone.
            let mut state = self.state();
            state.open.remove(&number);
            state.by_name.retain(|_, connection| connection.number != number);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, SocketTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
