//! A tool that is a workflow file.

use comfywarden_error::Kind;
use serde_json::json;

use super::show::{Scene, Show};
use crate::support::TestApp;

/// The tool that the file becomes.
pub(super) const TOOL: &str = "workflow_tiny";

const TINY: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": "PARAM_INT_WIDTH", "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "from {{place}}"}}}"#;

pub(super) fn scenes() -> Vec<Scene> {
    vec![Scene::new(TOOL, workflow_tiny)]
}

async fn workflow_tiny(show: Show) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.json"), TINY).unwrap();
    let dir = folder.path().to_owned();
    let app = TestApp::with(|config| config.workflows.dir = dir).await;
    app.app.load_workflows(true).await.unwrap();
    let args = json!({"width": 96, "place": "here", "wait": true});
    let means = [
        ("/status", json!("completed")),
        ("/settings", json!({"width": 96, "place": "here"})),
        ("/outputs/0/filename", json!("from here_00001_.png")),
    ];
    show.success(&app, args.clone(), &means).await;
    let made = image::load_from_memory(&app.sim.file("output", "", "from here_00001_.png").unwrap()).unwrap();
    assert_eq!((made.width(), made.height()), (96, 64));
    app.sim.faults().fail_requests("/prompt", 10, 500);
    show.failure(&app, args, Kind::Upstream, &["500", "/prompt"], &["log"]).await;
}
