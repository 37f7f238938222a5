//! Two callers at one ComfyUI: neither sees, stops or holds up the jobs of the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use comfywarden::{
    app::CallContext,
    config::{Limits, Logging, RateLimits},
    gate::{AuditLog, CallId, Class, Contract, Gate, Role},
    tools::{Reply, ToolFilter, completion::Reference},
};
use comfywarden_error::Kind;
use comfywarden_policy::settings::Security;
use comfywarden_sim::SimHandle;
use serde_json::{Value, json};

use crate::support::{
    TestApp, bounded,
    callers::{call, caller, reply, two_tokens},
    object, sleeping_workflow, tiny_workflow,
};

/// Anna's job runs and is held, Ben's waits behind it.
struct Scene {
    app: TestApp,
    annas: String,
    bens: String,
    held: comfywarden_sim::Hold,
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
async fn neither_completes_what_belongs_to_the_other() {
    let scene = Scene::set().await;
    scene.held.release();
    for (who, id) in [("anna", &scene.annas), ("ben", &scene.bens)] {
        let args = json!({"prompt_id": id, "wait_seconds": 10});
        assert_eq!(call(&scene.app, who, "comfyui_get_progress", args).await["status"], "completed");
    }
    let values = |who: &'static str, template: &'static str, argument: &'static str| {
        let (app, reference) = (&scene.app.app, Reference::Template(template.to_owned()));
        async move {
            bounded(app.complete(&caller(who), ToolFilter::default(), &reference, argument, ""))
                .await
                .unwrap()
                .values
        }
    };
    let job = "comfyui://jobs/{prompt_id}";
    assert_eq!(values("ben", job, "prompt_id").await, [scene.bens.as_str()]);
    assert_eq!(values("anna", job, "prompt_id").await, [scene.annas.as_str()]);
    for who in ["anna", "ben"] {
        let foreign = if who == "anna" { "tiny" } else { "slept" };
        for (template, argument) in
            [("comfyui://outputs/{type}/{+path}", "path"), ("comfyui://assets/{asset_id}", "asset_id")]
        {
            let seen = values(who, template, argument).await;
            assert!(!seen.is_empty() && !seen.iter().any(|name| name.contains(foreign)), "{who}: {seen:?}");
        }
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
        for _ in 0..20 {
            call(app, "ben", "comfyui_get_queue_status", json!({})).await;
            call(app, "ben", "comfyui_list_jobs", json!({})).await;
        }
        // Only now can the job and the waits for it end: calls that queued behind them would never get here.
        held.release();
    };
    let (statuses, ()) = tokio::join!(futures::future::join_all(waits), ben);
    assert!(statuses.iter().all(|status| status == "completed"), "{statuses:?}");
}

#[tokio::test]
async fn neither_fills_the_queue_for_the_other() {
    let app = TestApp::with(|config| {
        two_tokens(config);
        config.limits.queue_depth = 5;
        config.limits.queue_depth_per_caller = 3;
    })
    .await;
    let held = app.sim.hold("RigSleep");
    let run = || json!({"workflow": sleeping_workflow(2)});
    let many =
        futures::future::join_all((0..12).map(|_| reply(&app, "anna", "comfyui_run_workflow", run()))).await;
    assert_eq!(many.iter().filter(|reply| reply.is_ok()).count(), 3, "however many come at once");
    let error = many.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert!(error.message().contains("`limits.queue_depth_per_caller` is 3"), "{error}");
    assert!(error.details().contains_key("retry_after_ms"));
    for _ in 0..2 {
        call(&app, "ben", "comfyui_run_workflow", run()).await;
    }
    let error = reply(&app, "carla", "comfyui_run_workflow", run()).await.unwrap_err();
    assert!(error.message().contains("`limits.queue_depth` is 5"), "{error}");
    held.release();
}

#[tokio::test]
async fn neither_uses_up_what_the_other_may_ask_wait_or_draw() {
    let app = TestApp::with(|config| {
        two_tokens(config);
        config.rate_limits.read_only = 20;
        config.rate_limits.generation = 10;
        config.rate_limits.work_per_call = 1;
        config.limits.waits_per_caller = 2;
    })
    .await;
    let status = || json!({});
    let flood = (0..300).map(|_| reply(&app, "anna", "comfyui_get_queue_status", status()));
    let flood = futures::future::join_all(flood).await;
    assert_eq!(flood.iter().filter(|reply| reply.is_ok()).count(), 20);
    for _ in 0..20 {
        call(&app, "ben", "comfyui_get_queue_status", status()).await;
    }

    let heavy = json!({"workflow": {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 1000, "height": 1000, "batch_size": 9, "color": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "heavy"}}
    }});
    call(&app, "anna", "comfyui_run_workflow", heavy.clone()).await;
    let error = reply(&app, "anna", "comfyui_run_workflow", heavy.clone()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited, "{error}");

    let held = app.sim.hold("RigSleep");
    let waiting = || json!({"workflow": sleeping_workflow(1), "wait": true});
    let ben = async {
        call(&app, "ben", "comfyui_run_workflow", json!({"workflow": sleeping_workflow(1)})).await;
        bounded(held.reached()).await;
        let seat = reply(&app, "ben", "comfyui_run_workflow", waiting());
        let freed = async {
            bounded(app.sim.wait_for_request(|seen| seen.path == "/prompt")).await;
            held.release();
        };
        tokio::join!(seat, freed).0
    };
    let annas =
        futures::future::join_all((0..4).map(|_| reply(&app, "carla", "comfyui_run_workflow", waiting())));
    let (annas, bens) = tokio::join!(annas, ben);
    assert_eq!(annas.iter().filter(|reply| reply.is_ok()).count(), 2, "two of four found a seat");
    assert!(bens.is_ok(), "{bens:?}");
    let records = app.audit.records();
    let of = |who: &str, action: &str| {
        records.iter().filter(|record| record["caller"] == who && record["action"] == action).count()
    };
    assert_eq!((of("anna", "called"), of("anna", "refused")), (302, 280), "a flood leaves its records");
    assert_eq!(of("ben", "refused"), 0);
}

/// An audit log on disk is written in turns: who comes last waits for one turn and not for all that came before.
#[tokio::test]
async fn neither_is_slowed_by_the_records_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let logging = Logging { audit_file: folder.path().join("audit.jsonl"), ..Logging::default() };
    let security = Security::default();
    let log = AuditLog::open(&logging, &security).unwrap();
    let gate = Gate::new(&security, &RateLimits::default(), &Limits::default(), log.clone());
    let contract = Contract::new("comfyui_test", Class::Read, object(json!({"type": "object"})));
    let done = AtomicUsize::new(0);
    let flood = async {
        for _ in 0..60 {
            let calls = (0..50).map(|_| async {
                let mut args = object(json!({}));
                gate.admit(&caller("anna"), CallId::new(), false, &contract, &mut args).await.err();
                done.fetch_add(1, Ordering::Relaxed);
            });
            futures::future::join_all(calls).await;
        }
    };
    let ben = async {
        for _ in 0..5 {
            let mut args = object(json!({}));
            gate.admit(&caller("ben"), CallId::new(), false, &contract, &mut args).await.unwrap();
        }
        done.load(Ordering::Relaxed)
    };
    let ((), before) = bounded(async { tokio::join!(flood, ben) }).await;
    assert!(before < 1_500, "{before} of 3000 calls of the other came before five of his");
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
    let first = TestApp::start().await;
    let operator = async |tool: &str, args: Value| {
        let context = CallContext::plain(caller("the only one").with_role(Role::Operator));
        match bounded(first.app.call(context, tool, object(args))).await {
            Ok(Reply::Done { structured, .. }) => structured,
            other => panic!("{tool}: {other:?}"),
        }
    };
    let held = first.sim.hold("RigSleep");
    let foreign =
        call(&first, "somebody", "comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
    bounded(held.reached()).await;
    let queue = operator("comfyui_get_queue", json!({})).await;
    assert_eq!(queue["queue_running"][0]["prompt_id"], foreign["prompt_id"]);
    assert_eq!((&queue["queue_running"][0]["ours"], queue.get("others")), (&json!(false), None));
    let (stopped, ()) = tokio::join!(operator("comfyui_interrupt", json!({})), async {
        bounded(first.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
        held.release();
    });
    assert_eq!((&stopped["state"], &stopped["prompt_id"]), (&json!("interrupted"), &foreign["prompt_id"]));
}
