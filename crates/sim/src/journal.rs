//! The journal of requests, for tests.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::watch;

/// Older requests than this many are forgotten.
const MAX_REQUESTS: usize = 10_000;
/// The bodies that are kept have at most this many bytes together; the oldest requests go first.
const MAX_BODY_BYTES: usize = 16 << 20;

/// One request that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path without the `/api` prefix and without the query.
    pub path: String,
    /// The path exactly as it was asked for, with prefix, without the query.
    pub raw_path: String,
    /// The query, still encoded; empty when there is none.
    pub query: String,
    /// The headers, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body, when it is JSON.
    pub json: Option<Value>,
    /// The size of the body in bytes.
    pub body_bytes: usize,
    /// True when the request opens a WebSocket.
    pub opens_socket: bool,
}

impl Request {
    /// The first header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The requests so far.
#[derive(Debug)]
pub(super) struct Journal {
    requests: Mutex<(VecDeque<Request>, usize)>,
    total: watch::Sender<u64>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { requests: Mutex::default(), total: watch::Sender::new(0) }
    }
}

impl Journal {
    pub(super) fn record(&self, request: Request) {
        let kept_bytes = |request: &Request| request.json.as_ref().map_or(0, |_| request.body_bytes);
        let mut guard = self.lock();
        let (requests, bytes) = &mut *guard;
        *bytes += kept_bytes(&request);
        requests.push_back(request);
        while requests.len() > MAX_REQUESTS || (*bytes > MAX_BODY_BYTES && requests.len() > 1) {
            let Some(gone) = requests.pop_front() else { break };
            *bytes -= kept_bytes(&gone);
        }
        drop(guard);
        self.total.send_modify(|total| *total += 1);
    }

    pub(super) fn all(&self) -> Vec<Request> {
        self.lock().0.iter().cloned().collect()
    }

    /// The requests that match, oldest first.
    pub(super) fn matching(&self, matches: impl Fn(&Request) -> bool) -> Vec<Request> {
        self.lock().0.iter().filter(|request| matches(request)).cloned().collect()
    }

    pub(super) fn clear(&self) {
        *self.lock() = (VecDeque::new(), 0);
    }

    fn first(&self, matches: impl Fn(&Request) -> bool) -> Option<Request> {
        self.lock().0.iter().find(|request| matches(request)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, (VecDeque<Request>, usize)> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once a request matches, among those that came and those that come.
    pub(super) async fn wait_for(&self, matches: impl Fn(&Request) -> bool) -> Request {
        let mut total = self.total.subscribe();
        loop {
            total.mark_unchanged();
            if let Some(request) = self.first(&matches) {
                return request;
            }
            if total.changed().await.is_err() {
                // The sender lives as long as the journal.
                std::future::pending::<()>().await;
            }
        }
    }
}
