//! The shared state of one simulated server.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    catalogue::Catalogue, downloads::Downloads, engine::Cache, events, faults::Faults, holds::Holds,
    journal::Journal, manager_tasks::TaskQueue, models::Models, options::Options, packs::Packs, queue::Queue,
    sockets::Sockets, store::FileStore,
};
use comfywarden_error::JsonObject;

/// Locks, also after a panic elsewhere: the data of a simulation is never half-written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The life of the simulated process: a restart ends one and begins the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Epoch(Arc<EpochState>);

#[derive(Debug, Default)]
struct EpochState {
    process: Mutex<CancellationToken>,
    connections: Mutex<CancellationToken>,
    down: AtomicBool,
}

impl Epoch {
    /// Is cancelled when the process ends.
    pub(super) fn process(&self) -> CancellationToken {
        lock(&self.0.process).clone()
    }

    /// Gives the token of a new connection: cancelled when it is to be cut, alone or with all others.
    pub(super) fn connection(&self) -> CancellationToken {
        lock(&self.0.connections).child_token()
    }

    /// Ends the process and its connections; what begins from now on belongs to the next process.
    pub(super) fn renew(&self) {
        std::mem::take(&mut *lock(&self.0.process)).cancel();
        self.cut_connections();
    }

    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Acquire)
    }

    /// Takes the process down or up. While down no connection lives; those that are open end now.
    pub(super) fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::Release);
        if down {
            self.cut_connections();
        }
    }

    fn cut_connections(&self) {
        std::mem::take(&mut *lock(&self.0.connections)).cancel();
    }
}

/// The client whose prompt runs, and the running node, for a client that connects in the middle.
#[derive(Debug, Default)]
pub(super) struct Current(Mutex<(Option<String>, Option<String>)>);

impl Current {
    pub(super) fn set_client(&self, client: Option<&str>) {
        *lock(&self.0) = (client.map(str::to_owned), None);
    }

    pub(super) fn set_node(&self, node: Option<&str>) {
        lock(&self.0).1 = node.map(str::to_owned);
    }

    /// The node that runs for this client.
    pub(super) fn node_of(&self, client: &str) -> Option<String> {
        let current = lock(&self.0);
        current.1.clone().filter(|_| current.0.as_deref() == Some(client))
    }
}

/// The wish to stop what runs.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    wished: AtomicBool,
    changed: Notify,
}

impl Interrupt {
    pub(super) fn wish(&self) {
        self.wished.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(super) fn forget(&self) {
        self.wished.store(false, Ordering::Release);
    }

    pub(super) fn is_wished(&self) -> bool {
        self.wished.load(Ordering::Acquire)
    }

    /// Returns when the wish is there.
    pub(super) async fn wished(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_wished() {
                return;
            }
            changed.await;
        }
    }
}

/// One simulated server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: Options,
    pub(super) catalogue: Catalogue,
    pub(super) models: Mutex<Models>,
    pub(super) files: Mutex<FileStore>,
    pub(super) settings: Mutex<JsonObject>,
    pub(super) subgraphs: Mutex<JsonObject>,
    pub(super) queue: Queue,
    pub(super) cache: Cache,
    pub(super) sockets: Sockets,
    pub(super) current: Current,
    pub(super) interrupt: Interrupt,
    pub(super) faults: Faults,
    pub(super) holds: Holds,
    pub(super) journal: Journal,
    pub(super) tasks: TaskQueue,
    pub(super) packs: Mutex<Packs>,
    pub(super) downloads: Mutex<Downloads>,
    pub(super) epoch: Epoch,
}

impl Server {
    pub(super) fn new(options: Options) -> Self {
        let (sockets, epoch) = (Sockets::default(), Epoch::default());
        Self {
            catalogue: Catalogue::bundled(),
            models: Mutex::new(options.models.clone()),
            files: Mutex::new(FileStore::seeded()),
            settings: Mutex::default(),
            subgraphs: Mutex::default(),
            queue: Queue::default(),
            cache: Cache::default(),
            current: Current::default(),
            interrupt: Interrupt::default(),
            faults: Faults::new(sockets.clone(), epoch.clone()),
            holds: Holds::default(),
            journal: Journal::default(),
            tasks: TaskQueue::default(),
            packs: Mutex::default(),
            downloads: Mutex::default(),
            sockets,
            epoch,
            options,
        }
    }

    /// Tells everyone how many prompts wait or run.
    pub(super) fn announce_queue(&self) {
        self.sockets.to_all(&events::status(self.queue.remaining(), None));
    }

    /// The answer of `/features`, and of the socket when asked.
    pub(super) fn features(&self) -> Value {
        json!({
            "supports_preview_metadata": true,
            "max_upload_size": self.options.max_body,
            "extension": {"manager": {"supports_v4": true}},
        })
    }

    /// The catalogue entry of a class, with the models and files of this moment.
    pub(super) fn class(&self, name: &str) -> Option<Value> {
        let bundled = self.catalogue.entry(name, &lock(&self.models), &lock(&self.files));
        bundled.or_else(|| lock(&self.packs).class(name))
    }
}
