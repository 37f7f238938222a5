//! Faults that a test or an operator scripts while the server runs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    server::Epoch,
    sockets::{Frame, Sockets},
};

/// A scripted fault of a node, in place of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NodeFault {
    /// Raises an exception of this type with this message.
    Raise { exception_type: String, message: String },
    /// Never returns, and does not see interrupts.
    Stall,
    /// Ends the worker, as `SystemExit` does.
    Exit,
}

/// A scripted fault of a route, in place of or beside its answer.
#[derive(Debug, Clone, Default)]
pub(super) struct RouteFault {
    pub(super) failures: u64,
    pub(super) status: u16,
    pub(super) lost_replies: u64,
    pub(super) delay: Option<Duration>,
    pub(super) body: Option<(u16, String)>,
    pub(super) padding: Option<usize>,
}

#[derive(Debug, Default)]
struct FaultScript {
    refuse_sockets: bool,
    silence_sockets: bool,
    non_finite: Option<String>,
    frames_left: Option<u64>,
    nodes: HashMap<String, NodeFault>,
    routes: HashMap<String, RouteFault>,
    history_misses: u64,
}

/// The faults of one server. All of them can be changed at any time.
#[derive(Debug)]
pub struct Faults {
    state: Arc<Mutex<FaultScript>>,
    sockets: Sockets,
    epoch: Epoch,
}

impl Faults {
    pub(super) fn new(sockets: Sockets, epoch: Epoch) -> Self {
        Self { state: Arc::default(), sockets, epoch }
    }

    /// Takes all scripted faults back.
    pub fn clear(&self) {
        *self.state() = FaultScript::default();
        self.epoch.set_down(false);
    }

    /// Cuts the socket that receives the `frames`-th frame from now on, without a close frame (1006). Once.
    pub fn drop_ws_after(&self, frames: u64) {
        self.state().frames_left = Some(frames);
    }

    /// Cuts all sockets now, without a close frame (1006).
    pub fn drop_ws(&self) {
        self.sockets.to_every_connection(&Frame::Cut);
    }

    /// Closes all sockets now, with a close frame.
    pub fn close_ws(&self) {
        self.sockets.to_every_connection(&Frame::Close);
    }

    /// Answers 503 to everyone who wants to open a socket.
    pub fn refuse_ws(&self, refuse: bool) {
        self.state().refuse_sockets = refuse;
    }

    /// Keeps sockets open but sends nothing more over them.
    pub fn silence_ws(&self, silence: bool) {
        self.state().silence_sockets = silence;
    }

    /// Nodes of this class show NaN and both infinities beside what they show otherwise.
    pub fn show_non_finite(&self, class: &str) {
        self.state().non_finite = Some(class.to_owned());
    }

    pub(super) fn shows_non_finite(&self, class: &str) -> bool {
        self.state().non_finite.as_deref() == Some(class)
    }

    /// Takes all socket names away, as if somebody had opened a socket under each and left: the sockets stay open and
    /// hear nothing more.
    pub fn steal_ws_names(&self) {
        self.sockets.forget_names();
    }

    /// Sends a text frame to all sockets.
    pub fn send_ws_text(&self, text: impl Into<String>) {
        self.sockets.to_every_connection(&Frame::text(text.into()));
    }

    /// Sends a binary frame to all sockets.
    pub fn send_ws_bytes(&self, bytes: Vec<u8>) {
        self.sockets.to_every_connection(&Frame::binary(bytes));
    }

    /// Sends frames that no ComfyUI sends: broken JSON, JSON of the wrong shape, truncated binary frames.
    pub fn malformed_frames(&self) {
        for text in ["{nope", "[]", "null", r#"{"type": 7}"#, r#"{"type": "progress", "data": []}"#] {
            self.send_ws_text(text);
        }
        for bytes in [&b""[..], b"\0", b"\0\0\0\x04\xff\xff\xff\xff{", b"\0\0\0\x01", b"\0\0\x30\x39abc"] {
            self.send_ws_bytes(bytes.to_vec());
        }
    }

    /// Sends one preview frame of this many bytes to all sockets.
    pub fn oversize_frame(&self, bytes: usize) {
        let mut frame = vec![0, 0, 0, 1, 0, 0, 0, 2];
        frame.resize(bytes.max(8), 0);
        self.send_ws_bytes(frame);
    }

    /// Every node of this class raises this exception.
    pub fn node_error(&self, class: &str, exception_type: &str, message: &str) {
        let fault =
            NodeFault::Raise { exception_type: exception_type.to_owned(), message: message.to_owned() };
        self.state().nodes.insert(class.to_owned(), fault);
    }

    /// Every node of this class runs out of memory.
    pub fn out_of_memory(&self, class: &str) {
        let message =
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8.00 GiB";
        self.node_error(class, "torch.OutOfMemoryError", message);
    }

    /// A node of this class never returns; interrupts do not reach it.
    pub fn stall(&self, class: &str) {
        self.state().nodes.insert(class.to_owned(), NodeFault::Stall);
    }

    /// A node of this class ends the worker: its prompt stays “running” and nothing else ever runs.
    pub fn exit_worker(&self, class: &str) {
        self.state().nodes.insert(class.to_owned(), NodeFault::Exit);
    }

    /// The next `POST /prompt` is accepted and queued, but its connection is cut before the answer.
    pub fn lose_prompt_reply(&self) {
        self.lose_replies("/prompt", 1);
    }

    /// The next requests on this route take effect, but their connections are cut before the answer.
    pub fn lose_replies(&self, route: &str, requests: u64) {
        self.route(route, |fault| fault.lost_replies = requests);
    }

    /// The next requests on this route (a path without `/api`, and everything below it) get this status
    /// and take no effect.
    pub fn fail_requests(&self, route: &str, requests: u64, status: u16) {
        self.route(route, |fault| {
            fault.failures = requests;
            fault.status = status;
        });
    }

    /// Answers on this route come this much later.
    pub fn slow(&self, route: &str, delay: Duration) {
        self.route(route, |fault| fault.delay = Some(delay));
    }

    /// The route answers with this status and text, whatever is asked.
    pub fn answer(&self, route: &str, status: u16, body: &str) {
        self.route(route, |fault| fault.body = Some((status, body.to_owned())));
    }

    /// The route's answers grow to at least this many bytes (white space, so JSON stays JSON).
    pub fn oversize_answer(&self, route: &str, bytes: usize) {
        self.route(route, |fault| fault.padding = Some(bytes));
    }

    /// The next `GET /history/{id}` answers are `{}`, as in the moment before the entry is written.
    pub fn history_misses(&self, requests: u64) {
        self.state().history_misses = requests;
    }

    /// Takes the server down, or up again. While down, every connection is cut as soon as it opens.
    pub fn down(&self, down: bool) {
        self.epoch.set_down(down);
    }

    pub(super) fn refuses_sockets(&self) -> bool {
        self.state().refuse_sockets
    }

    pub(super) fn silences_sockets(&self) -> bool {
        self.state().silence_sockets
    }

    /// Counts a frame; true when the socket that got it is to be cut.
    pub(super) fn frame_was_last(&self) -> bool {
        let mut state = self.state();
        match state.frames_left {
            Some(left) if left <= 1 => {
                state.frames_left = None;
                true
            }
            Some(left) => {
                state.frames_left = Some(left - 1);
                false
            }
            None => false,
        }
    }

    pub(super) fn node(&self, class: &str) -> Option<NodeFault> {
        self.state().nodes.get(class).cloned()
    }

    pub(super) fn misses_history(&self) -> bool {
        let mut state = self.state();
        let misses = state.history_misses > 0;
        state.history_misses = state.history_misses.saturating_sub(1);
        misses
    }

    /// The fault for a request on this path; counted faults are used up by this.
    pub(super) fn take_route(&self, path: &str) -> Option<RouteFault> {
        let mut state = self.state();
        let applies =
            |route: &str| path == route || path.strip_prefix(route).is_some_and(|rest| rest.starts_with('/'));
        let (_, fault) = state.routes.iter_mut().find(|(route, _)| applies(route))?;
        let taken = fault.clone();
        fault.failures = fault.failures.saturating_sub(1);
        fault.lost_replies = fault.lost_replies.saturating_sub(u64::from(taken.failures == 0));
        Some(taken)
    }

    fn route(&self, route: &str, change: impl FnOnce(&mut RouteFault)) {
        change(self.state().routes.entry(route.to_owned()).or_default());
    }

    fn state(&self) -> MutexGuard<'_, FaultScript> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
