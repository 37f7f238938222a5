//! Following a prompt to its end. The socket says when to look; only ComfyUI's answers say how it ended.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::Stream;
use tokio::time::Instant;

use super::{
    Client, Ending, Error, Event, EventKind, HistoryEntry, JobState, PromptId, Result, Source,
    lookup::Look,
    subscription::{Hint, Subscription},
};

/// Time limit for one look, so that a hanging server does not blind the watcher.
const MAX_LOOK: Duration = Duration::from_secs(30);

/// Options of a watcher beside the ending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// Preview pictures, as far as the server makes any.
    pub previews: bool,
}

impl Client {
    /// Follows a prompt. The stream ends after exactly one [`EventKind::Ended`].
    pub fn watch(&self, id: &PromptId) -> impl Stream<Item = Event> + Send + Unpin + use<> {
        self.watch_with(id, WatchOptions::default())
    }

    /// As [`Self::watch`], with previews.
    pub fn watch_with(
        &self,
        id: &PromptId,
        options: WatchOptions,
    ) -> impl Stream<Item = Event> + Send + Unpin + use<> {
        let watcher = Watcher::new(self.clone(), id.clone(), options);
        Box::pin(futures::stream::unfold(watcher, Watcher::next))
    }
}

/// State in ComfyUI's last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PromptState {
    Unseen,
    Pending(Option<usize>),
    Running,
    Absent { since: Instant, looks: u32 },
}

struct Watcher {
    client: Client,
    id: PromptId,
    subscription: Arc<Subscription>,
    out: VecDeque<Event>,
    ended: bool,
    begun: Instant,
    state: PromptState,
    /// The socket is not, or no longer, the one of this prompt.
    polling: bool,
    started: bool,
    stalled: bool,
    /// The last sign of life of the run.
    alive: Instant,
    last_look: Option<Instant>,
    next_look: Instant,
    pause: Duration,
    /// The socket said that the run is over, and history was asked so many times since.
    over: Option<u32>,
    told_over: bool,
    /// Time since which nothing listens at ComfyUI's address.
    away: Option<Instant>,
    told_away: bool,
    /// History was faster than the socket, whose last words are waited for until then.
    held: Option<(Box<HistoryEntry>, Instant)>,
}

impl Watcher {
    fn new(client: Client, id: PromptId, options: WatchOptions) -> Self {
        let subscription = client.inner.tracker.subscribe(&id, options.previews);
        let (now, pause) = (Instant::now(), client.inner.config.timing.first_poll);
        Self {
            client,
            id,
            subscription,
            out: VecDeque::new(),
            ended: false,
            begun: now,
            state: PromptState::Unseen,
            polling: false,
            started: false,
            stalled: false,
            alive: now,
            last_look: None,
            next_look: now,
            pause,
            over: None,
            told_over: false,
            away: None,
            told_away: false,
            held: None,
        }
    }

    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(event) = self.out.pop_front() {
                return Some((event, self));
            }
            if self.ended {
                return None;
            }
            self.turn().await;
        }
    }

    fn emit(&mut self, source: Source, kind: EventKind) {
        self.out.push_back(Event { prompt_id: self.id.clone(), source, kind });
    }

    /// Does the next thing: passes on what the socket brought, looks, or waits for either.
    async fn turn(&mut self) {
        if self.last_look.is_none() {
            self.client.inner.feed.want();
        }
        self.check_connection();
        self.take_events();
        let now = Instant::now();
        if let Some((entry, until)) = self.held.take() {
            if self.polling || now >= until || self.client.inner.tracker.known(&self.id).saw_end {
                self.check_deafness();
                self.end_as(*entry);
            } else {
                self.held = Some((entry, until));
                self.wait(until).await;
            }
            return;
        }
        if !self.out.is_empty() {
            return;
        }
        if now >= self.next_look || now >= self.deadline() {
            self.look().await;
            return;
        }
        self.check_stall(now);
        if !self.out.is_empty() {
            return;
        }
        let mut wake = self.next_look.min(self.deadline());
        if self.state == PromptState::Running && !self.stalled {
            wake = wake.min(self.alive + self.client.inner.config.timing.stall_after);
        }
        self.wait(wake).await;
    }

    /// Waits for news from the socket, at most until then.
    async fn wait(&self, until: Instant) {
        tokio::select! {
            () = self.subscription.changed() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }

    /// The job's time counts from its submit, where we made it.
    fn deadline(&self) -> Instant {
        let known = self.client.inner.tracker.known(&self.id);
        known.submitted.unwrap_or(self.begun) + self.client.inner.config.job_timeout
    }

    /// Switches to polling when the socket is not the one this prompt was submitted under.
    fn check_connection(&mut self) {
        let connection = self.client.inner.feed.connection();
        let name = self.client.inner.tracker.known(&self.id).name;
        let covered = connection.open && name.as_ref() == Some(&connection.name);
        if !covered && !self.polling {
            self.polling = true;
            self.pause = self.client.inner.config.timing.first_poll;
            self.next_look = Instant::now();
            self.emit(Source::Client, EventKind::FallbackPolling);
        } else if covered {
            self.polling = false;
        }
    }

    /// A run that is over, and of which an open socket under its name said nothing, proves that the socket is deaf.
    fn check_deafness(&self) {
        let known = self.client.inner.tracker.known(&self.id);
        if let (false, false, Some(name)) = (self.polling, known.heard, known.name) {
            self.client.inner.feed.give_up(&name);
        }
    }

    fn take_events(&mut self) {
        let (events, hint) = self.subscription.take();
        let now = Instant::now();
        for event in events {
            // The first event of a late watcher may be an old one.
            self.alive = self.client.inner.tracker.last_sign(&self.id);
            if event.kind == EventKind::Started && std::mem::replace(&mut self.started, true) {
                continue;
            }
            if std::mem::take(&mut self.stalled) {
                self.emit(Source::Socket, EventKind::Stalled(false));
            }
            self.out.push_back(event);
        }
        if !self.out.is_empty() && !self.polling && self.last_look.is_some() && !self.told_over {
            // While the socket talks of a run there is nothing to ask.
            self.next_look = self.next_look.max(now + self.client.inner.config.timing.longest_poll);
        }
        match hint {
            Some(Hint::Over) => {
                self.told_over = true;
                self.over = Some(0);
                self.next_look = now;
            }
            Some(Hint::Changed) => {
                // A busy queue changes often, and every waiting prompt hears of it.
                let pause = self.client.inner.config.timing.first_poll;
                let earliest = self.last_look.map_or(now, |last| last + pause);
                self.next_look = self.next_look.min(earliest.max(now));
            }
            None => {}
        }
    }

    fn check_stall(&mut self, now: Instant) {
        let limit = self.client.inner.config.timing.stall_after;
        if self.state == PromptState::Running && !self.stalled && now >= self.alive + limit {
            self.stalled = true;
            self.emit(Source::Client, EventKind::Stalled(true));
        }
    }

    async fn look(&mut self) {
        let looked = tokio::time::timeout(MAX_LOOK, self.client.look(&self.id, self.over.is_some())).await;
        let now = Instant::now();
        self.last_look = Some(now);
        match looked {
            Ok(Ok(look)) => {
                (self.away, self.told_away) = (None, false);
                self.judge(look, now);
            }
            // One failed request says nothing about the prompt.
            Ok(Err(error)) => {
                self.note_failure(&error.to_string());
                if matches!(error, Error::Unreachable { .. }) {
                    self.note_absence(now);
                }
            }
            Err(_) => self.note_failure("no answer in time"),
        }
        if !self.ended && self.held.is_none() && now >= self.deadline() {
            self.end(JobState::TimedOut, None, Source::Client);
            return;
        }
        self.plan(now);
    }

    fn note_failure(&mut self, reason: &str) {
        tracing::debug!(prompt.id = %self.id, "a look at the prompt failed: {reason}");
        if !self.polling {
            self.polling = true;
            self.pause = self.client.inner.config.timing.first_poll;
            self.emit(Source::Client, EventKind::FallbackPolling);
        }
    }

    /// Nothing listens there. The job may still be found after a restart, so this is no ending.
    fn note_absence(&mut self, now: Instant) {
        let since = *self.away.get_or_insert(now);
        if now >= since + self.client.inner.config.timing.gone_after
            && !std::mem::replace(&mut self.told_away, true)
        {
            self.emit(Source::Client, EventKind::Unreachable);
        }
    }

    fn judge(&mut self, look: Look, now: Instant) {
        let state = match look {
            Look::Over(entry) => {
                if self.polling || self.client.inner.tracker.known(&self.id).saw_end {
                    self.end_as(*entry);
                } else {
                    // The message of a blocker stands nowhere but on the socket.
                    self.held = Some((entry, now + self.client.inner.config.timing.socket_lag));
                }
                return;
            }
            Look::Absent => return self.judge_absence(now),
            Look::Running => PromptState::Running,
            Look::Pending(position) => PromptState::Pending(position),
        };
        if state == self.state {
            return;
        }
        self.alive =
            if state == PromptState::Running { self.client.inner.tracker.last_sign(&self.id) } else { now };
        self.state = state;
        match state {
            PromptState::Pending(Some(position)) => self.emit(Source::Poll, EventKind::Queued { position }),
            PromptState::Running if !std::mem::replace(&mut self.started, true) => {
                self.emit(Source::Poll, EventKind::Started);
            }
            _ => {}
        }
    }

    /// Unknown to ComfyUI: taken out by us, or lost, if it stays so.
    fn judge_absence(&mut self, now: Instant) {
        if self.client.inner.tracker.known(&self.id).taken_out {
            return self.end(JobState::Cancelled, None, Source::Poll);
        }
        let (since, looks) = match self.state {
            PromptState::Absent { since, looks } => (since, looks + 1),
            _ => (now, 1),
        };
        self.state = PromptState::Absent { since, looks };
        if looks >= 3 && now >= since + self.client.inner.config.timing.lost_after {
            self.end(JobState::Lost, None, Source::Poll);
        }
    }

    /// Plans the next look.
    fn plan(&mut self, now: Instant) {
        let timing = &self.client.inner.config.timing;
        let saw_end = self.client.inner.tracker.known(&self.id).saw_end;
        // The end may have come before this watcher did, and then no hint follows.
        if saw_end && !std::mem::replace(&mut self.told_over, true) {
            self.over = Some(0);
        }
        if let Some(looks) = self.over {
            // The socket was faster than history.
            let pause = timing.history_lag * 2u32.saturating_pow(looks.min(16));
            if pause < timing.first_poll {
                self.over = Some(looks + 1);
                self.next_look = now + pause;
                return;
            }
            self.over = None;
        }
        if matches!(self.state, PromptState::Absent { .. }) {
            self.next_look = now + (timing.lost_after / 3).min(timing.longest_poll);
        } else if self.polling || saw_end {
            self.next_look = now + self.pause;
            self.pause = self.pause.mul_f64(1.5).min(timing.longest_poll);
            if let Some(since) = self.away.filter(|_| !self.told_away) {
                self.next_look = self.next_look.min((since + timing.gone_after).max(now + timing.first_poll));
            }
        } else {
            self.next_look = now + timing.longest_poll;
        }
    }

    fn end_as(&mut self, entry: HistoryEntry) {
        self.end(entry.state, Some(entry), Source::Poll);
    }

    fn end(&mut self, outcome: JobState, entry: Option<HistoryEntry>, source: Source) {
        self.take_events();
        let known = self.client.inner.tracker.known(&self.id);
        let execution = entry.as_ref().and_then(|e| Some(e.end_time?.saturating_sub(e.start_time?)));
        let mut ending = Ending {
            outcome,
            outputs: Vec::new(),
            cached: false,
            failure: None,
            blocked: known.blocked,
            missing: Vec::new(),
            unsaved: Vec::new(),
            elapsed: known.submitted.unwrap_or(self.begun).elapsed(),
            execution: execution.map(Duration::from_millis),
        };
        if let Some(entry) = entry {
            ending.outputs = entry.outputs;
            ending.cached = entry.cached;
            ending.failure = entry.failure;
            ending.unsaved = entry.unsaved;
            // Missing outputs are only a sign of a blocker when its message can have been missed.
            let guessed = entry.blocked.filter(|_| !known.saw_all);
            ending.missing = if ending.blocked.is_some() { entry.missing } else { Vec::new() };
            ending.blocked = ending.blocked.or(guessed);
        }
        if outcome != JobState::TimedOut {
            self.client.inner.tracker.settled(&self.id, outcome == JobState::Succeeded);
        }
        self.emit(source, EventKind::Ended(Box::new(ending)));
        self.ended = true;
    }
}

impl Client {
    /// Gives the ending of a prompt that has ended: one look, no waiting.
    pub async fn ending(&self, id: &PromptId) -> Result<Option<Ending>> {
        let Look::Over(entry) = self.look(id, true).await? else { return Ok(None) };
        let mut watcher = Watcher::new(self.clone(), id.clone(), WatchOptions::default());
        watcher.end_as(*entry);
        Ok(watcher.out.into_iter().find_map(|event| match event.kind {
            EventKind::Ended(ending) => Some(*ending),
            _ => None,
        }))
    }
}
