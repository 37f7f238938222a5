//! Nodes that cost money: a budget, an estimate, and a running total, in the question, the answer and the log.

use comfywarden::{app::CallContext, gate::Caller, tools::Reply};
use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object, tiny_workflow};

/// A ComfyUI on which `EmptyImage` costs 6 cents, which are 13 credits.
async fn with_budget(budget: u64) -> TestApp {
    let app = TestApp::with(|config| config.security.api_nodes.budget = budget).await;
    let catalogue = json!({
        "EmptyImage": {"name": "EmptyImage", "api_node": true, "category": "api node/image", "python_module": "nodes",
            "input": {}, "output": ["IMAGE"],
            "price_badge": {"engine": "jsonata", "expr": "{\"type\":\"usd\",\"usd\":0.06}"}},
        "SaveImage": {"name": "SaveImage", "output_node": true, "python_module": "nodes", "input": {}, "output": []}
    });
    app.sim.faults().answer("/object_info", 200, &catalogue.to_string());
    app
}

fn submitted(app: &TestApp) -> usize {
    app.posts().iter().filter(|path| path.ends_with("/prompt")).count()
}

fn run() -> Value {
    json!({"workflow": tiny_workflow()})
}

#[tokio::test]
async fn without_a_budget_nothing_that_costs_money_runs() {
    let app = with_budget(0).await;
    let error = app.refused("comfyui_run_workflow", run()).await;
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.hint_text().unwrap().contains("`security.api_nodes.budget`"), "{error}");
    assert_eq!(submitted(&app), 0);
}

#[tokio::test]
async fn the_answer_and_the_log_tell_the_estimate_and_the_running_total_until_the_budget_is_spent() {
    let app = with_budget(30).await;
    for spent in [13, 26] {
        let answer = app.call("comfyui_run_workflow", run()).await;
        let told = format!("Paid nodes: about 13 credits; {spent} of 30 credits of today are spent with it");
        assert!(answer["warnings"].as_array().unwrap().contains(&told.into()), "{answer}");
    }
    let error = app.refused("comfyui_run_workflow", run()).await;
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.message().contains("26 of the 30 credits of today"), "{error}");
    assert_eq!(submitted(&app), 2);
    let records = app.audit.records();
    let charged: Vec<&Value> = records.iter().filter(|record| record["action"] == "charged").collect();
    assert_eq!(charged.len(), 2);
    assert_eq!(charged[1]["extra"]["credits"], 13);
    assert_eq!(charged[1]["extra"]["spent_today"], 26);
    assert_eq!(charged[1]["extra"]["nodes"], json!(["EmptyImage: 13"]));
}

#[tokio::test]
async fn the_question_names_the_price() {
    let app = with_budget(30).await;
    let context = CallContext { can_ask: true, ..CallContext::plain(Caller::local()) };
    let reply = bounded(app.app.call(context, "comfyui_run_workflow", object(run()))).await.unwrap();
    let Reply::Ask { question, .. } = reply else { panic!("{reply:?}") };
    assert!(question.contains("about 13 credits; 13 of 30 credits"), "{question}");
    assert_eq!(submitted(&app), 0);
    assert!(!app.audit.records().iter().any(|record| record["action"] == "charged"), "asking costs nothing");
}

#[tokio::test]
async fn what_comfyui_refuses_is_given_back() {
    let app = with_budget(30).await;
    let mut workflow = tiny_workflow();
    workflow["1"]["inputs"]["width"] = json!(0);
    app.refused("comfyui_run_workflow", json!({"workflow": workflow})).await;
    let answer = app.call("comfyui_run_workflow", run()).await;
    assert!(answer["warnings"].to_string().contains("13 of 30 credits"), "{answer}");
}
