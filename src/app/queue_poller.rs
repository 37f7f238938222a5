//! Looks at ComfyUI's queue while somebody watches it, and announces what moved.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    comfy::{Client, QueueSnapshot},
    tools::{Change, Changes},
};

const QUEUE: &str = "comfyui://queue";
const JOBS: &str = "comfyui://jobs/";
/// Interval between two looks at the queue.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time that the answer to a subscription waits for the first look.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Counts who watches the queue or a job.
#[derive(Debug, Default)]
pub(super) struct QueuePoller {
    watching: Arc<AtomicUsize>,
    polling: Arc<AtomicBool>,
}

/// A place among those who watch. Dropping it leaves.
#[derive(Debug)]
pub struct Watch(Option<Arc<AtomicUsize>>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(watching) = &self.0 {
            watching.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl QueuePoller {
    /// A place among those who watch `uri`. The first who watches the queue starts the looking.
    pub(super) async fn watch(
        &self,
        uri: &str,
        comfy: &Client,
        changes: &Changes,
        stop: &CancellationToken,
    ) -> Watch {
        if uri != QUEUE && !uri.starts_with(JOBS) {
            return Watch(None);
        }
        self.watching.fetch_add(1, Ordering::SeqCst);
        let watch = Watch(Some(Arc::clone(&self.watching)));
        if !self.polling.swap(true, Ordering::SeqCst) {
            // What happens from now on is news, so the first look comes before the answer.
            let first = tokio::time::timeout(FIRST_LOOK, comfy.queue()).await;
            let before = first.ok().and_then(Result::ok).map(|queue| places(&queue));
            let poll =
                poll(self.watching.clone(), self.polling.clone(), comfy.clone(), changes.clone(), before);
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! { () = poll => {}, () = stop.cancelled() => {} }
            });
        }
        watch
    }
}

async fn poll(
    watching: Arc<AtomicUsize>,
    polling: Arc<AtomicBool>,
    comfy: Client,
    changes: Changes,
    mut before: Option<BTreeMap<String, usize>>,
) {
    loop {
        if watching.load(Ordering::SeqCst) == 0 {
            polling.store(false, Ordering::SeqCst);
            // Somebody who came in between found it polling, so it has to go on.
            if watching.load(Ordering::SeqCst) == 0 || polling.swap(true, Ordering::SeqCst) {
                return;
            }
        }
        // A ComfyUI that does not answer has no news; whoever reads the resource hears why.
        if let Ok(queue) = comfy.queue().await {
            let now = places(&queue);
            if let Some(before) = &before {
                announce(before, &now, &changes);
            }
            before = Some(now);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The place of each job: 0 runs, others wait.
fn places(queue: &QueueSnapshot) -> BTreeMap<String, usize> {
    let running = queue.running.iter().map(|item| (item.prompt_id.clone(), 0));
    let waiting = queue.pending.iter().enumerate().map(|(place, item)| (item.prompt_id.clone(), place + 1));
    running.chain(waiting).collect()
}

fn announce(before: &BTreeMap<String, usize>, now: &BTreeMap<String, usize>, changes: &Changes) {
    if before == now {
        return;
    }
    changes.announce(Change::Resource(QUEUE.to_owned()));
    let moved = before.iter().filter(|(id, place)| now.get(*id) != Some(place)).map(|(id, _)| id);
    let new = now.keys().filter(|id| !before.contains_key(*id));
    for id in moved.chain(new) {
        changes.announce(Change::Resource(format!("{JOBS}{id}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_announced_and_nothing_else() {
        let changes = Changes::default();
        let mut heard = changes.listen();
        let places =
            |jobs: &[(&str, usize)]| jobs.iter().map(|(id, place)| ((*id).to_owned(), *place)).collect();
        let (before, now): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (places(&[("a", 0), ("b", 1), ("c", 2)]), places(&[("b", 0), ("c", 2), ("d", 3)]));

        announce(&before, &before, &changes);
        announce(&before, &now, &changes);

        let mut told = Vec::new();
        while let Ok(Change::Resource(uri)) = heard.try_recv() {
            told.push(uri);
        }
        assert_eq!(told, ["comfyui://queue", "comfyui://jobs/a", "comfyui://jobs/b", "comfyui://jobs/d"]);
    }
}
