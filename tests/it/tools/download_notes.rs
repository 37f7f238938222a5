//! Notes of a download beside its progress: its hash, and that it was asked for before a restart.

use comfywarden::config::Config;
use comfywarden_error::Kind;
use comfywarden_sim::{Manager, Sim, SimHandle};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    hub::{Answer, TestHub, redirect},
};

const URL: &str = "https://huggingface.co/owner/repo/resolve/main/xl.safetensors";
const CONTENT: &[u8] = b"what the hub published";
/// The SHA-256 of `CONTENT`.
const HASH: &str = "c9117466bcdda73fd9afcebfcaababd70fd01b4120761fc2e67a36ac3da5ad84";

/// A hub that publishes this hash with its file.
async fn hub(hash: Option<&str>) -> TestHub {
    let tag = hash.map(|hash| format!("\"{hash}\""));
    TestHub::start(move |asked| match asked {
        asked if asked.starts_with("huggingface.co/owner/repo/resolve/") => {
            let headers: Vec<(&str, &str)> = tag.iter().map(|tag| ("x-linked-etag", tag.as_str())).collect();
            Some(redirect("https://cdn-lfs.hf.co/repo/abc", &headers))
        }
        asked if asked.starts_with("cdn-lfs.hf.co/") => Some(Answer::new(200, &[], "x")),
        _ => None,
    })
    .await
}

async fn begin(app: &TestApp) -> String {
    let begun = app.call("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    begun["task_id"].as_str().unwrap().to_owned()
}

async fn task(app: &TestApp) -> Value {
    app.call("comfyui_get_download_tasks", json!({})).await["tasks"][0].take()
}

#[tokio::test]
async fn a_file_within_reach_is_held_against_the_published_hash() {
    let other = "0".repeat(64);
    for (published, arrived, told) in [
        (Some(HASH), Some(CONTENT), "verified"),
        (Some(other.as_str()), Some(CONTENT), "mismatch"),
        (None, Some(CONTENT), "unchecked"),
        (Some(HASH), None, "unchecked"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let hub = hub(published).await;
        let sim = Sim::instant().model_manager().start().await.unwrap();
        let folders = json!({"success": true, "data": {"checkpoints": [folder.path()]}});
        sim.faults().answer("/model-manager/models", 200, &folders.to_string());
        let app = TestApp::on_web(sim, hub.fetcher(), |_| {});
        let id = begin(&app).await;
        assert_eq!(task(&app).await["hash"], "unchecked", "it has not come yet");
        if let Some(bytes) = arrived {
            std::fs::write(folder.path().join("xl.safetensors"), bytes).unwrap();
        }
        app.sim.end_download(&id, None);
        let over = task(&app).await;
        assert_eq!((&over["state"], &over["hash"]), (&json!("done"), &json!(told)), "{published:?}: {over}");
        // Computed once: what is written over it later was not what was downloaded.
        std::fs::write(folder.path().join("xl.safetensors"), b"something else").unwrap();
        let again = task(&app).await;
        let kept = if arrived.is_some() { told } else { "mismatch" };
        assert_eq!(again["hash"], kept, "{again}");
    }
}

fn keeps_in(folder: &tempfile::TempDir) -> impl FnOnce(&mut Config) {
    let file = folder.path().join("defaults.json");
    move |config| config.tools.defaults_file = file
}

#[tokio::test]
async fn a_download_of_the_manager_is_still_known_after_a_restart_of_this_side() {
    let home = tempfile::tempdir().unwrap();
    let hub = hub(None).await;
    let sim = Sim::instant().manager(Manager::V4).start().await.unwrap();
    let app = TestApp::on_web(sim, hub.fetcher(), keeps_in(&home));
    let id = begin(&app).await;
    let before = task(&app).await;
    let sim: SimHandle = app.sim;
    drop(app.app);

    let app = TestApp::on_web(sim, hub.fetcher(), keeps_in(&home));
    let after = task(&app).await;
    assert_eq!((&after["task_id"], &after["filename"]), (&json!(id), &json!("xl.safetensors")), "{after}");
    assert_eq!(after["state"], before["state"], "{after}");
    let error = app.refused("comfyui_cancel_download", json!({"task_id": id})).await;
    assert_eq!(error.kind(), Kind::Conflict, "it is known as the Manager's: {error}");

    let elsewhere = Sim::instant().manager(Manager::V4).start().await.unwrap();
    let other = TestApp::on_web(elsewhere, hub.fetcher(), keeps_in(&home));
    assert_eq!(other.call("comfyui_get_download_tasks", json!({})).await["tasks"], json!([]));
}

#[tokio::test]
async fn notes_that_cannot_be_read_stop_no_download() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("downloads.json"), "{nonsense").unwrap();
    let hub = hub(None).await;
    let sim = Sim::instant().model_manager().start().await.unwrap();
    let app = TestApp::on_web(sim, hub.fetcher(), keeps_in(&home));
    let id = begin(&app).await;
    assert_eq!(task(&app).await["task_id"], json!(id));
    assert_eq!(std::fs::read_to_string(home.path().join("downloads.json")).unwrap(), "{nonsense");
}
