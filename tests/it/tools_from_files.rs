//! Workflow files as tools: they come and go while the server runs.

use comfywarden::{
    app::{Change, Class, Tool},
    error::JsonObject,
    tools::{Answer, Call, Handled},
};
use tokio::sync::broadcast::error::TryRecvError;

use crate::support::TestApp;

async fn nothing(_: Call, _: JsonObject) -> Handled<JsonObject> {
    Ok(Answer::from(JsonObject::new()))
}

fn tool(name: &str, description: &str) -> Tool {
    Tool::new::<JsonObject, JsonObject, _, _>(name, Class::Read, "A tool", description, nothing)
}

#[tokio::test]
async fn catalogue_changes_while_the_server_runs_and_says_so_once() {
    let app = TestApp::start().await.app;
    let built_in = app.tools().iter().len();
    let mut changes = app.changes();

    app.offer(vec![tool("workflow_a", "first words")]).unwrap();
    assert_eq!(app.tools().iter().len(), built_in + 1);
    assert_eq!(changes.try_recv(), Ok(Change::Tools));

    app.offer(vec![tool("workflow_a", "first words")]).unwrap();
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty), "nothing that a client sees has changed");

    app.offer(vec![tool("workflow_a", "other words")]).unwrap();
    assert_eq!(changes.try_recv(), Ok(Change::Tools));

    app.offer(Vec::new()).unwrap();
    assert_eq!(changes.try_recv(), Ok(Change::Tools));
    assert_eq!(app.tools().iter().len(), built_in);
}

#[tokio::test]
async fn name_of_a_built_in_tool_cannot_be_taken() {
    let app = TestApp::start().await.app;
    let before = app.tools().iter().len();

    let error = app.offer(vec![tool("comfyui_get_queue", "not the real one")]).unwrap_err();

    assert!(error.message().contains("comfyui_get_queue"), "{error}");
    assert_eq!(app.tools().iter().len(), before);
}
