//! `comfyui_get_history`: newest first, in pages that join.

use std::collections::HashSet;

use comfywarden_error::Kind;
use comfywarden_sim::Sim;
use serde_json::{Value, json};

use crate::support::{TestApp, tiny_workflow};

/// Runs a tiny workflow to its end and gives its id.
async fn run(app: &TestApp) -> String {
    let args = json!({"workflow": tiny_workflow(), "wait": true});
    let ended = app.call("comfyui_run_workflow", args).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    ended["prompt_id"].as_str().unwrap().to_owned()
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["prompt_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_join_while_new_jobs_finish_in_between() {
    let app = TestApp::start().await;
    let mut newest_first = Vec::new();
    for _ in 0..57 {
        newest_first.insert(0, run(&app).await);
    }
    let mut seen = Vec::new();
    loop {
        let page = app.call("comfyui_get_history", json!({"limit": 10, "offset": seen.len()})).await;
        assert_eq!((&page["total"], &page["offset"]), (&json!(57), &json!(seen.len())));
        assert_eq!(page["count"], page["items"].as_array().unwrap().len());
        seen.extend(ids(&page));
        run(&app).await;
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 57, "nothing twice");
    assert_eq!(seen, newest_first);
    let newest = app.call("comfyui_get_history", json!({"limit": 1})).await;
    assert_eq!(newest["total"], 63, "a first page begins anew");
    assert!(!newest_first.contains(&ids(&newest)[0]));
}

#[tokio::test]
async fn an_item_has_outputs_and_times_and_no_graph() {
    let app = TestApp::start().await;
    let done = run(&app).await;
    app.sim.faults().out_of_memory("EmptyImage");
    let mut other = tiny_workflow();
    other["1"]["inputs"]["width"] = json!(128);
    let failed = app.call("comfyui_run_workflow", json!({"workflow": other, "wait": true})).await;
    let page = app.call("comfyui_get_history", json!({})).await;
    assert_eq!(ids(&page), [failed["prompt_id"].as_str().unwrap(), &done]);
    let (failed, done) = (&page["items"][0], &page["items"][1]);
    assert_eq!((&failed["status"], &failed["error"]["node_type"]), (&json!("failed"), &json!("EmptyImage")));
    assert_eq!(done["status"], "completed");
    assert_eq!(
        (&done["outputs"][0]["kind"], &done["outputs"][0]["type"]),
        (&json!("image"), &json!("output"))
    );
    assert!(done["start_time"].as_u64() <= done["end_time"].as_u64() && done["end_time"].is_u64());
    let text = page.to_string();
    for hidden in ["class_type", "extra_data", "client_id", "comfywarden_mark", "traceback"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

#[tokio::test]
async fn a_full_default_page_stays_small() {
    let app = TestApp::start().await;
    for _ in 0..26 {
        run(&app).await;
    }
    for tool in ["comfyui_get_history", "comfyui_list_jobs"] {
        let page = app.call(tool, json!({})).await;
        let size = page.to_string().len();
        assert!(size <= 8_000, "{tool}: {size} characters");
    }
}

#[tokio::test]
async fn history_that_comfyui_does_not_tell_is_an_error() {
    let app = TestApp::on(Sim::instant().start().await.unwrap(), |_| {});
    assert_eq!(app.call("comfyui_get_history", json!({})).await["total"], 0);
    app.sim.faults().down(true);
    assert_eq!(app.refused("comfyui_get_history", json!({})).await.kind(), Kind::Unavailable);
}
