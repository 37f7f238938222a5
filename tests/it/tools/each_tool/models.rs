//! Models found on the hubs and fetched onto the server.

use comfywarden_error::Kind;
use comfywarden_sim::{Manager, Sim};
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::{
    TestApp,
    hub::{Answer, TestHub, civitai_file, civitai_model, found, redirect},
};

const URL: &str = "https://huggingface.co/owner/repo/resolve/main/xl.safetensors";

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_search_models", search_models),
        Scene::new("comfyui_download_model", download_model),
        Scene::new("comfyui_get_download_tasks", get_download_tasks),
        Scene::new("comfyui_cancel_download", cancel_download),
    ]
}

async fn hub() -> TestHub {
    TestHub::start(|asked| match asked {
        asked if asked.contains("query=busy") => Some(Answer::new(429, &[], "")),
        asked if asked.starts_with("civitai.com/api/v1/models") => {
            let model = civitai_model(7, "Detail", &json!([civitai_file(70, "detail.safetensors", true)]));
            Some(found(&json!({"items": [model], "metadata": {}})))
        }
        asked if asked.contains("/resolve/main/") => {
            Some(redirect("https://cdn-lfs.hf.co/repo/abc", &[("x-linked-size", "5000000")]))
        }
        asked if asked.starts_with("cdn-lfs.hf.co/") => Some(Answer::new(200, &[], "x")),
        _ => None,
    })
    .await
}

/// A server that can download, and a hub that delivers.
async fn app(hub: &TestHub) -> TestApp {
    let sim = Sim::instant().model_manager().manager(Manager::V4).start().await.unwrap();
    TestApp::on_web(sim, hub.fetcher(), |_| {})
}

fn wanted(url: &str) -> Value {
    json!({"url": url, "folder": "checkpoints"})
}

async fn search_models(show: Show) {
    let hub = hub().await;
    let app = app(&hub).await;
    let means = [
        ("/items/0/name", json!("Detail")),
        ("/items/0/filename", json!("detail.safetensors")),
        ("/items/0/url", json!("https://civitai.com/api/download/models/70")),
        ("/source", json!("civitai")),
    ];
    show.success(&app, json!({"query": "detail"}), &means).await;
    let args = json!({"query": "busy"});
    show.failure(&app, args, Kind::Upstream, &["civitai.com", "429"], &["wait a minute", "model_search"])
        .await;
}

async fn download_model(show: Show) {
    let hub = hub().await;
    let app = app(&hub).await;
    let means = [
        ("/filename", json!("xl.safetensors")),
        ("/folder", json!("checkpoints")),
        ("/from", json!("cdn-lfs.hf.co")),
        ("/size_mb", json!(5.0)),
    ];
    show.success(&app, wanted(URL), &means).await;
    assert_eq!(app.sim.download_forms()[0]["downloadUrl"], "https://cdn-lfs.hf.co/repo/abc");
    let args = wanted("https://evil.example.com/a.safetensors");
    show.failure(&app, args, Kind::Denied, &["evil.example.com"], &["huggingface.co"]).await;
    assert_eq!(app.sim.download_forms().len(), 1, "a refused download reached the server");
}

async fn get_download_tasks(show: Show) {
    let hub = hub().await;
    let app = app(&hub).await;
    let begun = app.call("comfyui_download_model", wanted(URL)).await;
    let means = [
        ("/tasks/0/task_id", begun["task_id"].clone()),
        ("/tasks/0/state", json!("running")),
        ("/tasks/0/progress", json!(25.0)),
    ];
    show.success(&app, json!({}), &means).await;
    app.sim.end_download(begun["task_id"].as_str().unwrap(), None);
    let means = [("/tasks/0/state", json!("done")), ("/tasks/0/progress", json!(100.0))];
    show.success(&app, json!({}), &means).await;
    let bare = TestApp::start().await;
    let says = ["no extension that downloads models"];
    show.failure(&bare, json!({}), Kind::Unavailable, &says, &["ComfyUI-Model-Manager"]).await;
}

async fn cancel_download(show: Show) {
    let hub = hub().await;
    let app = app(&hub).await;
    let begun = app.call("comfyui_download_model", wanted(URL)).await;
    let id = begun["task_id"].clone();
    let means = [("/success", json!(true)), ("/task_id", id.clone())];
    let stopped = show.success(&app, json!({"task_id": id}), &means).await;
    assert!(stopped["result"].as_str().unwrap().contains("was stopped"), "{stopped}");
    assert_eq!(app.call("comfyui_get_download_tasks", json!({})).await["tasks"], json!([]));
    let args = json!({"task_id": "no-such-task"});
    let next = ["comfyui_get_download_tasks"];
    show.failure(&app, args, Kind::NotFound, &["no download `no-such-task`"], &next).await;
}
