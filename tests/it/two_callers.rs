//! Two callers at one ComfyUI: neither sees, stops or holds up the jobs of the other.

use std::time::{Duration, Instant};

use comfywarden::{
    app::{CallContext, Reply},
    config::Config,
    error::{Error, Kind},
    security::{Caller, Class},
    sim::{Gate, SimHandle},
};
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object, sleeping_workflow, tiny_workflow};

/// Tokens for two callers, so that no caller is alone.
fn two_tokens(config: &mut Config) {
    config.transport.remote.tokens =
        ["a".repeat(20), "b".repeat(20)].into_iter().map(|token| token.as_str().into()).collect();
}

fn caller(name: &str) -> Caller {
    Caller::with_classes(name, Class::ALL)
}

async fn reply(app: &TestApp, who: &str, tool: &str, args: Value) -> Result<Reply, Error> {
    bounded(app.app.call(CallContext::plain(caller(who)), tool, object(args))).await
}

async fn call(app: &TestApp, who: &str, tool: &str, args: Value) -> Value {
    match reply(app, who, tool, args).await {
        Ok(Reply::Done { structured, .. }) => structured,
        other => panic!("{tool} for {who}: {other:?}"),
    }
}

/// Anna's job runs and is held, Ben's waits behind it.
struct Scene {
    app: TestApp,
    annas: String,
    bens: String,
    held: Gate,
}

impl Scene {
    async fn set() -> Self {
        let app = TestApp::with(two_tokens).await;
        let held = app.sim.hold("RigSleep");
        let annas =
            call(&app, "anna", "comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
        bounded(held.reached()).await;
        let bens = call(&app, "ben", "comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
        let id = |answer: &Value| answer["prompt_id"].as_str().unwrap().to_owned();
        Self { annas: id(&annas), bens: id(&bens), app, held }
    }

    async fn ben(&self, tool: &str, args: Value) -> Value {
        call(&self.app, "ben", tool, args).await
    }
}

#[tokio::test]
async fn neither_sees_the_jobs_of_the_other() {
    let scene = Scene::set().await;
    let others = json!({"running": 1, "pending": 0});
    let queue = scene.ben("comfyui_get_queue", json!({})).await;
    assert_eq!((queue["queue_running"].as_array().unwrap().len(), &queue["others"]), (0, &others));
    assert_eq!(queue["queue_pending"][0]["prompt_id"], scene.bens.as_str());
    assert_eq!(queue["queue_pending"][0]["ours"], true);
    let status = scene.ben("comfyui_get_queue_status", json!({})).await;
    assert_eq!((&status["running"], &status["running_ids"]), (&json!(1), &json!([])));
    let jobs = scene.ben("comfyui_list_jobs", json!({})).await;
    assert_eq!((&jobs["pagination"]["total"], &jobs["jobs"][0]["id"]), (&json!(1), &json!(scene.bens)));
    let progress = scene.ben("comfyui_get_progress", json!({"prompt_id": scene.bens})).await;
    assert_eq!((&progress["status"], &progress["queue_position"]), (&json!("queued"), &json!(1)));

    let foreign = json!({"prompt_id": scene.annas});
    assert_eq!(scene.ben("comfyui_get_progress", foreign.clone()).await["status"], "unknown");
    let hidden = reply(&scene.app, "ben", "comfyui_get_job", foreign).await.unwrap_err();
    let unheard = json!({"prompt_id": "never-heard-of"});
    let absent = reply(&scene.app, "ben", "comfyui_get_job", unheard).await.unwrap_err();
    assert_eq!((hidden.kind(), absent.kind()), (Kind::NotFound, Kind::NotFound));
    assert_eq!(hidden.message().replace(&scene.annas, "X"), absent.message().replace("never-heard-of", "X"));

    scene.held.release();
    for (who, id) in [("anna", &scene.annas), ("ben", &scene.bens)] {
        let args = json!({"prompt_id": id, "wait_seconds": 10});
        assert_eq!(call(&scene.app, who, "comfyui_get_progress", args).await["status"], "completed");
        let history = call(&scene.app, who, "comfyui_get_history", json!({})).await;
        assert_eq!((&history["total"], &history["items"][0]["prompt_id"]), (&json!(1), &json!(id)));
    }
}

#[tokio::test]
async fn neither_stops_the_jobs_of_the_other() {
    let scene = Scene::set().await;
    scene.app.sim.clear_journal();
    let foreign = json!({"prompt_id": scene.annas});
    let refused = reply(&scene.app, "ben", "comfyui_cancel_job", foreign.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound);
    let many = scene.ben("comfyui_cancel_jobs", json!({"job_ids": [scene.annas]})).await;
    assert_eq!((&many["cancelled"], &many["results"][0]["state"]), (&json!(0), &json!("unknown")));
    let all = scene.ben("comfyui_interrupt", json!({})).await;
    assert_eq!(all["state"], "not_running");
    assert!(all["result"].as_str().unwrap().contains("another caller's"), "{all}");
    assert_eq!(scene.ben("comfyui_interrupt", foreign).await["state"], "not_running");
    assert!(scene.app.posts().is_empty(), "{:?}", scene.app.posts());

    let cleared = call(&scene.app, "anna", "comfyui_clear_queue", json!({})).await;
    assert_eq!(cleared["result"], "no job of yours was waiting");
    let cleared = scene.ben("comfyui_clear_queue", json!({"clear_running": true})).await;
    assert_eq!(cleared["removed_ids"], json!([scene.bens]), "{cleared}");
    let sent = scene.app.sim.requests("POST", "/queue");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].json, Some(json!({"delete": [scene.bens]})));
    assert!(scene.app.sim.requests("POST", "/interrupt").is_empty(), "Anna's job goes on");
    scene.held.release();
    let args = json!({"prompt_id": scene.annas, "wait_seconds": 10});
    assert_eq!(call(&scene.app, "anna", "comfyui_get_progress", args).await["status"], "completed");
}

#[tokio::test]
async fn neither_is_held_up_by_a_wait_of_the_other() {
    let Scene { app, annas, held, .. } = Scene::set().await;
    let (app, annas) = (&app, &annas);
    let waits = (0..4).map(|_| {
        let args = json!({"prompt_id": annas, "wait_seconds": 60});
        async move { call(app, "anna", "comfyui_get_progress", args).await["status"].clone() }
    });
    let ben = async move {
        let begun = Instant::now();
        for _ in 0..20 {
            call(app, "ben", "comfyui_get_queue_status", json!({})).await;
            call(app, "ben", "comfyui_list_jobs", json!({})).await;
        }
        let took = begun.elapsed();
        held.release();
        took
    };
    let (statuses, took) = tokio::join!(futures::future::join_all(waits), ben);
    assert!(took < Duration::from_secs(5), "40 quick calls beside 4 waits took {took:?}");
    assert!(statuses.iter().all(|status| status == "completed"), "{statuses:?}");
}

#[tokio::test]
async fn a_restart_of_this_side_takes_no_job_from_its_owner() {
    let scene = Scene::set().await;
    let Scene { app, annas, bens, held } = scene;
    let sim: SimHandle = app.sim;
    drop(app.app);
    held.release();
    let app = TestApp::on(sim, two_tokens);
    for (who, own, foreign) in [("anna", &annas, &bens), ("ben", &bens, &annas)] {
        let args = json!({"prompt_id": own, "wait_seconds": 10});
        assert_eq!(call(&app, who, "comfyui_get_progress", args).await["status"], "completed", "{who}");
        let hidden = reply(&app, who, "comfyui_get_job", json!({"prompt_id": foreign})).await.unwrap_err();
        assert_eq!(hidden.kind(), Kind::NotFound);
    }
    let app = TestApp::on(app.sim, two_tokens);
    for (who, own) in [("anna", &annas), ("ben", &bens)] {
        let jobs = call(&app, who, "comfyui_list_jobs", json!({})).await;
        assert_eq!((&jobs["pagination"]["total"], &jobs["jobs"][0]["id"]), (&json!(1), &json!(own)), "{who}");
    }
}

#[tokio::test]
async fn a_single_caller_sees_and_stops_everything() {
    let one = |config: &mut Config| {
        two_tokens(config);
        config.transport.remote.tokens.truncate(1);
    };
    let first = TestApp::with(one).await;
    let held = first.sim.hold("RigSleep");
    let foreign =
        call(&first, "somebody", "comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
    bounded(held.reached()).await;
    let queue = call(&first, "the only one", "comfyui_get_queue", json!({})).await;
    assert_eq!(queue["queue_running"][0]["prompt_id"], foreign["prompt_id"]);
    assert_eq!((&queue["queue_running"][0]["ours"], queue.get("others")), (&json!(false), None));
    let (stopped, ()) = tokio::join!(call(&first, "the only one", "comfyui_interrupt", json!({})), async {
        bounded(first.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    assert_eq!((&stopped["state"], &stopped["prompt_id"]), (&json!("interrupted"), &foreign["prompt_id"]));
}
