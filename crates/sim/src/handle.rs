//! A running simulated server, seen by the one who started it.

use std::{net::SocketAddr, sync::Arc};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    engine,
    faults::Faults,
    holds::{Hold, HoldPoint},
    journal::Request,
    server::{Server, lock},
};

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct SimHandle {
    server: Arc<Server>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl SimHandle {
    pub(super) fn new(server: Arc<Server>, address: SocketAddr, serving: JoinHandle<()>) -> Self {
        Self { server, address, serving }
    }

    /// The base URL, such as `http://127.0.0.1:49152`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the task that waits here is dropped.
    pub async fn wait(&mut self) {
        // The task ends only by abort or by a panic; both mean there is nothing to wait for.
        let _ = (&mut self.serving).await;
    }

    /// The requests that arrived, oldest first.
    pub fn journal(&self) -> Vec<Request> {
        self.server.journal.all()
    }

    /// The requests with this method and path (without `/api`).
    pub fn requests(&self, method: &str, path: &str) -> Vec<Request> {
        self.server.journal.matching(|request| request.method == method && request.path == path)
    }

    /// Forgets the requests that arrived so far.
    pub fn clear_journal(&self) {
        self.server.journal.clear();
    }

    /// Returns once a request matches, among those that came and those that come.
    pub async fn wait_for_request(&self, matches: impl Fn(&Request) -> bool) -> Request {
        self.server.journal.wait_for(matches).await
    }

    /// The faults, to be changed at any time.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// Stops every node of this class before its work, until the hold is released.
    pub fn hold(&self, class: &str) -> Hold {
        self.server.holds.close(HoldPoint::Node(class.to_owned()))
    }

    /// Stops every node of this class right after the frames of this step, counted from 1.
    pub fn hold_at_step(&self, class: &str, step: u64) -> Hold {
        self.server.holds.close(HoldPoint::Step(class.to_owned(), step))
    }

    /// Keeps results out of the history until the hold is released; `execution_success` comes before.
    pub fn hold_history(&self) -> Hold {
        self.server.holds.close(HoldPoint::History)
    }

    /// Keeps back every answer on this path (without `/api`) until the hold is released.
    pub fn hold_route(&self, path: &str) -> Hold {
        self.server.holds.close(HoldPoint::Route(path.to_owned()))
    }

    /// Replaces the models of one folder by these file names.
    pub fn set_models<N: Into<String>>(&self, folder: &str, names: impl IntoIterator<Item = N>) {
        lock(&self.server.models).set(folder, names.into_iter().map(Into::into).collect());
    }

    /// Gives a model file the `__metadata__` that `/view_metadata` answers.
    pub fn set_model_metadata(&self, folder: &str, name: &str, metadata: Value) {
        lock(&self.server.models).set_metadata(folder, name, metadata);
    }

    /// Puts a preview picture beside a model file.
    pub fn set_model_preview(&self, folder: &str, name: &str, bytes: Vec<u8>) {
        lock(&self.server.models).set_preview(folder, name, bytes);
    }

    /// Adds a subgraph that `/global_subgraphs` lists.
    pub fn set_subgraph(&self, id: &str, entry: Value) {
        lock(&self.server.subgraphs).insert(id.to_owned(), entry);
    }

    /// Sets one of the server's own settings.
    pub fn set_setting(&self, id: &str, value: Value) {
        lock(&self.server.settings).insert(id.to_owned(), value);
    }

    /// The forms that began downloads of `ComfyUI-Model-Manager`, oldest first.
    pub fn download_forms(&self) -> Vec<std::collections::BTreeMap<String, String>> {
        lock(&self.server.downloads).forms()
    }

    /// Ends a download of `ComfyUI-Model-Manager`: whole, or with this error.
    pub fn end_download(&self, task: &str, error: Option<&str>) {
        super::http::downloads::end(&self.server, task, error);
    }

    /// Takes a pending prompt out of the queue, as another client may. True when there was one.
    pub fn remove_pending(&self, prompt_id: &str) -> bool {
        let removed = self.server.queue.delete_pending(prompt_id);
        self.server.announce_queue();
        removed
    }

    /// Puts an entry of any kind into the history.
    pub fn put_history(&self, prompt_id: &str, entry: Value) {
        self.server.queue.put_history(prompt_id, entry);
    }

    /// Puts a file into `input`, `output` or `temp`.
    pub fn put_file(&self, kind: &str, subfolder: &str, name: &str, bytes: Vec<u8>) {
        lock(&self.server.files).put(kind, subfolder, name, bytes);
    }

    /// The bytes of a file, if it is there.
    pub fn file(&self, kind: &str, subfolder: &str, name: &str) -> Option<Vec<u8>> {
        lock(&self.server.files).get(kind, subfolder, name).map(|file| file.bytes.to_vec())
    }

    /// Counts the open sockets.
    pub fn sockets(&self) -> usize {
        self.server.sockets.count()
    }

    /// Returns once exactly this many sockets are open.
    pub async fn wait_for_sockets(&self, count: usize) {
        self.server.sockets.wait_for(count).await;
    }

    /// Ends the simulated process and starts it anew: connections are cut, queue and history are gone.
    pub fn restart(&self) {
        engine::restart(&self.server);
    }

    /// Stops serving; the port is free afterwards.
    pub async fn stop(mut self) {
        self.shut();
        let _ = (&mut self.serving).await;
    }

    fn shut(&self) {
        self.serving.abort();
        self.server.holds.open_all();
        self.server.epoch.renew();
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        self.shut();
    }
}
