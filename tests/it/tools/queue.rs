//! Jobs: what is told of them and what stops them.

use comfywarden_error::Kind;
use comfywarden_sim::{CancelRoutes, Sim};
use serde_json::json;

use crate::support::{TestApp, bounded, sleeping_workflow, tiny_workflow, two_jobs};

#[tokio::test]
async fn the_queue_shows_jobs_without_their_graphs() {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let queue = app.call("comfyui_get_queue", json!({})).await;
    assert_eq!(queue["queue_running"][0]["prompt_id"], running.as_str());
    assert_eq!(queue["queue_pending"][0]["prompt_id"], waiting.as_str());
    assert_eq!(queue["queue_pending"][0]["node_count"], 2);
    assert!(!queue.to_string().contains("class_type") && !queue.to_string().contains("extra_data"));
    let progress = app.call("comfyui_get_progress", json!({"prompt_id": waiting})).await;
    assert_eq!((&progress["status"], &progress["queue_position"]), (&json!("queued"), &json!(1)));
    let progress = app.call("comfyui_get_progress", json!({"prompt_id": running})).await;
    assert_eq!(progress["status"], "running", "{progress}");
    held.release();
}

#[tokio::test]
async fn four_kinds_of_job_give_four_answers_to_cancel() {
    let app = TestApp::start().await;
    let (running, waiting, held) = two_jobs(&app).await;
    let cancel = async |id: &str| app.call("comfyui_cancel_job", json!({"prompt_id": id})).await;

    let removed = cancel(&waiting).await;
    assert_eq!((&removed["state"], &removed["verified"]), (&json!("removed_from_queue"), &json!(true)));
    let (stopped, ()) = tokio::join!(cancel(&running), async {
        bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    assert_eq!((&stopped["state"], &stopped["verified"]), (&json!("interrupted"), &json!(true)), "{stopped}");
    assert_eq!(cancel(&running).await["state"], "already_finished");
    let error = app.refused("comfyui_cancel_job", json!({"prompt_id": "never-heard-of"})).await;
    assert_eq!(error.kind(), Kind::NotFound);
    let after = app.call("comfyui_get_progress", json!({"prompt_id": running})).await;
    assert_eq!(after["status"], "interrupted");
}

#[tokio::test]
async fn interrupt_says_whether_anything_ran() {
    let app = TestApp::start().await;
    let idle = app.call("comfyui_interrupt", json!({})).await;
    assert_eq!(idle["state"], "not_running", "{idle}");
    let (running, waiting, held) = two_jobs(&app).await;
    let other = app.call("comfyui_interrupt", json!({"prompt_id": waiting})).await;
    assert_eq!(other["state"], "not_running", "{other}");
    let (stopped, ()) = tokio::join!(app.call("comfyui_interrupt", json!({})), async {
        bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    assert_eq!((&stopped["state"], &stopped["prompt_id"]), (&json!("interrupted"), &json!(running)));
}

#[tokio::test]
async fn a_failed_job_names_node_class_and_exception() {
    let app = TestApp::start().await;
    app.sim.faults().out_of_memory("EmptyImage");
    let failed = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    assert_eq!(failed["status"], "error", "{failed}");
    let error = &failed["error"];
    assert_eq!((&error["kind"], &error["node_id"]), (&json!("out_of_memory"), &json!("1")), "{error}");
    assert_eq!(error["node_type"], "EmptyImage");
    assert!(error["hint"].as_str().unwrap().contains("smaller"));
    let job = app.call("comfyui_get_job", json!({"prompt_id": failed["prompt_id"]})).await;
    assert_eq!(job["status"], "failed");
    assert_eq!(job["error"]["node_id"], "1", "{job}");
    let missing = app.refused("comfyui_get_job", json!({"prompt_id": "never-heard-of"})).await;
    assert_eq!(missing.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_wait_that_ends_while_comfyui_is_away_says_so() {
    let app = TestApp::start().await;
    let held = app.sim.hold("RigSleep");
    let args = json!({"workflow": sleeping_workflow(5), "wait": true, "wait_seconds": 1});
    let (answer, ()) = tokio::join!(app.call("comfyui_run_workflow", args), async {
        bounded(held.reached()).await;
        app.sim.faults().down(true);
    });
    assert_eq!(answer["status"], "running", "{answer}");
    assert!(answer["warnings"].to_string().contains("does not answer"), "{answer}");
    app.sim.faults().down(false);
    held.release();
}

/// One job that runs and three that wait.
async fn four_jobs(app: &TestApp) -> (String, Vec<String>, comfywarden_sim::Hold) {
    let (running, first, held) = two_jobs(app).await;
    let mut waiting = vec![first];
    for _ in 0..2 {
        let more = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
        waiting.push(more["prompt_id"].as_str().unwrap().to_owned());
    }
    (running, waiting, held)
}

#[tokio::test]
async fn the_queue_in_numbers_has_counts_and_ids() {
    let app = TestApp::start().await;
    let (running, waiting, held) = four_jobs(&app).await;
    let status = app.call("comfyui_get_queue_status", json!({})).await;
    assert_eq!(
        status,
        json!({
            "exec_info": {"queue_remaining": 4}, "running": 1, "pending": 3,
            "running_ids": [running], "pending_ids": waiting,
        })
    );
    held.release();
    app.sim.faults().down(true);
    assert_eq!(app.refused("comfyui_get_queue_status", json!({})).await.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn clearing_touches_exactly_what_the_flags_say() {
    for (running_flag, pending_flag) in [(false, false), (false, true), (true, false), (true, true)] {
        let app = TestApp::start().await;
        let (running, waiting, held) = four_jobs(&app).await;
        app.sim.clear_journal();
        let args = json!({"clear_running": running_flag, "clear_pending": pending_flag});
        // What waits must not start when the runner is stopped: it stays held at its own gate.
        let (cleared, _waiting_gate) = if running_flag {
            let next = app.sim.hold("EmptyImage");
            let (cleared, ()) = tokio::join!(app.call("comfyui_clear_queue", args.clone()), async {
                bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
                held.release();
            });
            (cleared, next)
        } else {
            (app.call("comfyui_clear_queue", args.clone()).await, held)
        };

        let posts: Vec<_> = app.sim.journal().into_iter().filter(|seen| seen.method == "POST").collect();
        let bodies: Vec<_> =
            posts.iter().filter(|seen| seen.path == "/queue").map(|seen| &seen.json).collect();
        assert_eq!(bodies.len(), usize::from(pending_flag), "{args}: {bodies:?}");
        assert!(bodies.iter().all(|body| **body == Some(json!({"clear": true}))), "{args}: {bodies:?}");
        let interrupts: Vec<_> = posts.iter().filter(|seen| seen.path == "/interrupt").collect();
        assert_eq!(interrupts.len(), usize::from(running_flag), "{args}");
        assert!(
            interrupts.iter().all(|seen| seen.json == Some(json!({"prompt_id": running}))),
            "{args}: the interrupt names its job"
        );
        assert_eq!(cleared["removed"], if pending_flag { 3 } else { 0 }, "{args}: {cleared}");
        if pending_flag {
            assert_eq!(cleared["removed_ids"], json!(waiting), "{args}");
        }
        let stopped = &cleared["stopped"][0];
        if running_flag {
            assert_eq!((&stopped["prompt_id"], &stopped["state"]), (&json!(running), &json!("interrupted")));
        } else {
            assert!(stopped.is_null(), "{args}: {cleared}");
        }
        let left = app.call("comfyui_get_queue_status", json!({})).await;
        let pending_left = match (running_flag, pending_flag) {
            (_, true) => 0,
            (true, false) => 2,
            (false, false) => 3,
        };
        assert_eq!(left["pending"], pending_left, "{args}: {left}");
        assert_eq!(left["running"] == 0, running_flag && pending_flag, "{args}: {left}");
    }
}

#[tokio::test]
async fn clearing_an_empty_queue_says_so() {
    let app = TestApp::start().await;
    let cleared = app.call("comfyui_clear_queue", json!({"clear_running": true})).await;
    assert_eq!(cleared["result"], "no job was waiting; no job was running");
    assert!(app.posts().is_empty(), "nothing to clear, nothing sent");
    app.sim.faults().down(true);
    assert_eq!(app.refused("comfyui_clear_queue", json!({})).await.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn several_jobs_are_cancelled_each_with_its_own_outcome_by_old_and_new_servers() {
    for routes in [CancelRoutes::Absent, CancelRoutes::Present] {
        let app = TestApp::on(Sim::instant().cancel_routes(routes).start().await.unwrap(), |_| {});
        let done = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
        let (running, waiting, held) = four_jobs(&app).await;
        let decisive = if routes == CancelRoutes::Absent { "/interrupt" } else { "/jobs/cancel" };
        app.sim.clear_journal();
        let ids = json!([waiting[0], running, done["prompt_id"], "never-heard-of", waiting[1], waiting[0]]);
        let (answer, ()) = tokio::join!(app.call("comfyui_cancel_jobs", json!({"job_ids": ids})), async {
            bounded(app.sim.wait_for_request(|seen| seen.path == decisive)).await;
            held.release();
        });
        let outcome =
            |id: &serde_json::Value, state: &str| json!({"prompt_id": id, "state": state, "verified": true});
        assert_eq!(
            answer,
            json!({"cancelled": 3, "results": [
                outcome(&json!(waiting[0]), "removed_from_queue"),
                outcome(&json!(running), "interrupted"),
                outcome(&done["prompt_id"], "already_finished"),
                outcome(&json!("never-heard-of"), "unknown"),
                outcome(&json!(waiting[1]), "removed_from_queue"),
            ]}),
            "{routes:?}"
        );
        let posts = app.posts();
        let native = posts.iter().filter(|path| *path == "/jobs/cancel").count();
        assert_eq!(native, 1, "{routes:?}: {posts:?}");
        let others: Vec<_> = posts.iter().filter(|path| *path != "/jobs/cancel").collect();
        match routes {
            CancelRoutes::Absent => {
                assert_eq!(others, ["/queue", "/interrupt"], "one request takes out both");
            }
            CancelRoutes::Present => assert!(others.is_empty(), "{others:?}"),
        }
    }
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_page() {
    let app = TestApp::start().await;
    let done = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    let (running, waiting, held) = four_jobs(&app).await;
    let all = app.call("comfyui_list_jobs", json!({})).await;
    assert_eq!(all["pagination"], json!({"offset": 0, "limit": 25, "total": 5, "has_more": false}));
    let listed = |answer: &serde_json::Value| -> Vec<String> {
        let jobs = answer["jobs"].as_array().unwrap();
        jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(listed(&all).contains(&running) && waiting.iter().all(|id| listed(&all).contains(id)));
    let oldest = app.call("comfyui_list_jobs", json!({"sort_order": "asc", "limit": 1})).await;
    assert_eq!(oldest["jobs"][0]["id"], done["prompt_id"]);
    assert_eq!(oldest["jobs"][0]["preview_output"]["type"], "output", "{oldest}");
    assert_eq!(oldest["pagination"], json!({"offset": 0, "limit": 1, "total": 5, "has_more": true}));
    let active = app.call("comfyui_list_jobs", json!({"status": ["in_progress"]})).await;
    assert_eq!(listed(&active), [running]);
    let past = app.call("comfyui_list_jobs", json!({"offset": 50})).await;
    assert_eq!((listed(&past).len(), &past["pagination"]["has_more"]), (0, &json!(false)));
    assert!(!all.to_string().contains("class_type"));
    held.release();
    app.sim.faults().down(true);
    assert_eq!(app.refused("comfyui_list_jobs", json!({})).await.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn whoever_only_looks_leaves_the_job_alone() {
    let app = TestApp::start().await;
    let (running, _, held) = two_jobs(&app).await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let context = comfywarden::app::CallContext {
        cancel: cancel.clone(),
        ..comfywarden::app::CallContext::plain(comfywarden::gate::Caller::local())
    };
    let args = crate::support::object(json!({"prompt_id": running, "wait_seconds": 60}));
    app.sim.clear_journal();
    let (ended, ()) = tokio::join!(app.app.call(context, "comfyui_get_progress", args), async {
        bounded(app.sim.wait_for_request(|seen| seen.path.starts_with("/jobs/"))).await;
        cancel.cancel();
    });
    assert_eq!(ended.unwrap_err().kind(), Kind::Conflict);
    let queue = app.call("comfyui_get_queue_status", json!({})).await;
    assert_eq!(queue["running_ids"], json!([running]));
    assert!(app.posts().is_empty(), "{:?}", app.posts());
    held.release();
}
