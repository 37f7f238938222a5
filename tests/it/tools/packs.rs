//! Node packs: search, install, remove, update, restart.

use comfywarden::{app::CallContext, gate::Caller, tools::Reply};
use comfywarden_error::{Error, Kind};
use comfywarden_policy::settings::Consent;
use comfywarden_sim::{Manager, Sim};
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object, sleeping_workflow};

async fn app(manager: Manager, admin: Consent) -> TestApp {
    let sim = Sim::instant().manager(manager).start().await.unwrap();
    TestApp::on(sim, |config| config.security.admin = admin)
}

/// A call whose user answers every question with `answer`.
async fn asked(app: &TestApp, tool: &str, args: &Value, answer: bool) -> (Vec<String>, Result<Reply, Error>) {
    let mut questions = Vec::new();
    let mut context = CallContext { can_ask: true, ..CallContext::plain(Caller::local()) };
    loop {
        match bounded(app.app.call(context, tool, object(args.clone()))).await {
            Ok(Reply::Ask { question, signed_state }) => {
                questions.push(question);
                context = CallContext {
                    can_ask: true,
                    answer: Some(answer),
                    signed_state: Some(signed_state),
                    ..CallContext::plain(Caller::local())
                };
            }
            other => return (questions, other),
        }
    }
}

fn done(reply: Result<Reply, Error>) -> Value {
    match reply {
        Ok(Reply::Done { structured, .. }) => structured,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn search_finds_what_is_not_installed_and_marks_what_is() {
    for manager in [Manager::V4, Manager::V3] {
        let app = app(manager, Consent::Ask).await;
        let found = app.call("comfyui_search_custom_nodes", json!({"query": "face"})).await;
        let item = &found["items"][0];
        assert_eq!((&item["id"], &item["installed"]), (&json!("sim-face-tools"), &json!(false)), "{found}");
        assert_eq!(item["description"], "Finds faces and mends them");
        assert_eq!((&found["total"], &found["query"]), (&json!(2), &json!("face")), "{found}");
        let page =
            app.call("comfyui_search_custom_nodes", json!({"query": "face", "limit": 1, "offset": 1})).await;
        assert_eq!((&page["items"][0]["id"], &page["has_more"]), (&json!("sim-everything"), &json!(false)));
        let here = app.call("comfyui_search_custom_nodes", json!({"query": "RigSleep"})).await;
        assert_eq!(
            (&here["items"][0]["installed"], &here["items"][0]["version"]),
            (&json!(true), &json!("1.0.0"))
        );
        let none = app.call("comfyui_search_custom_nodes", json!({"query": "no such pack"})).await;
        assert_eq!((&none["items"], &none["total"]), (&json!([]), &json!(0)));
    }
}

#[tokio::test]
async fn without_a_manager_the_error_says_how_to_get_one_and_is_soon_forgotten() {
    let app = TestApp::start().await;
    for (tool, args) in [
        ("comfyui_search_custom_nodes", json!({"query": "face"})),
        ("comfyui_get_custom_node_status", json!({})),
        ("comfyui_install_custom_node", json!({"node_id": "sim-face-tools"})),
    ] {
        let error = app.refused(tool, args).await;
        assert_eq!(error.kind(), Kind::Unavailable, "{tool}");
        assert!(error.hint_text().unwrap().contains("--enable-manager"), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_queued_before_the_user_agrees() {
    let app = app(Manager::V4, Consent::Ask).await;
    let args = json!({"node_id": "sim-face-tools", "version": "1.1.0"});
    let error = app.refused("comfyui_install_custom_node", args.clone()).await;
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.hint_text().unwrap().contains("security.admin"), "{error}");
    let (questions, declined) = asked(&app, "comfyui_install_custom_node", &args, false).await;
    assert_eq!(declined.unwrap_err().kind(), Kind::Denied);
    assert!(questions[0].contains("`sim-face-tools` (1.1.0)"), "{questions:?}");
    assert!(app.posts().is_empty(), "{:?}", app.posts());

    let (questions, reply) = asked(&app, "comfyui_install_custom_node", &args, true).await;
    let installed = done(reply);
    assert_eq!(questions.len(), 1);
    assert_eq!(
        (&installed["status"], &installed["version"]),
        (&json!("done"), &json!("1.1.0")),
        "{installed}"
    );
    assert_eq!(installed["restart"], "not_asked");
    assert!(installed["next"].as_str().unwrap().contains("restart"), "{installed}");
    let tasks = app.sim.requests("POST", "/v2/manager/queue/task");
    let task = tasks[0].json.clone().unwrap();
    assert_eq!(
        task["params"],
        json!({"id": "sim-face-tools", "version": "1.1.0", "selected_version": "1.1.0", "mode": "remote",
            "channel": "default"})
    );
    assert_ne!(task["client_id"], task["ui_id"]);
    assert!(app.actions("comfyui_install_custom_node").contains(&"installing".to_owned()));
}

#[tokio::test]
async fn a_task_that_completed_with_an_error_is_a_failure() {
    for manager in [Manager::V4, Manager::V3] {
        let app = app(manager, Consent::Allow).await;
        let error = app.refused("comfyui_install_custom_node", json!({"node_id": "sim-missing-pack"})).await;
        assert_eq!(error.kind(), Kind::Upstream);
        assert!(error.message().contains("Cannot resolve install target"), "{error}");
    }
}

#[tokio::test]
async fn a_task_whose_socket_does_not_open_is_read_from_the_managers_file() {
    let app = app(Manager::V4, Consent::Allow).await;
    app.sim.faults().refuse_ws(true);
    let done = app.call("comfyui_install_custom_node", json!({"node_id": "sim-face-tools"})).await;
    assert_eq!((&done["status"], &done["installed"]), (&json!("done"), &json!(true)), "{done}");
    let error = app.refused("comfyui_install_custom_node", json!({"node_id": "sim-missing-pack"})).await;
    assert_eq!(error.kind(), Kind::Upstream, "{error}");
}

#[tokio::test]
async fn a_restart_shows_the_new_nodes_and_what_is_wrong_with_them() {
    for manager in [Manager::V4, Manager::V3] {
        let app = app(manager, Consent::Allow).await;
        let args = json!({"node_id": "sim-danger-nodes", "restart": true});
        let done = app.call("comfyui_install_custom_node", args).await;
        assert_eq!(
            (&done["restart"], &done["new_nodes"][0]),
            (&json!("done"), &json!("SimExecCommand")),
            "{done}"
        );
        let warnings = done["warnings"].to_string();
        assert!(warnings.contains("Dangerous node type: SimExecCommand"), "{done}");
        let actions = app.actions("comfyui_install_custom_node");
        for action in ["installing", "reboot_initiated", "post_restart_audit"] {
            assert!(actions.iter().any(|done| done == action), "{actions:?}");
        }
    }
}

#[tokio::test]
async fn a_restart_waits_while_anybodys_job_runs() {
    let app = app(Manager::V4, Consent::Allow).await;
    let held = app.sim.hold("RigSleep");
    app.call("comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
    bounded(held.reached()).await;
    let done =
        app.call("comfyui_install_custom_node", json!({"node_id": "sim-face-tools", "restart": true})).await;
    assert_eq!((&done["status"], &done["restart"]), (&json!("done"), &json!("deferred")), "{done}");
    assert!(app.sim.requests("GET", "/v2/manager/reboot").is_empty());
    held.release();
}

#[tokio::test]
async fn installed_packs_are_updated_and_removed_by_any_of_their_names() {
    for manager in [Manager::V4, Manager::V3] {
        let app = app(manager, Consent::Allow).await;
        let updated = app.call("comfyui_update_custom_node", json!({"node_id": "sim_test_nodes"})).await;
        assert_eq!((&updated["status"], &updated["version"]), (&json!("done"), &json!("1.3.0")), "{updated}");
        let removed = app.call("comfyui_uninstall_custom_node", json!({"node_id": "sim-test-nodes"})).await;
        assert_eq!((&removed["status"], &removed["installed"]), (&json!("done"), &json!(false)), "{removed}");
        let error = app.refused("comfyui_update_custom_node", json!({"node_id": "sim-test-nodes"})).await;
        assert_eq!(error.kind(), Kind::NotFound);
    }
}

#[tokio::test]
async fn the_queue_counts_failures_as_over() {
    let app = app(Manager::V4, Consent::Allow).await;
    let before = app.call("comfyui_get_custom_node_status", json!({})).await;
    assert_eq!(
        before,
        json!({"total_count": 0, "done_count": 0, "in_progress_count": 0, "pending_count": 0, "is_processing": false})
    );
    app.refused("comfyui_install_custom_node", json!({"node_id": "sim-missing-pack"})).await;
    let after = app.call("comfyui_get_custom_node_status", json!({})).await;
    assert_eq!(after["done_count"], 1);
}

#[tokio::test]
async fn a_missing_class_is_told_with_its_pack() {
    let app = app(Manager::V4, Consent::Ask).await;
    let workflow = json!({"1": {"class_type": "SimFaceMender", "inputs": {}}});
    let checked = app.call("comfyui_validate_workflow", json!({"workflow": workflow})).await;
    let error = checked["errors"][0].as_str().unwrap();
    assert!(error.contains("`Sim Face Tools`") && error.contains("node_id `sim-face-tools`"), "{checked}");
}

#[tokio::test]
async fn odd_answers_of_the_manager_stay_upstream_errors() {
    let app = app(Manager::V4, Consent::Allow).await;
    app.sim.faults().answer("/v2/customnode/getmappings", 200, "<html>login</html>");
    let error = app.refused("comfyui_search_custom_nodes", json!({"query": "face"})).await;
    assert_eq!(error.kind(), Kind::Upstream);
    app.sim.faults().answer("/v2/manager/queue/task", 400, "Invalid task data: /root/comfy/x");
    let error = app.refused("comfyui_install_custom_node", json!({"node_id": "sim-face-tools"})).await;
    assert!(error.kind() == Kind::Upstream && !error.message().contains("/root"), "{error}");
}
