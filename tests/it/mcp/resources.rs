//! Resources, prompts and completion over real clients of both eras: all gated, all bounded, none around the profile.

use comfywarden::{
    config::Profile,
    gate::Caller,
    tools::{ToolFilter, resources::Resource},
};
use comfywarden_error::Kind;
use rmcp::{
    ServiceError,
    model::{
        ArgumentInfo, CacheScope, CompleteRequestParams, ErrorCode, GetPromptRequestParams,
        ReadResourceRequestParams, Reference, ResourceContents,
    },
};
use serde_json::{Value, json};

use crate::{
    mcp::protocol::{Client, ERAS, Era, connect},
    support::{TestApp, bounded, object, person::Person, tiny_workflow},
};

async fn read(client: &Client, uri: &str) -> Result<Value, ServiceError> {
    let result = bounded(client.read_resource(ReadResourceRequestParams::new(uri))).await?;
    assert_eq!(result.cache_scope.unwrap_or(CacheScope::Private), CacheScope::Private, "{uri}");
    let ResourceContents::TextResourceContents { text, mime_type, .. } = &result.contents[0] else {
        panic!("{result:?}")
    };
    assert_eq!(mime_type.as_deref(), Some("application/json"));
    Ok(serde_json::from_str(text).unwrap())
}

#[tokio::test]
async fn every_listed_resource_can_be_read_in_both_eras() {
    for era in ERAS {
        let app = TestApp::start().await;
        let client = connect(&app, &Person::silent(), era).await;
        let listed = bounded(client.list_all_resources()).await.unwrap();
        assert!(listed.len() >= 2, "{listed:?}");
        for resource in listed {
            let document = read(&client, &resource.uri).await.unwrap();
            assert!(document.is_object(), "{}", resource.uri);
            assert!(resource.title.is_some() && resource.description.is_some(), "{}", resource.uri);
        }
        let queue = read(&client, "comfyui://queue").await.unwrap();
        assert_eq!(queue, json!({"running": 0, "pending": 0}));
        let models = read(&client, "comfyui://models/checkpoints").await.unwrap();
        assert_eq!(models["folder"], "checkpoints");
        assert_eq!(models["count"].as_u64().unwrap() as usize, models["models"].as_array().unwrap().len());
        let template = read(&client, "comfyui://templates/txt2img").await.unwrap();
        assert!(template.to_string().contains("KSampler"), "{template}");
    }
}

#[tokio::test]
async fn a_job_is_a_resource_and_an_unknown_one_is_an_error() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Discover).await;
    let done = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    let uri = format!("comfyui://jobs/{}", done["prompt_id"].as_str().unwrap());
    assert_eq!(read(&client, &uri).await.unwrap()["status"], "completed");
    for uri in [
        "comfyui://jobs/00000000-0000-4000-8000-000000000000",
        "comfyui://models/..%2f..",
        "comfyui://models/%2e%2e",
        "comfyui://models/no_such_folder",
        "comfyui://nothing",
        "http://127.0.0.1/",
    ] {
        let ServiceError::McpError(error) = read(&client, uri).await.unwrap_err() else { panic!("{uri}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{uri}: {error:?}");
    }
}

#[tokio::test]
async fn a_resource_is_not_a_way_around_the_profile() {
    let app = TestApp::with(|config| {
        config.tools.exclude =
            ["comfyui_get_queue", "comfyui_list_models", "comfyui_get_image", "comfyui_get_job"]
                .map(str::to_owned)
                .to_vec();
    })
    .await;
    let caller = Caller::local();
    for uri in [
        "comfyui://queue",
        "comfyui://models/checkpoints",
        "comfyui://outputs/input/example.png",
        "comfyui://jobs/00000000-0000-4000-8000-000000000000",
    ] {
        let error = bounded(app.app.read(&caller, ToolFilter::default(), uri)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{uri}");
        let error = bounded(app.app.watch(&caller, ToolFilter::default(), uri)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{uri}");
    }
    assert!(app.sim.journal().is_empty());
    let shown = app.app.documents(ToolFilter::from(Profile::Compact)).unwrap();
    assert!(shown.iter().all(|document| document.uri != "comfyui://queue"));
    assert!(
        app.app.documents(ToolFilter::default()).unwrap().len() == shown.len(),
        "compact shows the same documents"
    );
}

#[tokio::test]
async fn resources_prompts_and_completion_take_from_one_bucket_and_leave_records() {
    let app = TestApp::with(|config| config.rate_limits.read_only = 3).await;
    let (caller, view) = (Caller::local(), ToolFilter::default());
    let reference = comfywarden::tools::completion::Reference::Prompt("txt2img_prompt".into());
    bounded(app.app.read(&caller, view, "comfyui://queue")).await.unwrap();
    bounded(app.app.prompt(&caller, view, "txt2img_prompt", object(json!({"prompt": "x"})))).await.unwrap();
    bounded(app.app.complete(&caller, view, &reference, "style", "")).await.unwrap();

    let mut kinds = Vec::new();
    for place in 0..3 {
        let uri = format!("comfyui://models/folder_{place}");
        kinds.push(bounded(app.app.read(&caller, view, &uri)).await.unwrap_err().kind());
    }
    kinds.push(
        bounded(app.app.prompt(&caller, view, "audit_prompt", object(json!({})))).await.unwrap_err().kind(),
    );
    kinds.push(bounded(app.app.complete(&caller, view, &reference, "style", "")).await.unwrap_err().kind());
    kinds.push(bounded(app.app.watch(&caller, view, "comfyui://queue")).await.unwrap_err().kind());

    assert_eq!(kinds, [Kind::RateLimited; 6]);
    for name in ["resources/read", "prompts/get", "completion/complete"] {
        let actions = app.actions(name);
        assert_eq!(&actions[..2], ["called", "completed"], "{name}: {actions:?}");
        assert_eq!(actions.last().unwrap(), "refused", "{name}");
    }
    let nobody = Caller::with_classes("nobody", []);
    let denied = bounded(app.app.read(&nobody, view, "comfyui://queue")).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Denied);
}

#[tokio::test]
async fn a_prompt_leads_to_a_tool_that_is_offered() {
    for era in ERAS {
        let app = TestApp::start().await;
        let client = connect(&app, &Person::silent(), era).await;
        let prompts = bounded(client.list_all_prompts()).await.unwrap();
        let catalogue = app.app.tools();
        assert!(prompts.iter().any(|prompt| prompt.name == "txt2img_prompt"));
        for prompt in &prompts {
            let mut args = json!({});
            for argument in prompt.arguments.iter().flatten() {
                args[&argument.name] = json!("a pear");
            }
            let request = GetPromptRequestParams::new(prompt.name.clone()).with_arguments(object(args));
            let text = bounded(client.get_prompt(request)).await.unwrap();
            let text = serde_json::to_string(&text.messages).unwrap();
            for argument in prompt.arguments.iter().flatten() {
                assert!(text.contains("pear"), "{}.{}", prompt.name, argument.name);
            }
            assert!(
                text.split(|c: char| !c.is_ascii_lowercase() && c != '_')
                    .any(|word| catalogue.get(word).is_some())
            );
        }
        for (name, args) in [
            ("txt2img_prompt", json!({})),
            ("txt2img_prompt", json!({"prompt": "x", "colour": "red"})),
            ("txt2img_prompt", json!({"prompt": "x".repeat(5_000)})),
            ("no_such_prompt", json!({})),
        ] {
            let request = GetPromptRequestParams::new(name).with_arguments(object(args));
            let ServiceError::McpError(error) = bounded(client.get_prompt(request)).await.unwrap_err() else {
                panic!("{name}")
            };
            assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{name}");
        }
    }
}

async fn complete(client: &Client, reference: Reference, argument: &str, typed: &str) -> Vec<String> {
    let request = CompleteRequestParams::new(reference, ArgumentInfo::new(argument, typed));
    bounded(client.complete(request)).await.unwrap().completion.values
}

#[tokio::test]
async fn arguments_are_completed_from_what_is_installed_and_was_made() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Discover).await;
    app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
    let prompt = |name: &str| Reference::for_prompt(name);
    let template = |uri: &str| Reference::for_resource(uri);
    assert!(
        complete(&client, prompt("txt2img_prompt"), "sampler", "eul").await.contains(&"euler".to_owned())
    );
    assert!(
        complete(&client, prompt("txt2img_prompt"), "scheduler", "").await.contains(&"normal".to_owned())
    );
    assert!(!complete(&client, prompt("txt2img_prompt"), "model", "").await.is_empty());
    let templates = complete(&client, prompt("template_prompt"), "template", "txt2").await;
    assert!(templates.contains(&"txt2img".to_owned()), "{templates:?}");
    let folders = complete(&client, template("comfyui://models/{folder}"), "folder", "").await;
    assert_eq!(folders.is_empty(), app.app.tools().get("comfyui_list_model_folders").is_none());
    let made = complete(&client, template("comfyui://outputs/{type}/{+path}"), "path", "tiny").await;
    assert_eq!(made.len(), 1, "{made:?}");
    let uri = format!("comfyui://outputs/output/{}", made[0]);
    let (resource, _) = bounded(app.app.read(&Caller::local(), ToolFilter::default(), &uri)).await.unwrap();
    assert!(matches!(resource, Resource::File(_)), "what is suggested can be read");
    let jobs = complete(&client, template("comfyui://jobs/{prompt_id}"), "prompt_id", "").await;
    assert_eq!(jobs.len(), 1);
    assert!(complete(&client, prompt("txt2img_prompt"), "prompt", "a").await.is_empty());
    let bad = CompleteRequestParams::new(prompt("txt2img_prompt"), ArgumentInfo::new("colour", ""));
    assert!(bounded(client.complete(bad)).await.is_err());
}
