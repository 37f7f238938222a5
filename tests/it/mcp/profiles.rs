//! Profiles: which tools a door shows, and that nothing else can be reached through it.

use std::collections::BTreeSet;

use comfywarden::{
    app::{CallContext, Catalogue},
    config::Profile,
    gate::Caller,
    tools::ToolFilter,
};
use comfywarden_error::Kind;
use rmcp::{
    RoleClient, ServiceError, ServiceExt,
    model::{CallToolRequestParams, ErrorCode},
    service::RunningService,
    transport::streamable_http_client::StreamableHttpClientTransportConfig,
};
use serde_json::{Value, json};

use crate::{
    http::access::door,
    http::oauth::hashed,
    support::{TestApp, bounded, object, person::Person, tiny_workflow},
};

type Client = RunningService<RoleClient, Person>;

fn names(catalogue: &Catalogue) -> Vec<String> {
    catalogue.iter().map(|tool| tool.name().to_owned()).collect()
}

async fn client_at(address: String) -> Client {
    bounded(
        Person::silent()
            .serve(crate::support::transport(StreamableHttpClientTransportConfig::with_uri(address))),
    )
    .await
    .unwrap()
}

async fn listed(client: &Client) -> Vec<String> {
    let tools = bounded(client.list_all_tools()).await.unwrap();
    tools.into_iter().map(|tool| tool.name.into_owned()).collect()
}

async fn call(client: &Client, tool: &str, args: Value) -> Result<Value, ServiceError> {
    let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(object(args));
    let result = bounded(client.call_tool(request)).await?;
    Ok(serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap())
}

/// A view by its path, over what the operator offers.
fn seen(app: &TestApp, path: &str) -> Vec<String> {
    names(&app.app.tools_in(app.app.view(ToolFilter::parse(path).unwrap())).unwrap())
}

#[tokio::test]
async fn an_address_names_a_profile_and_what_is_outside_cannot_be_called() {
    let door = door(|_| {}).await;
    let all = names(&door.app.app.tools());
    for (path, outside) in [
        ("core", "comfyui_interrupt"),
        ("readonly", "comfyui_generate_image"),
        ("core/readonly", "comfyui_run_workflow"),
        ("compact", "comfyui_get_queue"),
    ] {
        let client = client_at(format!("{}/mcp/x/{path}", door.base)).await;
        let shown = listed(&client).await;
        assert!(!shown.is_empty() && shown.len() < all.len(), "{path}: {shown:?}");
        assert!(!shown.contains(&outside.to_owned()), "{path}");
        let error = call(&client, outside, json!({})).await.unwrap_err();
        let ServiceError::McpError(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{path} {outside}");
        assert_eq!(listed(&client).await, shown, "{path}: the list does not change by calling");
    }
    assert_eq!(listed(&client_at(format!("{}/mcp", door.base)).await).await, all);
    assert_eq!(listed(&client_at(format!("{}/mcp/x/full", door.base)).await).await, all);
    assert!(door.app.sim.journal().is_empty(), "a tool outside the profile reached ComfyUI");
}

#[tokio::test]
async fn an_address_that_names_no_profile_is_not_found() {
    let door = door(|_| {}).await;
    for path in ["x/everything", "x", "x/core/full", "core", "x/core/readonly/core"] {
        let request =
            crate::support::http_client().post(format!("{}/mcp/{path}", door.base)).json(&json!({}));
        let answer = bounded(request.send()).await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn no_address_widens_what_the_operator_narrowed() {
    let narrowed: [fn(&mut comfywarden::config::Tools); 4] = [
        |tools| tools.read_only = true,
        |tools| tools.profile = Profile::Readonly,
        |tools| tools.profile = Profile::Core,
        |tools| tools.exclude = vec!["comfyui_interrupt".into(), "comfyui_cancel_job".into()],
    ];
    for narrow in narrowed {
        let app = TestApp::with(|config| narrow(&mut config.tools)).await;
        let offered: BTreeSet<String> = names(&app.app.tools()).into_iter().collect();
        assert!(!offered.contains("comfyui_interrupt"), "{offered:?}");
        for path in ["full", "core", "readonly", "core/readonly"] {
            let shown = seen(&app, path);
            assert!(shown.iter().all(|name| offered.contains(name)), "{path}: {shown:?}");
        }
        let run = json!({"name": "comfyui_interrupt", "arguments": {}});
        let compact = app.app.view(ToolFilter::from(Profile::Compact));
        let error = run_in(&app, compact, "comfyui_run_tool", run).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn read_only_wins_over_include_and_profile() {
    let app = TestApp::with(|config| {
        config.tools.read_only = true;
        config.tools.profile = Profile::Core;
        config.tools.include = vec!["comfyui_generate_image".into(), "comfyui_interrupt".into()];
    })
    .await;
    for path in ["full", "core", "readonly", "core/readonly"] {
        let catalogue = app.app.tools_in(ToolFilter::parse(path).unwrap()).unwrap();
        assert!(
            catalogue.iter().len() > 5 && catalogue.iter().all(|tool| tool.hint_set().read_only),
            "{path}"
        );
    }
}

async fn run_in(
    app: &TestApp,
    view: ToolFilter,
    tool: &str,
    args: Value,
) -> Result<Value, comfywarden_error::Error> {
    let context = CallContext { view, ..CallContext::plain(Caller::local()) };
    match bounded(app.app.call(context, tool, object(args))).await? {
        comfywarden::tools::Reply::Done { structured, .. } => Ok(structured),
        other @ comfywarden::tools::Reply::Ask { .. } => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn compact_finds_describes_and_runs_every_tool() {
    let app = TestApp::start().await;
    let view = ToolFilter::from(Profile::Compact);
    let found = run_in(&app, view, "comfyui_list_tools", json!({"limit": 100})).await.unwrap();
    let found: Vec<&str> =
        found["items"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    let all = names(&app.app.tools());
    assert_eq!(found, all);
    for name in &all {
        let shown = run_in(&app, view, "comfyui_describe_tool", json!({"name": name})).await.unwrap();
        let catalogue = app.app.tools();
        let tool = catalogue.get(name).unwrap();
        assert_eq!(shown["annotations"]["readOnlyHint"], tool.hint_set().read_only, "{name}");
        assert_eq!(shown["annotations"]["destructiveHint"], tool.hint_set().destructive, "{name}");
        assert_eq!(shown["class"], tool.class().as_str(), "{name}");
        assert_eq!(
            &shown["input_schema"],
            &Value::Object(tool.contract().schema().as_ref().clone()),
            "{name}"
        );
    }
    let run =
        json!({"name": "comfyui_run_workflow", "arguments": {"workflow": tiny_workflow(), "wait": true}});
    let ran = run_in(&app, view, "comfyui_run_tool", run).await.unwrap();
    assert_eq!(ran["status"], "completed", "{ran}");
    let found = run_in(&app, view, "comfyui_list_tools", json!({"query": "cancel JOB"})).await.unwrap();
    assert!(found["items"].to_string().contains("comfyui_cancel_job"), "{found}");
}

#[tokio::test]
async fn compact_runs_under_the_rules_of_the_tool_it_runs() {
    let app = TestApp::with(|config| config.rate_limits.workflow = 1).await;
    let view = ToolFilter::from(Profile::Compact);
    let interrupt = || json!({"name": "comfyui_interrupt", "arguments": {}});

    run_in(&app, view, "comfyui_run_tool", interrupt()).await.unwrap();
    let limited = run_in(&app, view, "comfyui_run_tool", interrupt()).await.unwrap_err();

    assert_eq!(limited.kind(), Kind::RateLimited);
    let records = app.audit.records();
    assert!(records.iter().all(|record| record["tool"] == "comfyui_interrupt"), "{records:?}");
    assert!(records.iter().all(|record| record.get("class").is_none_or(|class| class == "workflow")));
    let bad = json!({"name": "comfyui_get_job", "arguments": {"prompt_id": 7}});
    let error = run_in(&app, view, "comfyui_run_tool", bad).await.unwrap_err();
    assert!(error.message().contains("prompt_id"), "{error}");
    let reader = Caller::with_classes("reader", [comfywarden::gate::Class::Read]);
    let context = CallContext { view, ..CallContext::plain(reader) };
    let denied = bounded(app.app.call(context, "comfyui_run_tool", object(interrupt()))).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Denied);
}

#[tokio::test]
async fn compact_refuses_what_does_not_fit_as_a_result_and_unknown_tools_with_a_suggestion() {
    let app = TestApp::start().await;
    let view = ToolFilter::from(Profile::Compact);
    for odd in [
        json!({}),
        json!({"name": 1}),
        json!({"name": "x", "arguments": []}),
        json!({"name": "x", "more": 1}),
    ] {
        let error = run_in(&app, view, "comfyui_run_tool", odd.clone()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput, "{odd}: {error}");
    }
    for name in ["comfyui_get_jobb", "comfyui_run_tool"] {
        let error = run_in(&app, view, "comfyui_run_tool", json!({"name": name})).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(
            error.details().get("unknown_tool").is_none(),
            "the called tool exists: a result, no protocol error"
        );
    }
}

async fn client_with(address: String, token: &str) -> Client {
    let config = StreamableHttpClientTransportConfig::with_uri(address).auth_header(token);
    let transport = crate::support::transport(config);
    bounded(Person::silent().serve(transport)).await.unwrap()
}

#[tokio::test]
async fn a_token_names_a_profile_and_neither_address_nor_configuration_is_widened_by_it() {
    let door = door(|config| {
        config.tools.exclude = vec!["comfyui_get_queue".into()];
        config.transport.remote.tokens = vec![
            hashed("the token of the whole", ""),
            hashed("the token of the core", "read+workflow+generation+file+admin+profile:core"),
            hashed("the token of a reader", "profile:readonly"),
            hashed("the token of a finder", "profile:compact"),
        ];
    })
    .await;
    let base = &door.base;
    let whole = listed(&client_with(format!("{base}/mcp"), "the token of the whole").await).await;
    assert_eq!(whole, names(&door.app.app.tools()));
    for (token, path, like) in [
        ("the token of the core", "", "core"),
        ("the token of the core", "/x/full", "core"),
        ("the token of the core", "/x/readonly", "core/readonly"),
        ("the token of a reader", "", "readonly"),
        ("the token of a reader", "/x/core", "core/readonly"),
        ("the token of a finder", "/x/full", "compact"),
    ] {
        let client = client_with(format!("{base}/mcp{path}"), token).await;
        let shown = listed(&client).await;
        assert_eq!(shown, seen(&door.app, like), "{token} at {path}");
        assert!(shown.len() < whole.len() && !shown.contains(&"comfyui_get_queue".to_owned()));
        let outside = whole.iter().find(|name| !shown.contains(name)).unwrap();
        let error = call(&client, outside, json!({})).await.unwrap_err();
        let ServiceError::McpError(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{token} at {path}: {outside}");
    }
    assert!(door.app.sim.journal().is_empty(), "a tool outside the profile reached ComfyUI");
}

#[tokio::test]
async fn a_token_with_a_profile_that_does_not_exist_stops_the_start() {
    let app = TestApp::with(|config| {
        config.transport.remote.tokens = vec![hashed("the token of the core", "read+profile:cor")];
    })
    .await;
    let bound = comfywarden::front::http::HttpServer::bind(app.app.clone(), "127.0.0.1:0".parse().unwrap());
    let error = bounded(bound).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput);
    assert!(error.hint_text().unwrap().contains("profile:readonly"), "{error}");
}

#[tokio::test]
async fn no_address_opens_what_a_compact_configuration_hides() {
    let app = TestApp::with(|config| config.tools.profile = Profile::Compact).await;
    for path in ["full", "core", "readonly", "core/readonly", "compact"] {
        let shown = seen(&app, path);
        assert!(shown.len() <= 6 && shown.contains(&"comfyui_run_tool".to_owned()), "{path}: {shown:?}");
    }
    let door = app.app.view(ToolFilter::parse("full").unwrap());
    let error = run_in(&app, door, "comfyui_interrupt", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
}
