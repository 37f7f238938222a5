//! `comfyui_diagnose_job`: what failed, where, why, and what to try.

use comfywarden::{
    config::Config,
    gate::{Caller, Class},
};
use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object, sleeping_workflow, tiny_workflow};

/// The steps as one text.
fn steps(diagnosis: &Value) -> String {
    let steps = diagnosis["try"].as_array().map(Vec::as_slice).unwrap_or_default();
    steps.iter().map(|step| step.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

async fn run(app: &TestApp, workflow: Value) -> Value {
    app.call("comfyui_run_workflow", json!({"workflow": workflow, "wait": true})).await
}

async fn last(app: &TestApp) -> Value {
    app.call("comfyui_diagnose_job", json!({})).await
}

#[tokio::test]
async fn without_a_failure_it_says_so() {
    let app = TestApp::start().await;
    assert_eq!(last(&app).await["verdict"], "nothing_failed");
    let done = run(&app, tiny_workflow()).await;
    assert_eq!(last(&app).await["verdict"], "nothing_failed");
    let fine = app.call("comfyui_diagnose_job", json!({"prompt_id": done["prompt_id"]})).await;
    assert_eq!(fine["verdict"], "succeeded");
    run(&app, tiny_workflow()).await;
    let error = app.refused("comfyui_diagnose_job", json!({"prompt_id": "never-heard-of"})).await;
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn running_out_of_memory_gives_a_ladder_with_numbers_of_this_workflow() {
    let app = TestApp::start().await;
    app.sim.faults().out_of_memory("EmptyImage");
    let mut large = tiny_workflow();
    large["1"]["inputs"]["width"] = json!(1024);
    large["1"]["inputs"]["height"] = json!(768);
    large["1"]["inputs"]["batch_size"] = json!(4);
    let failed = run(&app, large).await;
    let diagnosis = app.call("comfyui_diagnose_job", json!({"prompt_id": failed["prompt_id"]})).await;
    assert_eq!(
        (&diagnosis["verdict"], &diagnosis["node_type"]),
        (&json!("out_of_memory"), &json!("EmptyImage"))
    );
    assert!(diagnosis["summary"].as_str().unwrap().contains("GiB"), "{diagnosis}");
    let steps = steps(&diagnosis);
    let order = ["batch_size 4 → 1", "1024×768 → 704×512", "once more", "--lowvram"];
    let places: Vec<_> = order.iter().map(|step| steps.find(step)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{steps}");
}

#[tokio::test]
async fn a_failed_node_is_explained_and_is_the_default() {
    let app = TestApp::start().await;
    let failing = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "RigFail", "inputs": {"message": "boom 1", "kind": "ValueError", "image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    });
    let failed = run(&app, failing).await;
    assert_eq!(failed["status"], "error", "{failed}");
    run(&app, tiny_workflow()).await;
    let diagnosis = last(&app).await;
    assert_eq!(
        (&diagnosis["prompt_id"], &diagnosis["verdict"]),
        (&failed["prompt_id"], &json!("node_error"))
    );
    assert_eq!((&diagnosis["node_id"], &diagnosis["exception_type"]), (&json!("2"), &json!("ValueError")));
    assert!(diagnosis["message"].as_str().unwrap().starts_with("boom"), "{diagnosis}");
    assert!(steps(&diagnosis).contains("comfyui_get_node_info"), "{diagnosis}");
}

#[tokio::test]
async fn a_refused_workflow_is_the_last_failure_and_every_cause_has_a_way_out() {
    let app = TestApp::start().await;
    let base = |class: &str, inputs: Value| {
        let mut workflow = tiny_workflow();
        workflow["1"] = json!({"class_type": class, "inputs": inputs});
        workflow
    };
    let checkpoint = json!({
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.1.safetensors"}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
    });
    for (workflow, kind, node, named) in [
        (
            checkpoint,
            "missing_model",
            "1",
            &["sd_xl_base_1.0.safetensors", "folder `checkpoints`", "comfyui_search_models"][..],
        ),
        (base("EmptyImag", json!({})), "missing_node", "1", &["EmptyImage", "comfyui_search_custom_nodes"]),
        (
            base("IPAdapterAdvanced", json!({})),
            "missing_node",
            "1",
            &["ComfyUI_IPAdapter_plus", "comfyui_install_custom_node"],
        ),
        (base("LoadImage", json!({"image": "none.png"})), "missing_file", "1", &["comfyui_upload_image"]),
        (
            base("EmptyImage", json!({"width": 0, "height": 64, "batch_size": 1, "color": 0})),
            "out_of_range",
            "1",
            &["`width` of node 1"],
        ),
    ] {
        let refused = app.refused("comfyui_run_workflow", json!({"workflow": workflow})).await;
        assert_eq!(refused.kind(), Kind::InvalidInput, "{kind}: {refused}");
        let diagnosis = last(&app).await;
        assert_eq!(
            (&diagnosis["verdict"], &diagnosis["prompt_id"]),
            (&json!("refused"), &Value::Null),
            "{kind}"
        );
        let finding = &diagnosis["findings"][0];
        assert_eq!((&finding["kind"], &finding["node_id"]), (&json!(kind), &json!(node)), "{diagnosis}");
        let steps = steps(&diagnosis);
        assert!(named.iter().all(|word| steps.contains(word)), "{kind}: {steps}");
    }
    let no_outputs = json!({"1": {"class_type": "EmptyImage", "inputs": {}}});
    app.refused("comfyui_run_workflow", json!({"workflow": no_outputs})).await;
    assert!(steps(&last(&app).await).contains("SaveImage"));
}

#[tokio::test]
async fn a_wrong_word_gets_the_nearest() {
    let app = TestApp::start().await;
    let graph = json!({
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "2": {"class_type": "LatentUpscale", "inputs": {"samples": ["1", 0], "upscale_method": "bilinar", "width": 64,
            "height": 64, "crop": "disabled"}},
        "3": {"class_type": "SaveLatent", "inputs": {"samples": ["2", 0], "filename_prefix": "x"}},
    });
    app.refused("comfyui_run_workflow", json!({"workflow": graph})).await;
    let diagnosis = last(&app).await;
    assert_eq!(diagnosis["findings"][0]["kind"], "bad_value", "{diagnosis}");
    assert_eq!(diagnosis["findings"][0]["nearest"][0], "bilinear");
    assert!(steps(&diagnosis).contains("set `upscale_method` of node 2 to `bilinear`"), "{diagnosis}");
}

#[tokio::test]
async fn jobs_that_did_not_fail_are_told_as_what_they_are() {
    let app = TestApp::start().await;
    let held = app.sim.hold("RigSleep");
    let runner = app.call("comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
    bounded(held.reached()).await;
    let waiter = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
    let of = async |job: &Value| {
        let diagnosis = app.call("comfyui_diagnose_job", json!({"prompt_id": job["prompt_id"]})).await;
        (diagnosis["verdict"].as_str().unwrap().to_owned(), diagnosis["summary"].as_str().unwrap().to_owned())
    };
    assert_eq!(of(&runner).await.0, "running");
    let (verdict, summary) = of(&waiter).await;
    assert!(verdict == "waiting" && summary.contains("place 1"), "{summary}");
    app.call("comfyui_cancel_job", json!({"prompt_id": waiter["prompt_id"]})).await;
    assert_eq!(of(&waiter).await.0, "removed");
    let (_, ()) =
        tokio::join!(app.call("comfyui_cancel_job", json!({"prompt_id": runner["prompt_id"]})), async {
            bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
            held.release();
        });
    let (verdict, summary) = of(&runner).await;
    assert!(verdict == "interrupted" && summary.contains("through comfywarden"), "{summary}");
    assert_eq!(last(&app).await["verdict"], "removed", "the newest of those that were stopped");
    app.sim.restart();
    let (verdict, summary) = of(&runner).await;
    assert!(verdict == "removed" || verdict == "lost", "{verdict}: {summary}");
}

#[tokio::test]
async fn a_job_that_comfyui_forgot_is_lost() {
    let app = TestApp::start().await;
    let done = run(&app, tiny_workflow()).await;
    app.sim.restart();
    let diagnosis = last(&app).await;
    assert_eq!((&diagnosis["verdict"], &diagnosis["prompt_id"]), (&json!("lost"), &done["prompt_id"]));
}

#[tokio::test]
async fn a_blocker_is_no_success() {
    let app = TestApp::start().await;
    let blocked = json!({
        "1": {"class_type": "RigBlock", "inputs": {"message": "the switch says no"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    });
    let ended = app.reply("comfyui_run_workflow", json!({"workflow": blocked, "wait": true})).await;
    assert!(ended.is_ok(), "{ended:?}");
    let diagnosis = last(&app).await;
    assert_eq!(
        (&diagnosis["verdict"], &diagnosis["node_type"]),
        (&json!("blocked"), &json!("SaveImage")),
        "{diagnosis}"
    );
}

#[tokio::test]
async fn the_failures_of_another_caller_are_not_told() {
    let app = TestApp::with(|config: &mut Config| {
        config.transport.remote.tokens =
            ["a".repeat(20), "b".repeat(20)].into_iter().map(|token| token.as_str().into()).collect();
    })
    .await;
    let call = async |who: &str, tool: &str, args: Value| {
        let caller = Caller::with_classes(who, Class::ALL);
        let context = comfywarden::app::CallContext::plain(caller);
        bounded(app.app.call(context, tool, object(args))).await
    };
    app.sim.faults().out_of_memory("EmptyImage");
    let failed = match call(
        "anna",
        "comfyui_run_workflow",
        json!({"workflow": tiny_workflow(), "wait": true}),
    )
    .await
    {
        Ok(comfywarden::tools::Reply::Done { structured, .. }) => structured,
        other => panic!("{other:?}"),
    };
    call(
        "anna",
        "comfyui_run_workflow",
        json!({"workflow": {"1": {"class_type": "Nonsense", "inputs": {}}}}),
    )
    .await
    .unwrap_err();
    let Ok(comfywarden::tools::Reply::Done { structured, .. }) =
        call("ben", "comfyui_diagnose_job", json!({})).await
    else {
        panic!("no diagnosis");
    };
    assert_eq!(structured["verdict"], "nothing_failed", "{structured}");
    let args = json!({"prompt_id": failed["prompt_id"]});
    assert_eq!(call("ben", "comfyui_diagnose_job", args).await.unwrap_err().kind(), Kind::NotFound);
}
