//! Tasks: long calls of clients that know them, and of nobody else.

use comfywarden::config::Profile;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, GetTaskParams, TaskPayload, TaskStatus,
};
use serde_json::json;

use crate::{
    mcp::protocol::{Client, Era, connect},
    support::{TestApp, bounded, object, person::Person, sleeping_workflow},
};

fn long_call(steps: u32) -> CallToolRequestParams {
    let args = json!({"workflow": sleeping_workflow(steps), "wait": true});
    CallToolRequestParams::new("comfyui_run_workflow").with_arguments(object(args))
}

async fn begun(client: &Client, call: CallToolRequestParams) -> String {
    match bounded(client.call_tool_once(call)).await.unwrap() {
        CallToolResponse::Task(created) => created.task.task_id,
        other => panic!("no task: {other:?}"),
    }
}

/// Waits for the end of a task.
async fn ended(client: &Client, id: &str) -> (TaskStatus, TaskPayload) {
    bounded(async {
        loop {
            let task = client.get_task(GetTaskParams::new(id)).await.unwrap().task;
            if !matches!(task.status(), TaskStatus::Working | TaskStatus::InputRequired) {
                return (task.status(), task.payload);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_long_call_is_a_task_for_a_client_that_knows_them() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent().with_tasks(), Era::Discover).await;

    let id = begun(&client, long_call(3)).await;

    let told = bounded(client.get_task(GetTaskParams::new(&id))).await.unwrap();
    assert!(told.meta.unwrap().0.contains_key("io.modelcontextprotocol/serverInfo"));
    let (status, payload) = ended(&client, &id).await;
    assert_eq!(status, TaskStatus::Completed);
    let TaskPayload::Completed { result } = payload else { panic!("{payload:?}") };
    assert_eq!(result["structuredContent"]["status"], "completed");
    assert_eq!(app.actions("comfyui_run_workflow").iter().filter(|action| *action == "called").count(), 1);
}

#[tokio::test]
async fn a_long_call_behind_the_compact_profile_is_a_task_too() {
    let app = TestApp::with(|config| config.tools.profile = Profile::Compact).await;
    let client = connect(&app, &Person::silent().with_tasks(), Era::Discover).await;
    let run = |wait: bool| {
        let inner = json!({"workflow": sleeping_workflow(2), "wait": wait});
        let args = json!({"name": "comfyui_run_workflow", "arguments": inner});
        CallToolRequestParams::new("comfyui_run_tool").with_arguments(object(args))
    };

    let id = begun(&client, run(true)).await;

    let (status, payload) = ended(&client, &id).await;
    assert_eq!(status, TaskStatus::Completed);
    let TaskPayload::Completed { result } = payload else { panic!("{payload:?}") };
    assert_eq!(result["structuredContent"]["status"], "completed");
    assert_eq!(app.actions("comfyui_run_workflow").iter().filter(|action| *action == "called").count(), 1);
    let answer = bounded(client.call_tool_once(run(false))).await.unwrap();
    assert!(matches!(answer, CallToolResponse::Complete(_)), "{answer:?}");
}

#[tokio::test]
async fn nobody_gets_a_task_unasked_and_short_calls_are_answered() {
    let app = TestApp::start().await;
    for (person, call) in [
        (Person::silent(), long_call(2)),
        (Person::silent().with_tasks(), CallToolRequestParams::new("comfyui_get_queue")),
    ] {
        let client = connect(&app, &person, Era::Discover).await;
        let answer = bounded(client.call_tool_once(call)).await.unwrap();
        assert!(matches!(answer, CallToolResponse::Complete(_)), "{answer:?}");
    }
    let client = connect(&app, &Person::silent(), Era::Discover).await;
    assert!(bounded(client.get_task(GetTaskParams::new("x"))).await.is_err());
}

#[tokio::test]
async fn a_stopped_task_takes_its_job_off_comfyui() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent().with_tasks(), Era::Discover).await;
    let held = app.sim.hold_at_step("RigSleep", 2);
    let id = begun(&client, long_call(1_000)).await;
    bounded(held.reached()).await;

    bounded(client.cancel_task(CancelTaskParams::new(&id))).await.unwrap();

    bounded(app.sim.wait_for_request(|seen| seen.path.ends_with("/interrupt"))).await;
    held.release();
    assert_eq!(ended(&client, &id).await.0, TaskStatus::Cancelled);
}

#[tokio::test]
async fn a_task_is_asked_about_through_the_gate() {
    let app = TestApp::with(|config| config.rate_limits.read_only = 1).await;
    let client = connect(&app, &Person::silent().with_tasks(), Era::Discover).await;
    assert!(bounded(client.get_task(GetTaskParams::new("no such task"))).await.is_err());
    assert!(bounded(client.get_task(GetTaskParams::new("no such task"))).await.is_err());
    assert_eq!(app.actions("tasks/get"), ["called", "completed", "called", "refused"]);
}
