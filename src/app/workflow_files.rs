//! Workflow files as tools: looked for at the start, watched while the application runs.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::App;
use crate::tools::workflow_files::{Library, Listed};
use comfywarden_error::Result;
use comfywarden_workflow::ObjectInfo;

/// Interval between two looks at the folder.
const LOOK: Duration = Duration::from_secs(1);
/// Time that a start may wait for the folder; what is not read by then comes with the first look.
const AT_START: Duration = Duration::from_millis(20);
/// Time that the first list of tools waits for ComfyUI's node catalogue, which gives the files' tools their
/// types.
const FIRST_LIST: Duration = Duration::from_secs(1);
/// Maximum age of the node catalogue while nobody calls a tool.
const OLD: Duration = Duration::from_mins(10);
/// The first and the longest pause between two tries to get the catalogue.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// True once the files have been offered with what ComfyUI says, or without it after a try.
#[derive(Debug)]
pub(super) struct Settled(watch::Sender<bool>);

impl Default for Settled {
    /// Nobody serves files yet, so there is nothing to wait for.
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl App {
    /// Waits until the workflow files are offered as far as ComfyUI's first answer goes; not long when it hangs, and
    /// not at all when it is down or there are no files.
    pub async fn settle_workflows(&self) {
        let mut settled = self.settled.0.subscribe();
        timeout(FIRST_LIST, settled.wait_for(|settled| *settled)).await.ok();
    }

    /// The files of the workflow folder and what became of them, as of the last look.
    pub fn workflow_files(&self) -> Arc<Vec<Listed>> {
        self.library.listed()
    }

    /// Reads the workflow folder and offers its files as tools. With `ask`, ComfyUI is asked for its nodes first, if
    /// there is a file that needs them; one that does not answer is done without.
    pub async fn load_workflows(&self, ask: bool) -> Result<()> {
        scan(&self.library, false).await;
        let known = if ask && !self.library.is_empty() {
            self.comfy.object_info().await.ok()
        } else {
            self.comfy.kept_object_info()
        };
        self.offer(self.library.tools(known.as_deref()))
    }

    /// Offers the workflow files at once as far as that goes without ComfyUI, then keeps watching the folder and the
    /// server until the application stops.
    pub async fn serve_workflows(self: &Arc<Self>) {
        match timeout(AT_START, self.load_workflows(false)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the workflow files could not be offered"),
            Err(_) => tracing::info!("the workflow folder is large; its tools follow"),
        }
        self.settled.0.send_replace(self.library.is_empty());
        let stopping = self.stopping.clone();
        let watch = keep_watching(Arc::downgrade(self));
        tokio::spawn(async move {
            tokio::select! { () = stopping.cancelled() => {}, () = watch => {} }
        });
    }
}

/// Looks again and again. Holds the application only while it looks.
async fn keep_watching(app: Weak<App>) {
    let mut offered: Option<Arc<ObjectInfo>> = None;
    let (mut pause, mut next_try, mut fetched) = (RETRY.0, Instant::now(), Instant::now());
    loop {
        {
            let Some(app) = app.upgrade() else { return };
            let mut changed = scan(&app.library, true).await;
            let mut known = app.comfy.kept_object_info();
            // A server that is down is not asked four times before the first list goes out.
            if !*app.settled.0.borrow() && known.is_none() && !app.comfy.listens().await {
                app.settled.0.send_replace(true);
            }
            let due = Instant::now() >= next_try && (known.is_none() || fetched.elapsed() > OLD);
            if due && !app.library.is_empty() {
                known = app.comfy.object_info().await.ok().or(known);
                (pause, fetched) = match known {
                    Some(_) => (RETRY.0, Instant::now()),
                    None => ((pause * 2).min(RETRY.1), fetched),
                };
                next_try = Instant::now() + pause;
            }
            let known = known.or_else(|| offered.clone());
            changed |= known.as_ref().map(Arc::as_ptr) != offered.as_ref().map(Arc::as_ptr);
            if changed {
                if let Err(error) = app.offer(app.library.tools(known.as_deref())) {
                    tracing::error!(%error, "the workflow files could not be offered");
                }
                offered = known;
            }
            app.settled.0.send_replace(true);
        }
        sleep(LOOK).await;
    }
}

async fn scan(library: &Arc<Library>, patient: bool) -> bool {
    let library = Arc::clone(library);
    tokio::task::spawn_blocking(move || library.scan(patient)).await.unwrap_or(false)
}
