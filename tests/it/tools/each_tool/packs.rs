//! Node packs.

use comfywarden_error::Kind;
use comfywarden_policy::settings::Consent;
use comfywarden_sim::{Manager, Sim};
use serde_json::json;

use super::show::{Scene, Show};
use crate::support::TestApp;

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_search_custom_nodes", search),
        Scene::new("comfyui_get_custom_node_status", status),
        Scene::new("comfyui_install_custom_node", install),
        Scene::new("comfyui_uninstall_custom_node", uninstall),
        Scene::new("comfyui_update_custom_node", update),
    ]
}

/// A server with the Manager, whose operator agrees to everything.
async fn app() -> TestApp {
    let sim = Sim::instant().manager(Manager::V4).start().await.unwrap();
    TestApp::on(sim, |config| config.security.admin = Consent::Allow)
}

async fn search(show: Show) {
    let app = app().await;
    let means = [
        ("/items/0/id", json!("sim-face-tools")),
        ("/items/0/installed", json!(false)),
        ("/items/0/description", json!("Finds faces and mends them")),
        ("/total", json!(2)),
    ];
    show.success(&app, json!({"query": "face"}), &means).await;
    let bare = TestApp::start().await;
    let args = json!({"query": "face"});
    let next = ["comfyui-manager", "--enable-manager"];
    show.failure(&bare, args, Kind::Unavailable, &["ComfyUI-Manager is not installed"], &next).await;
}

async fn status(show: Show) {
    let app = app().await;
    app.call("comfyui_install_custom_node", json!({"node_id": "sim-face-tools"})).await;
    let means = [("/done_count", json!(1)), ("/pending_count", json!(0)), ("/is_processing", json!(false))];
    show.success(&app, json!({}), &means).await;
    app.sim.faults().answer("/v2/manager/queue/status", 200, "[]");
    show.failure(&app, json!({}), Kind::Upstream, &["queue/status"], &["comfyui.url"]).await;
}

async fn install(show: Show) {
    let app = app().await;
    let means = [("/status", json!("done")), ("/installed", json!(true)), ("/restart", json!("not_asked"))];
    show.success(&app, json!({"node_id": "sim-face-tools"}), &means).await;
    let found = app.call("comfyui_search_custom_nodes", json!({"query": "sim-face-tools"})).await;
    assert_eq!(found["items"][0]["installed"], true, "{found}");
    let args = json!({"node_id": "sim-missing-pack"});
    let says = ["sim-missing-pack", "Cannot resolve install target"];
    show.failure(&app, args, Kind::Upstream, &says, &["comfyui_search_custom_nodes"]).await;
}

async fn uninstall(show: Show) {
    let app = app().await;
    let args = json!({"node_id": "sim-test-nodes"});
    let means = [("/status", json!("done")), ("/installed", json!(false))];
    show.success(&app, args.clone(), &means).await;
    let says = ["no installed node pack `sim-test-nodes`"];
    show.failure(&app, args, Kind::NotFound, &says, &["comfyui_search_custom_nodes"]).await;
}

async fn update(show: Show) {
    let app = app().await;
    let means = [("/status", json!("done")), ("/version", json!("1.3.0"))];
    show.success(&app, json!({"node_id": "sim_test_nodes"}), &means).await;
    let args = json!({"node_id": "sim-face-tools"});
    let says = ["no installed node pack `sim-face-tools`"];
    show.failure(&app, args, Kind::NotFound, &says, &["comfyui_search_custom_nodes"]).await;
}
