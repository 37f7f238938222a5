//! Holds: points where the simulated server waits until a test lets it go on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// Where a gate stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum HoldPoint {
    /// Before the work of a node of this class.
    Node(String),
    /// After this step of a node of this class.
    Step(String, u64),
    /// Between `execution_success` (or an error) and the entry in the history.
    History,
    /// Before the answer to a request on this route.
    Route(String),
}

#[derive(Debug, Clone)]
struct Closed {
    arrivals: Arc<watch::Sender<u64>>,
    open: Arc<watch::Sender<bool>>,
}

/// All gates of one server.
#[derive(Debug, Default, Clone)]
pub(super) struct Holds(Arc<Mutex<HashMap<HoldPoint, Closed>>>);

impl Holds {
    /// Closes a gate. It opens when the returned value is released or dropped.
    pub(super) fn close(&self, place: HoldPoint) -> Hold {
        let closed =
            Closed { arrivals: Arc::new(watch::Sender::new(0)), open: Arc::new(watch::Sender::new(false)) };
        let before = self.lock().insert(place.clone(), closed.clone());
        if let Some(before) = before {
            before.open.send_replace(true);
        }
        Hold { gates: self.clone(), place, closed }
    }

    /// Waits at the gate, if there is one at this place.
    pub(super) async fn pass(&self, place: HoldPoint) {
        let Some(closed) = self.lock().get(&place).cloned() else { return };
        closed.arrivals.send_modify(|count| *count += 1);
        let mut open = closed.open.subscribe();
        // The sender lives in `closed`, so this ends only when the gate opens.
        let _ = open.wait_for(|open| *open).await;
    }

    /// Opens every gate, as when the process dies.
    pub(super) fn open_all(&self) {
        for (_, closed) in self.lock().drain() {
            closed.open.send_replace(true);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<HoldPoint, Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A closed gate. Releasing or dropping it opens it for good.
#[derive(Debug)]
#[must_use = "the gate opens when this is dropped"]
pub struct Hold {
    gates: Holds,
    place: HoldPoint,
    closed: Closed,
}

impl Hold {
    /// Returns once something waits at this gate, or has waited.
    pub async fn reached(&self) {
        self.reached_times(1).await;
    }

    /// Returns once the gate has stopped something this many times.
    pub async fn reached_times(&self, times: u64) {
        let mut arrivals = self.closed.arrivals.subscribe();
        let _ = arrivals.wait_for(|count| *count >= times).await;
    }

    /// Opens the gate.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.closed.open.send_replace(true);
        let mut gates = self.gates.lock();
        if gates.get(&self.place).is_some_and(|other| Arc::ptr_eq(&other.open, &self.closed.open)) {
            gates.remove(&self.place);
        }
    }
}
