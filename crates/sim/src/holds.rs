//! Holds: points where the simulated server waits until a test lets it go on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// The point at which a hold stops the server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum HoldPoint {
    /// Stops before the work of a node of this class.
    Node(String),
    /// Stops after this step of a node of this class.
    Step(String, u64),
    /// Stops between `execution_success` (or an error) and the entry in the history.
    History,
    /// Stops before the answer to a request on this route.
    Route(String),
}

#[derive(Debug, Clone)]
struct Closed {
    arrivals: Arc<watch::Sender<u64>>,
    open: Arc<watch::Sender<bool>>,
}

/// All holds of one server.
#[derive(Debug, Default, Clone)]
pub(super) struct Holds(Arc<Mutex<HashMap<HoldPoint, Closed>>>);

impl Holds {
    /// Places a hold. It ends when the returned value is released or dropped.
    pub(super) fn close(&self, point: HoldPoint) -> Hold {
        let closed =
            Closed { arrivals: Arc::new(watch::Sender::new(0)), open: Arc::new(watch::Sender::new(false)) };
        let before = self.lock().insert(point.clone(), closed.clone());
        if let Some(before) = before {
            before.open.send_replace(true);
        }
        Hold { holds: self.clone(), point, closed }
    }

    /// Waits while there is a hold at this point.
    pub(super) async fn pass(&self, point: HoldPoint) {
        let Some(closed) = self.lock().get(&point).cloned() else { return };
        closed.arrivals.send_modify(|count| *count += 1);
        let mut open = closed.open.subscribe();
        // The sender lives in `closed`, so this ends only when the hold ends.
        let _ = open.wait_for(|open| *open).await;
    }

    /// Ends every hold, as when the process dies.
    pub(super) fn open_all(&self) {
        for (_, closed) in self.lock().drain() {
            closed.open.send_replace(true);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<HoldPoint, Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A point where the server waits. Releasing or dropping it lets the server go on.
#[derive(Debug)]
#[must_use = "the hold ends when this is dropped"]
pub struct Hold {
    holds: Holds,
    point: HoldPoint,
    closed: Closed,
}

impl Hold {
    /// Returns once something waits at this hold, or has waited.
    pub async fn reached(&self) {
        self.reached_times(1).await;
    }

    /// Returns once the hold has stopped something this many times.
    pub async fn reached_times(&self, times: u64) {
        let mut arrivals = self.closed.arrivals.subscribe();
        let _ = arrivals.wait_for(|count| *count >= times).await;
    }

    /// Ends the hold.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.closed.open.send_replace(true);
        let mut holds = self.holds.lock();
        if holds.get(&self.point).is_some_and(|other| Arc::ptr_eq(&other.open, &self.closed.open)) {
            holds.remove(&self.point);
        }
    }
}
