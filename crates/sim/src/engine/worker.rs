//! The one worker of a server.

use std::sync::Arc;

use serde_json::json;

use super::run::{Run, Verdict};
use crate::{
    events,
    holds::HoldPoint,
    queue::Item,
    server::{Server, lock},
};

/// Starts the worker of this process.
pub(crate) fn start(server: &Arc<Server>) {
    let server = server.clone();
    let process = server.epoch.process();
    tokio::spawn(async move {
        let _ = process.run_until_cancelled(work(&server)).await;
    });
}

/// Ends the process with all it had in memory, and starts the next.
pub(crate) fn restart(server: &Arc<Server>) {
    server.epoch.renew();
    server.holds.open_all();
    server.queue.reset();
    server.cache.clear();
    server.tasks.clear();
    lock(&server.packs).load();
    server.current.set_client(None);
    server.interrupt.forget();
    lock(&server.files).clear("temp");
    start(server);
}

async fn work(server: &Arc<Server>) {
    loop {
        let item = server.queue.take().await;
        server.announce_queue();
        if !run(server, item).await {
            // As after `SystemExit`: the item stays “running”, nothing else is ever taken.
            return;
        }
    }
}

/// Runs one prompt to its end. False when the worker died of it.
async fn run(server: &Arc<Server>, item: Arc<Item>) -> bool {
    server.interrupt.forget();
    server.current.set_client(item.client_id());
    let run = Run::new(server.clone(), item.clone());
    let Verdict::Ended(entry) = run.finish_all().await else { return false };
    server.holds.pass(HoldPoint::History).await;
    server.queue.finish(&item.prompt_id, entry);
    server.announce_queue();
    server.current.set_node(None);
    if let Some(client) = item.client_id() {
        let data = json!({"node": null, "prompt_id": item.prompt_id});
        server.sockets.to(client, &events::text("executing", &data));
    }
    true
}
