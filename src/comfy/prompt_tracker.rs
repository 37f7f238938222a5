//! Tracks the prompts that we submitted or watch: a bounded map, fed by the socket, read by watchers.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::time::Instant;

use super::{
    Blocked, ClientId, Event, EventKind, Limits, Progress, PromptId, Source,
    frames::Frame,
    progress::RunProgress,
    subscription::{Hint, Subscription},
};
use comfywarden_workflow::graph::Workflow;

/// Limit for events of a prompt that nobody watches yet.
const BACKLOG: usize = 64;

/// Everything known of the prompts. The lock is held for moments and never across an await.
#[derive(Debug)]
pub(crate) struct PromptTracker {
    state: Mutex<Prompts>,
    capacity: usize,
    buffered_events: usize,
}

#[derive(Debug, Default)]
struct Prompts {
    by_id: HashMap<PromptId, Tracked>,
    /// In the order of their arrival, to forget the oldest.
    order: VecDeque<PromptId>,
    /// The prompt that runs on our socket, for frames without an id.
    current: Option<PromptId>,
}

#[derive(Debug, Default)]
struct Tracked {
    /// The socket its events go to.
    name: Option<ClientId>,
    submitted: Option<Instant>,
    /// Last sign of life: a frame, or the first answer that lists it as running.
    alive: Option<Instant>,
    run: RunProgress,
    /// Node that was blocked first, with the blocker's message; ComfyUI tells it nowhere but on the socket.
    blocked: Option<Blocked>,
    /// We took it out of the queue before it ran.
    taken_out: bool,
    heard: bool,
    saw_start: bool,
    saw_end: bool,
    /// Events from before the first watcher: a short run is over before its submit returns.
    backlog: Option<Arc<Subscription>>,
    subscribers: Vec<Weak<Subscription>>,
}

/// Facts that a watcher needs beside the events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) name: Option<ClientId>,
    pub(crate) submitted: Option<Instant>,
    pub(crate) blocked: Option<Blocked>,
    pub(crate) taken_out: bool,
    /// The socket has said that the run is over.
    pub(crate) saw_end: bool,
    /// The socket has told anything about it.
    pub(crate) heard: bool,
    /// The socket was there from the start to the end, so nothing was missed.
    pub(crate) saw_all: bool,
}

impl PromptTracker {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            capacity: limits.tracked_prompts.max(1),
            buffered_events: limits.buffered_events,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Prompts> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down a prompt before it is submitted under this socket's name.
    pub(crate) fn submitted(&self, id: &PromptId, name: ClientId, workflow: &Workflow) {
        let run = RunProgress::new(workflow);
        let mut state = self.lock();
        let tracked = state.track(id, self.capacity);
        tracked.name = Some(name);
        tracked.submitted = Some(Instant::now());
        tracked.backlog = Some(Arc::new(Subscription::new(BACKLOG, false)));
        tracked.run = run;
    }

    /// Forgets a prompt that ComfyUI did not take.
    pub(crate) fn forget(&self, id: &PromptId) {
        let mut state = self.lock();
        state.by_id.remove(id);
        state.order.retain(|known| known != id);
    }

    /// Notes that we took this prompt out of the queue: from now on "unknown" means cancelled.
    pub(crate) fn taken_out(&self, id: &PromptId) {
        let mut state = self.lock();
        let tracked = state.track(id, self.capacity);
        tracked.taken_out = true;
        tracked.alive = None;
        tracked.hint(Hint::Over);
    }

    /// Tells the watchers of a prompt that it is over, as somebody saw for certain.
    pub(crate) fn seen_over(&self, id: &PromptId) {
        if let Some(tracked) = self.lock().by_id.get_mut(id) {
            tracked.hint(Hint::Over);
        }
    }

    /// A watcher has read how the prompt ended; its graph is not needed any more.
    pub(crate) fn settled(&self, id: &PromptId, succeeded: bool) {
        if let Some(tracked) = self.lock().by_id.get_mut(id) {
            tracked.run.finish(succeeded);
        }
    }

    /// A new watcher of a prompt.
    pub(crate) fn subscribe(&self, id: &PromptId, previews: bool) -> Arc<Subscription> {
        let subscription = Arc::new(Subscription::new(self.buffered_events, previews));
        let mut state = self.lock();
        let tracked = state.track(id, self.capacity);
        tracked.subscribers.retain(|known| known.strong_count() > 0);
        tracked.subscribers.push(Arc::downgrade(&subscription));
        let (missed, _) = tracked.backlog.take().map(|backlog| backlog.take()).unwrap_or_default();
        if missed.is_empty() && tracked.run.has_begun() {
            missed_so_far(&subscription, id, tracked.run.progress());
        }
        for event in &missed {
            subscription.push(event);
        }
        subscription
    }

    /// Gives the facts that a watcher needs beside the events.
    pub(crate) fn known(&self, id: &PromptId) -> Known {
        let state = self.lock();
        state.by_id.get(id).map_or_else(Known::default, |tracked| Known {
            name: tracked.name.clone(),
            submitted: tracked.submitted,
            blocked: tracked.blocked.clone(),
            taken_out: tracked.taken_out,
            saw_end: tracked.saw_end,
            heard: tracked.heard,
            saw_all: tracked.saw_start && tracked.saw_end,
        })
    }

    /// The last known progress of a prompt we submitted.
    pub(crate) fn progress(&self, id: &PromptId) -> Option<Progress> {
        let state = self.lock();
        let tracked = state.by_id.get(id)?;
        tracked.submitted.map(|_| tracked.run.progress())
    }

    /// Gives the last sign of life of a prompt that ComfyUI lists as running; the first time that is now.
    pub(crate) fn last_sign(&self, id: &PromptId) -> Instant {
        *self.lock().track(id, self.capacity).alive.get_or_insert_with(Instant::now)
    }

    /// True while somebody watches anything.
    pub(crate) fn is_watched(&self) -> bool {
        self.lock().by_id.values().any(|tracked| tracked.subscribers.iter().any(|s| s.strong_count() > 0))
    }

    /// The socket closed: what runs now is no longer seen whole.
    pub(crate) fn socket_closed(&self) {
        let mut state = self.lock();
        state.current = None;
        for tracked in state.by_id.values_mut() {
            tracked.saw_start = false;
            tracked.hint(Hint::Changed);
        }
    }

    /// Takes over a frame. Frames of prompts that nobody here knows are dropped. False for those.
    pub(crate) fn apply(&self, frame: Frame) -> bool {
        let mut state = self.lock();
        match frame {
            Frame::Status => {
                for tracked in state.by_id.values_mut().filter(|tracked| !tracked.saw_start) {
                    tracked.hint(Hint::Changed);
                }
                return true;
            }
            Frame::Other => return true,
            Frame::Text { node_id, text } => return state.tell_current(EventKind::Text { node_id, text }),
            Frame::Preview(None, preview) => return state.tell_current(EventKind::Preview(preview)),
            frame => {
                let Some(id) = frame.prompt_id().cloned() else { return true };
                let Some(tracked) = state.by_id.get_mut(&id) else { return false };
                tracked.apply(&id, frame);
                if tracked.saw_start && !tracked.saw_end {
                    state.current = Some(id);
                } else if state.current.as_ref() == Some(&id) {
                    state.current = None;
                }
            }
        }
        true
    }
}

/// A late watcher begins with where the run stands.
fn missed_so_far(subscription: &Subscription, id: &PromptId, progress: Progress) {
    let kind = EventKind::Progress(progress);
    subscription.push(&Event { prompt_id: id.clone(), source: Source::Socket, kind });
}

impl Prompts {
    fn track(&mut self, id: &PromptId, capacity: usize) -> &mut Tracked {
        if !self.by_id.contains_key(id) {
            self.make_room(capacity);
            self.order.push_back(id.clone());
        }
        self.by_id.entry(id.clone()).or_default()
    }

    /// Forgets the oldest prompt that nobody watches.
    fn make_room(&mut self, capacity: usize) {
        if self.order.len() < capacity {
            return;
        }
        let watched = |id: &PromptId| {
            self.by_id.get(id).is_some_and(|known| known.subscribers.iter().any(|s| s.strong_count() > 0))
        };
        let victim = self.order.iter().position(|id| !watched(id));
        if let Some(id) = victim.and_then(|at| self.order.remove(at)) {
            self.by_id.remove(&id);
        }
    }

    fn tell_current(&mut self, kind: EventKind) -> bool {
        let Some(id) = self.current.clone() else { return false };
        let Some(tracked) = self.by_id.get_mut(&id) else { return false };
        tracked.push(&id, kind);
        true
    }
}

impl Tracked {
    fn push(&mut self, id: &PromptId, kind: EventKind) {
        let event = Event { prompt_id: id.clone(), source: Source::Socket, kind };
        if let Some(backlog) = &self.backlog {
            backlog.push_newest(&event);
        }
        for subscriber in self.subscribers.iter().filter_map(Weak::upgrade) {
            subscriber.push(&event);
        }
    }

    fn hint(&mut self, hint: Hint) {
        for subscriber in self.subscribers.iter().filter_map(Weak::upgrade) {
            subscriber.hint(hint);
        }
    }

    fn apply(&mut self, id: &PromptId, frame: Frame) {
        self.alive = Some(Instant::now());
        self.heard = true;
        match frame {
            Frame::Start(_) => {
                self.saw_start = true;
                self.taken_out = false;
                self.push(id, EventKind::Started);
            }
            Frame::Cached(_, nodes) => {
                self.run.cached(&nodes);
                if !nodes.is_empty() {
                    self.push(id, EventKind::Cached { nodes });
                }
            }
            Frame::States(_, states) => {
                for node_id in self.run.states(&states) {
                    self.push(id, EventKind::NodeDone { node_id });
                }
            }
            Frame::Executing(_, Some(node)) => {
                self.run.executing(&node);
                self.push(id, EventKind::Progress(self.run.progress()));
            }
            Frame::Step { node_id, value, max, .. } => {
                // A progress_state before it carries the same step, so what is shown may not have changed.
                self.run.step(node_id.as_deref(), value, max);
                self.push(id, EventKind::Progress(self.run.progress()));
            }
            Frame::Preview(_, preview) => self.push(id, EventKind::Preview(preview)),
            Frame::Blocked(_, blocked) => self.blocked = self.blocked.take().or(Some(blocked)),
            Frame::Success(_) => self.over(true),
            Frame::Executing(_, None) | Frame::Interrupted(_) | Frame::Error(..) => self.over(false),
            Frame::Executed(..) | Frame::Status | Frame::Text { .. } | Frame::Other => {}
        }
    }

    fn over(&mut self, succeeded: bool) {
        self.saw_end = true;
        self.run.finish(succeeded);
        self.hint(Hint::Over);
    }
}

impl Frame {
    fn prompt_id(&self) -> Option<&PromptId> {
        match self {
            Self::Start(id)
            | Self::Cached(id, _)
            | Self::States(id, _)
            | Self::Executing(id, _)
            | Self::Step { prompt_id: id, .. }
            | Self::Executed(id, _)
            | Self::Success(id)
            | Self::Error(id, _)
            | Self::Blocked(id, _)
            | Self::Interrupted(id)
            | Self::Preview(Some(id), _) => Some(id),
            Self::Status | Self::Preview(None, _) | Self::Text { .. } | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests;
