//! Jobs of others over HTTP: the only token of a server sees them, one of several does not.

use comfywarden::config::Config;
use serde_json::json;

use super::{
    access::door,
    oauth::{call, hashed},
};
use crate::support::callers;

const TOKEN: &str = "the token of somebody";

/// What the holder of [`TOKEN`] reads of a queue in which a job of another caller waits.
async fn queue_with(tokens: &[&str]) -> String {
    let hashed = tokens.iter().map(|token| hashed(token, "")).collect();
    let door = door(|config: &mut Config| config.transport.remote.tokens = hashed).await;
    let held = door.app.sim.hold("RigSleep");
    let workflow = crate::support::sleeping_workflow(1);
    callers::call(&door.app, "somebody else", "comfyui_run_workflow", json!({"workflow": workflow})).await;
    crate::support::bounded(held.reached()).await;
    call(&door, TOKEN, "comfyui_get_queue", json!({})).await
}

#[tokio::test]
async fn the_only_token_sees_every_job() {
    let queue = queue_with(&[TOKEN]).await;
    assert!(queue.contains("prompt_id"), "{queue}");
}

#[tokio::test]
async fn one_of_several_tokens_sees_its_own_jobs_only() {
    let queue = queue_with(&[TOKEN, "the token of a second one"]).await;
    assert!(!queue.contains("prompt_id"), "{queue}");
}
