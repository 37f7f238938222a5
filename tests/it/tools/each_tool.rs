//! Each tool succeeds once and fails once on the simulated ComfyUI, and a tool without both fails this test.
//!
//! A scene plays both sides of one tool. What it shows is noted by [`Show`] only after the result was held against
//! its output schema and its meaning, or the failure against its kind and its words.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};

use crate::support::TestApp;

mod assets;
mod discovery;
mod drawing;
mod files;
mod jobs;
mod models;
mod packs;
mod preferences;
mod show;
mod workflow_files;
mod workflows;

use show::{Scene, Shown};

/// Bounds the scenes that play at once: each call has a time limit, and drawing takes its time.
const SIDE_BY_SIDE: usize = 4;

fn scenes() -> Vec<Scene> {
    [
        assets::scenes(),
        discovery::scenes(),
        drawing::scenes(),
        files::scenes(),
        jobs::scenes(),
        models::scenes(),
        packs::scenes(),
        preferences::scenes(),
        workflow_files::scenes(),
        workflows::scenes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The built-in tools, and the one that a scene makes out of a file.
async fn every_name() -> BTreeSet<String> {
    let app = TestApp::start().await;
    let built_in = app.app.tools().iter().map(|tool| tool.name().to_owned()).collect::<BTreeSet<_>>();
    built_in.into_iter().chain([workflow_files::TOOL.to_owned()]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tool_succeeds_and_fails_on_sim() {
    let shown = Shown::default();
    let ended: Vec<(&str, Result<(), tokio::task::JoinError>)> = stream::iter(scenes())
        .map(|scene| {
            let (tool, playing) = (scene.tool, tokio::spawn(scene.play(&shown)));
            async move { (tool, playing.await) }
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    let broken: Vec<&str> = ended.iter().filter(|(_, end)| end.is_err()).map(|(tool, _)| *tool).collect();
    assert!(broken.is_empty(), "scenes that broke (their panics are above): {broken:?}");
    let lacking = shown.lacking(&every_name().await);
    assert!(
        lacking.is_empty(),
        "a tool needs a success and a failure in tests/it/tools/each_tool: {lacking:#?}"
    );
}

#[tokio::test]
async fn a_tool_without_both_sides_is_noticed() {
    let shown = Shown::default();
    let names = BTreeSet::from(["comfyui_get_queue".to_owned(), "comfyui_new_tool".to_owned()]);
    assert_eq!(shown.lacking(&names).len(), 4);
    let queue = scenes().into_iter().find(|scene| scene.tool == "comfyui_get_queue").unwrap();
    queue.play(&shown).await;
    assert_eq!(
        shown.lacking(&names),
        ["comfyui_new_tool was never seen to succeed", "comfyui_new_tool was never seen to fail"]
    );
    let nothing = shown.lacking(&BTreeSet::new());
    assert_eq!(nothing, ["comfyui_get_queue has a scene and is not in the catalogue"]);
}
