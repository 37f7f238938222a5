//! A real MCP client in front of the real server, in both protocol eras, over a pipe.

use rmcp::{
    RoleClient, ServiceError, ServiceExt,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, ErrorCode, ProtocolVersion,
        ReadResourceRequestParams, ResourceContents,
    },
    service::{ClientLifecycleMode, ClientServiceExt, PeerRequestOptions, RunningService},
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{TestApp, bounded, object, person::Person, sleeping_workflow, tiny_workflow};

pub(crate) type Client = RunningService<RoleClient, Person>;

/// The two lifecycles a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Handshake,
    Discover,
}

pub(crate) const ERAS: [Era; 2] = [Era::Handshake, Era::Discover];

pub(crate) async fn connect(app: &TestApp, person: &Person, era: Era) -> Client {
    let pipe = app.pipe();
    let client = match era {
        Era::Handshake => bounded(person.clone().serve(pipe)).await,
        Era::Discover => {
            let mode =
                ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
            bounded(person.clone().serve_with_lifecycle(pipe, mode)).await
        }
    };
    client.unwrap()
}

pub(crate) fn request(tool: &str, args: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool.to_owned()).with_arguments(object(args))
}

pub(crate) async fn call(client: &Client, tool: &str, args: Value) -> CallToolResult {
    bounded(client.call_tool(request(tool, args))).await.unwrap()
}

/// The error object that a failed result carries as text.
pub(crate) fn error_of(result: &CallToolResult) -> Value {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    assert!(result.structured_content.is_none(), "an error must not carry a misfitting structure");
    serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap()
}

#[tokio::test]
async fn both_eras_see_the_same_tools() {
    let app = TestApp::start().await;
    let mut lists = Vec::new();
    for era in ERAS {
        let client = connect(&app, &Person::silent(), era).await;
        let info = client.peer_info().unwrap();
        let us = info.server_info.clone().unwrap();
        assert_eq!(us.name, "comfywarden");
        assert_eq!(us.version, env!("CARGO_PKG_VERSION"));
        assert!(info.instructions.as_ref().is_some_and(|text| text.len() <= 1_500));
        lists.push(bounded(client.list_all_tools()).await.unwrap());
    }
    assert_eq!(lists[0], lists[1]);
    assert!(lists[0].len() >= 12);
    for tool in &lists[0] {
        let hints = tool.annotations.as_ref().unwrap();
        for hint in
            [hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint]
        {
            assert!(hint.is_some(), "{}: every hint is sent", tool.name);
        }
        assert!(tool.output_schema.is_some() && tool.title.is_some(), "{}", tool.name);
    }
    let sorted = lists[0].windows(2).all(|pair| pair[0].name < pair[1].name);
    assert!(sorted, "the order is fixed");
}

#[tokio::test]
async fn a_picture_is_drawn_looked_at_and_read_in_both_eras() {
    for era in ERAS {
        let app = TestApp::start().await;
        let client = connect(&app, &Person::silent(), era).await;

        let drawn =
            call(&client, "comfyui_generate_image", json!({"prompt": "a yellow apple", "wait": true})).await;

        let result = drawn.structured_content.clone().unwrap();
        assert_eq!(result["status"], "completed", "{result}");
        assert!(result["seed"].is_u64() && result["model"].is_string(), "{result}");
        let twin: Value = serde_json::from_str(&drawn.content[0].as_text().unwrap().text).unwrap();
        assert_eq!(twin, result, "the text is the same JSON");
        let output = &result["outputs"][0];
        let link = drawn.content.iter().find_map(|block| block.as_resource_link()).unwrap();
        assert_eq!(link.name, output["filename"].as_str().unwrap());

        let seen = call(
            &client,
            "comfyui_get_image",
            json!({"filename": output["filename"], "subfolder": output["subfolder"], "type": output["type"]}),
        )
        .await;
        let picture = seen.content.iter().find_map(|block| block.as_image()).unwrap();
        assert!(picture.data.len() <= 100_000 && picture.mime_type.starts_with("image/"));

        let read =
            bounded(client.read_resource(ReadResourceRequestParams::new(link.uri.clone()))).await.unwrap();
        let ResourceContents::BlobResourceContents { blob, .. } = &read.contents[0] else {
            panic!("{read:?}")
        };
        assert!(blob.starts_with("iVBORw0KGgo"), "the full file is a PNG");
    }
}

#[tokio::test]
async fn progress_is_live_and_monotone_and_ends_before_the_answer() {
    let app = TestApp::start().await;
    let person = Person::silent();
    let client = connect(&app, &person, Era::Handshake).await;
    let held = app.sim.hold_at_step("RigSleep", 3);
    let running = tokio::spawn({
        let peer = client.peer().clone();
        let args = json!({"workflow": sleeping_workflow(8), "wait": true});
        async move { peer.call_tool_once(request("comfyui_run_workflow", args)).await }
    });

    bounded(held.reached()).await;
    bounded(person.first_progress()).await;
    assert!(!running.is_finished(), "the report came while the job ran");
    held.release();
    bounded(running).await.unwrap().unwrap();

    let reports = person.progress();
    assert!(reports.windows(2).all(|pair| pair[0].0 < pair[1].0), "{reports:?}");
    assert_eq!(reports.last().unwrap().0, 100.0, "{reports:?}");
}

#[tokio::test]
async fn cancelling_the_request_stops_the_job_on_comfyui() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let held = app.sim.hold_at_step("RigSleep", 2);
    let call = CallToolRequest::new(request(
        "comfyui_run_workflow",
        json!({"workflow": sleeping_workflow(1000), "wait": true}),
    ));
    let handle = bounded(
        client
            .send_cancellable_request(ClientRequest::CallToolRequest(call), PeerRequestOptions::no_options()),
    )
    .await
    .unwrap();
    bounded(held.reached()).await;

    bounded(handle.cancel(Some("changed my mind".into()))).await.unwrap();

    let interrupt = bounded(app.sim.wait_for_request(|seen| seen.path.ends_with("/interrupt"))).await;
    assert!(interrupt.json.is_some_and(|body| body["prompt_id"].is_string()), "only this job is stopped");
    held.release();
    let actions = bounded(app.outcome_of("comfyui_run_workflow")).await;
    assert_eq!(actions.last().unwrap(), "cancelled", "{actions:?}");
}

#[tokio::test]
async fn a_bad_argument_is_a_result_that_names_field_rule_and_values() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let error =
        error_of(&call(&client, "comfyui_generate_image", json!({"prompt": "x", "width": 9000})).await);
    assert_eq!(error["kind"], "invalid_input");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("width") && message.contains("4096"), "{message}");
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error() {
    let app = TestApp::start().await;
    for era in ERAS {
        let client = connect(&app, &Person::silent(), era).await;
        let error = bounded(client.call_tool(request("comfyui_no_such_tool", json!({})))).await.unwrap_err();
        let ServiceError::McpError(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
    }
}

#[tokio::test]
async fn an_unknown_resource_is_a_protocol_error() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    for uri in
        ["comfyui://outputs/output/missing.png", "comfyui://outputs/output/..%2Fx.png", "file:///etc/passwd"]
    {
        let error = bounded(client.read_resource(ReadResourceRequestParams::new(uri))).await.unwrap_err();
        let ServiceError::McpError(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{uri}");
    }
}

#[tokio::test]
async fn a_comfyui_that_is_down_is_an_answer_and_not_a_crash() {
    let app = TestApp::start().await;
    app.sim.faults().down(true);
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let error = error_of(&call(&client, "comfyui_get_queue", json!({})).await);
    assert_eq!(error["kind"], "unavailable", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("COMFYUI_URL"), "{error}");
    app.sim.faults().down(false);
    assert_eq!(call(&client, "comfyui_get_queue", json!({})).await.is_error, Some(false));
}

#[tokio::test]
async fn what_comfyui_refuses_reaches_the_caller_with_node_and_input() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let mut workflow = tiny_workflow();
    workflow["1"]["inputs"]["width"] = json!(0);
    let error = error_of(&call(&client, "comfyui_run_workflow", json!({"workflow": workflow})).await);
    assert!(matches!(error["kind"].as_str().unwrap(), "upstream" | "invalid_input"), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("width") && message.contains("EmptyImage"), "{error}");
    assert!(error["node_errors"]["1"].is_object(), "{error}");
}

/// A workflow that the policy wants a word about.
#[tokio::test]
async fn the_server_ends_when_the_client_hangs_up() {
    let app = TestApp::start().await;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(ours);
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(comfywarden::front::serve_stream(app.app.clone(), input, output, stop));
    let client = bounded(Person::silent().serve(theirs)).await.unwrap();
    bounded(client.cancel()).await.unwrap();
    bounded(serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_hangs_up_takes_its_job_with_it() {
    let app = TestApp::start().await;
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(ours);
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(comfywarden::front::serve_stream(app.app.clone(), input, output, stop));
    let held = app.sim.hold("RigSleep");
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "comfyui_run_workflow", "arguments": {"workflow": sleeping_workflow(5), "wait": true}}});
    for message in [hello, ready, call] {
        bounded(theirs.write_all(format!("{message}\n").as_bytes())).await.unwrap();
    }
    bounded(held.reached()).await;

    drop(theirs);

    bounded(app.sim.wait_for_request(|seen| seen.path == "/interrupt")).await;
    held.release();
    bounded(serving).await.unwrap().unwrap();
    let actions = bounded(app.outcome_of("comfyui_run_workflow")).await;
    assert_eq!(actions.last().unwrap(), "cancelled", "{actions:?}");
}

#[tokio::test]
async fn the_trace_of_a_request_is_passed_on_and_recorded() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Discover).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut traced = request("comfyui_get_system_info", json!({}));
    traced.meta.get_or_insert_default().set_traceparent(trace);
    bounded(client.call_tool(traced)).await.unwrap();
    call(&client, "comfyui_get_queue", json!({})).await;

    let sent: Vec<(String, Option<String>)> = app
        .sim
        .journal()
        .into_iter()
        .map(|seen| {
            let header = seen.headers.iter().find(|(name, _)| name == "traceparent");
            (seen.path.clone(), header.map(|(_, value)| value.clone()))
        })
        .collect();
    assert!(
        sent.iter().any(|(path, header)| path == "/system_stats" && header.as_deref() == Some(trace)),
        "{sent:?}"
    );
    assert_eq!(sent.last().unwrap().1, None, "the next request is none of it: {sent:?}");
    let records = app.audit.records();
    assert_eq!(records[0]["extra"]["traceparent"], trace, "{records:?}");
    assert!(records.last().unwrap()["extra"].get("traceparent").is_none(), "{records:?}");
}
