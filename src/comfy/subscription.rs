//! Buffer between the socket and one watcher: a bounded list of events, previews dropped first.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Event, EventKind};

/// One watcher's end of the tracker.
#[derive(Debug)]
pub(crate) struct Subscription {
    state: Mutex<Waiting>,
    capacity: usize,
    previews: bool,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    look: Option<Hint>,
}

/// Reason to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hint {
    /// The queue changed, or the socket opened or closed.
    Changed,
    /// The run is over, as the socket says.
    Over,
}

impl Subscription {
    pub(crate) fn new(capacity: usize, previews: bool) -> Self {
        Self { state: Mutex::default(), capacity: capacity.max(2), previews, notify: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event. When full, a preview goes first, then an older step, then the event itself.
    pub(crate) fn push(&self, event: &Event) {
        let is_preview = |event: &Event| matches!(event.kind, EventKind::Preview(_));
        let is_step = |event: &Event| matches!(event.kind, EventKind::Progress(_));
        if is_preview(event) && !self.previews {
            return;
        }
        let mut waiting = self.lock();
        let events = &mut waiting.events;
        // A watcher that is behind wants the newest picture, not all of them.
        if is_preview(event) {
            events.retain(|old| !is_preview(old));
        }
        if events.len() >= self.capacity {
            let victim = events.iter().position(is_preview).or_else(|| events.iter().position(is_step));
            match victim {
                Some(at) => drop(events.remove(at)),
                None => return,
            }
        }
        events.push_back(event.clone());
        self.notify.notify_one();
    }

    /// Adds an event; a step replaces the step before it.
    pub(crate) fn push_newest(&self, event: &Event) {
        let is_step = |event: &Event| matches!(event.kind, EventKind::Progress(_));
        if is_step(event) {
            let mut waiting = self.lock();
            if let Some(last) = waiting.events.back_mut().filter(|last| is_step(last)) {
                *last = event.clone();
                return;
            }
        }
        self.push(event);
    }

    /// Asks the watcher to look.
    pub(crate) fn hint(&self, hint: Hint) {
        let mut waiting = self.lock();
        waiting.look = waiting.look.max(Some(hint));
        self.notify.notify_one();
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> (VecDeque<Event>, Option<Hint>) {
        let mut waiting = self.lock();
        (std::mem::take(&mut waiting.events), waiting.look.take())
    }

    /// Returns when something may wait.
    pub(crate) async fn changed(&self) {
        self.notify.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comfy::{Preview, Progress, PromptId, Source};

    fn event(kind: EventKind) -> Event {
        Event { prompt_id: PromptId::parse("p").unwrap(), source: Source::Socket, kind }
    }

    fn preview(byte: u8) -> Event {
        let bytes = bytes::Bytes::copy_from_slice(&[byte]);
        event(EventKind::Preview(Preview { node_id: None, mime_type: "image/jpeg".into(), bytes }))
    }

    fn step(n: u64) -> Event {
        event(EventKind::Progress(Progress { step: Some(n), ..Progress::default() }))
    }

    fn done(id: &str) -> Event {
        event(EventKind::NodeDone { node_id: id.into() })
    }

    #[test]
    fn drops_previews_first_then_old_steps() {
        let subscription = Subscription::new(3, true);
        for event in [preview(1), step(1), preview(2), done("a"), done("b"), step(2), done("c"), done("d")] {
            subscription.push(&event);
        }
        let (events, _) = subscription.take();
        assert_eq!(events, [done("a"), done("b"), done("c")]);
    }

    #[test]
    fn keeps_no_previews_for_those_who_did_not_ask() {
        let subscription = Subscription::new(3, false);
        subscription.push(&preview(1));
        assert!(subscription.take().0.is_empty());
    }

    #[test]
    fn keeps_the_strongest_hint() {
        let subscription = Subscription::new(3, false);
        subscription.hint(Hint::Over);
        subscription.hint(Hint::Changed);
        assert_eq!(subscription.take().1, Some(Hint::Over));
        assert_eq!(subscription.take().1, None);
    }
}
