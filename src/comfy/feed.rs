//! The one long-lived WebSocket of a server: opened before the first submit, kept open, and opened again under
//! a fresh name when it breaks while somebody watches.
//!
//! A name is never used twice: when ComfyUI closes the older of two sockets with one name, it forgets the newer
//! as well. Prompts submitted under an older name are followed by polling.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::{
    ClientId, backoff::Backoff, frames, http::Transport, prompt_tracker::PromptTracker, socket::Socket,
};

/// The socket's handle. Its task starts with the first use and ends with the client.
#[derive(Debug)]
pub(crate) struct Feed {
    connection: Arc<Connection>,
    started: AtomicBool,
    instance: String,
}

/// State shared by the task and its users.
#[derive(Debug)]
struct Connection {
    transport: Arc<Transport>,
    tracker: Arc<PromptTracker>,
    state: watch::Sender<ConnectionState>,
    wanted: Notify,
    /// Name of a connection that was found to be deaf.
    deaf: Mutex<Option<ClientId>>,
    deafness: Notify,
    stop: CancellationToken,
    counters: Counters,
}

/// The state of the connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionState {
    /// The name of the newest connection, open or not.
    pub(crate) name: ClientId,
    pub(crate) open: bool,
    /// Number of attempts to connect.
    attempts: u64,
    /// Time of the last refusal; `None` when the connection broke later.
    refused: Option<Instant>,
}

#[derive(Debug, Default)]
struct Counters {
    frames: AtomicU64,
    malformed: AtomicU64,
    foreign: AtomicU64,
    previews: AtomicU64,
    connections: AtomicU64,
    closings: AtomicU64,
}

/// Counters of the WebSocket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// True while it is open.
    pub open: bool,
    /// Number of connections.
    pub connections: u64,
    /// Number of connections that closed.
    pub closings: u64,
    /// Frames received.
    pub frames: u64,
    /// Frames that could not be read, and were ignored.
    pub malformed: u64,
    /// Frames of prompts that are not ours.
    pub foreign: u64,
    /// Preview pictures received.
    pub previews: u64,
}

impl Feed {
    pub(crate) fn new(
        transport: Arc<Transport>,
        tracker: Arc<PromptTracker>,
        stop: CancellationToken,
    ) -> Self {
        let instance = format!("comfywarden-{}", uuid::Uuid::new_v4().simple());
        let name = ClientId::numbered(&instance, 0);
        let (state, _) = watch::channel(ConnectionState { name, open: false, attempts: 0, refused: None });
        let (wanted, counters) = (Notify::new(), Counters::default());
        let (deaf, deafness) = (Mutex::default(), Notify::new());
        let connection =
            Arc::new(Connection { transport, tracker, state, wanted, deaf, deafness, stop, counters });
        Self { connection, started: AtomicBool::new(false), instance }
    }

    /// Prefix of the names of all our connections.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// The state of the connection now.
    pub(crate) fn connection(&self) -> ConnectionState {
        self.connection.state.borrow().clone()
    }

    /// Sees to it that the connection is being kept; does not wait for it.
    pub(crate) fn want(&self) {
        if !self.started.swap(true, Ordering::AcqRel) {
            let (connection, instance) = (Arc::clone(&self.connection), self.instance.clone());
            tokio::spawn(async move {
                let stop = connection.stop.clone();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = connection.keep(&instance) => {}
                }
            });
        }
        if !self.connection.state.borrow().open {
            self.connection.wanted.notify_one();
        }
    }

    /// Waits a bounded time for an open connection and gives the name to submit under. Without a connection
    /// that name receives nothing, and the prompt is followed by polling.
    pub(crate) async fn ready(&self) -> ClientId {
        let timing = &self.connection.transport.config.timing;
        let now = self.connection();
        self.want();
        // After a fresh refusal waiting would only delay every submit.
        let hopeless = now.refused.is_some_and(|at| at.elapsed() < timing.longest_retry);
        if now.open || hopeless {
            return now.name;
        }
        let mut state = self.connection.state.subscribe();
        let settled = state.wait_for(|state| state.open || state.attempts > now.attempts);
        // A time limit that passes and a task that is gone mean the same: go on without.
        drop(tokio::time::timeout(timing.open_socket, settled).await);
        self.connection().name
    }

    /// Opens another connection in place of this one, which hears nothing: when somebody else uses its name and
    /// leaves, ComfyUI forgets it without closing it.
    pub(crate) fn give_up(&self, name: &ClientId) {
        *self.connection.deaf.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.clone());
        self.connection.deafness.notify_one();
    }

    pub(crate) fn stats(&self) -> FeedStats {
        let counters = &self.connection.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FeedStats {
            open: self.connection.state.borrow().open,
            connections: read(&counters.connections),
            closings: read(&counters.closings),
            frames: read(&counters.frames),
            malformed: read(&counters.malformed),
            foreign: read(&counters.foreign),
            previews: read(&counters.previews),
        }
    }
}

impl Connection {
    /// Opens the connection whenever it is wanted, and again while somebody watches.
    async fn keep(&self, instance: &str) {
        let timing = &self.transport.config.timing;
        let mut backoff = Backoff::new(timing.first_retry, timing.longest_retry);
        self.wanted.notified().await;
        for number in 1.. {
            let name = ClientId::numbered(instance, number);
            let opened = Instant::now();
            self.state.send_modify(|state| state.name = name.clone());
            let refused = match Socket::open(&self.transport, &name).await {
                Ok(socket) => {
                    self.follow(socket, &name).await;
                    self.counters.closings.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Err(error) => {
                    tracing::debug!("the WebSocket did not open: {error}");
                    Some(Instant::now())
                }
            };
            self.state.send_modify(|state| {
                state.open = false;
                state.attempts += 1;
                state.refused = refused;
            });
            self.tracker.socket_closed();
            if opened.elapsed() > timing.longest_retry {
                backoff.reset();
            }
            if self.tracker.is_watched() {
                // A server that accepts and drops must not be called in a tight circle.
                tokio::time::sleep(backoff.next_pause()).await;
            } else {
                self.wanted.notified().await;
            }
        }
    }

    /// Reads frames until the connection is over.
    async fn follow(&self, mut socket: Socket, name: &ClientId) {
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        self.state.send_modify(|state| {
            state.open = true;
            state.refused = None;
        });
        let timing = self.transport.config.timing.ping;
        let mut pinged = false;
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(timing, socket.next()) => next,
                () = self.deafness.notified() => {
                    if self.is_deaf(name) {
                        tracing::debug!("the WebSocket hears nothing of our prompts and is given up");
                        return;
                    }
                    continue;
                }
            };
            match next {
                Ok(Some(message)) => {
                    pinged = false;
                    self.take(message);
                }
                Ok(None) => return,
                // Nobody waits: a dead line costs nothing until the next submit.
                Err(_) if !self.tracker.is_watched() => {}
                Err(_) if !pinged && socket.ping().await => pinged = true,
                Err(_) => {
                    tracing::debug!("the WebSocket gives no sign of life and is given up");
                    return;
                }
            }
        }
    }

    fn is_deaf(&self, name: &ClientId) -> bool {
        self.deaf.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(name)
    }

    fn take(&self, message: Message) {
        let limits = &self.transport.config.limits;
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        let frame = match message {
            Message::Text(text) if text.len() <= limits.text_frame => frames::text(&text),
            Message::Binary(bytes) if bytes.len() <= limits.binary_frame => frames::binary(bytes),
            Message::Text(_) | Message::Binary(_) => None,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => return,
        };
        count(&self.counters.frames);
        match frame {
            Some(frame) => {
                if matches!(frame, frames::Frame::Preview(..)) {
                    count(&self.counters.previews);
                }
                if !self.tracker.apply(frame) {
                    count(&self.counters.foreign);
                }
            }
            None => drop(count(&self.counters.malformed)),
        }
    }
}
