//! Files of two callers at one ComfyUI: neither reads what the other's jobs made, by whatever address.

use comfywarden::{
    comfy::{FileType, PromptId},
    tools::{ToolFilter, assets::AssetId, completion::Reference},
};
use comfywarden_error::Kind;
use comfywarden_policy::path::{OutputName, Subfolder};
use serde_json::{Value, json};

use crate::support::{
    TestApp, bounded,
    callers::{call, caller, reply, two_tokens},
    picture::png,
    tiny_workflow,
};

fn asset(filename: &str, prompt_id: Option<&str>) -> String {
    let id = prompt_id.map(|id| PromptId::parse(id).unwrap());
    let name = OutputName::parse(filename).unwrap();
    AssetId::new(FileType::Output, Subfolder::default(), name, id).to_string()
}

/// Every way to a file in the output folder, and to what is in it.
fn ways(filename: &str, prompt_id: Option<&str>) -> Vec<(&'static str, Value)> {
    let uri = format!("comfyui://outputs/output/{filename}");
    vec![
        ("comfyui_get_image", json!({"filename": filename})),
        ("comfyui_get_image", json!({"filename": filename, "response_format": "url"})),
        ("comfyui_get_workflow_from_image", json!({"filename": filename})),
        ("comfyui_get_asset_metadata", json!({"asset_id": asset(filename, prompt_id)})),
        ("comfyui_regenerate", json!({"asset_id": asset(filename, prompt_id)})),
        ("comfyui_run_workflow", json!({"workflow": uri})),
        ("comfyui_summarize_workflow", json!({"workflow": uri})),
        ("comfyui_transform_image", json!({"image": format!("{filename} [output]"), "prompt": "x"})),
    ]
}

#[tokio::test]
async fn what_a_job_made_is_read_by_its_caller_alone() {
    let app = TestApp::with(two_tokens).await;
    let args = json!({"workflow": tiny_workflow(), "wait": true});
    let done = call(&app, "anna", "comfyui_run_workflow", args).await;
    let (id, file) = (done["prompt_id"].as_str().unwrap(), "tiny_00001_.png");
    assert_eq!(done["outputs"][0]["filename"], file);
    let posts = app.posts().len();
    for prompt_id in [None, Some(id)] {
        for (tool, args) in ways(file, prompt_id) {
            let hidden = reply(&app, "ben", tool, args.clone()).await.unwrap_err();
            assert_eq!(hidden.kind(), Kind::NotFound, "{tool} {args}: {hidden}");
            let (_, absent) = ways("absent_00001_.png", prompt_id)
                .into_iter()
                .find(|(name, with)| {
                    *name == tool && with.as_object().unwrap().keys().eq(args.as_object().unwrap().keys())
                })
                .unwrap();
            let absent = reply(&app, "ben", tool, absent).await.unwrap_err();
            let told = hidden.to_string().replace(file, "X");
            assert_eq!(told, absent.to_string().replace("absent_00001_.png", "X"), "{tool} tells them apart");
        }
    }
    assert_eq!(app.posts().len(), posts, "something of Anna's ran for Ben");
    for (tool, args) in ways(file, Some(id)) {
        assert!(reply(&app, "anna", tool, args.clone()).await.is_ok(), "{tool} {args}");
    }
}

#[tokio::test]
async fn resources_and_completion_tell_each_caller_its_own() {
    let app = TestApp::with(two_tokens).await;
    let args = json!({"workflow": tiny_workflow(), "wait": true});
    call(&app, "anna", "comfyui_run_workflow", args).await;
    let uri = "comfyui://outputs/output/tiny_00001_.png";
    let read = async |who: &str| bounded(app.app.read(&caller(who), ToolFilter::default(), uri)).await;
    assert_eq!(read("ben").await.unwrap_err().kind(), Kind::NotFound);
    assert!(read("anna").await.is_ok());
    let complete = async |who: &str, template: &str, variable: &str| {
        let reference = Reference::Template(template.to_owned());
        let who = caller(who);
        bounded(app.app.complete(&who, ToolFilter::default(), &reference, variable, "")).await.unwrap().values
    };
    for (template, variable) in [
        ("comfyui://outputs/{type}/{+path}", "path"),
        ("comfyui://assets/{asset_id}", "asset_id"),
        ("comfyui://jobs/{prompt_id}", "prompt_id"),
    ] {
        assert_eq!(complete("anna", template, variable).await.len(), 1, "{template}");
        assert_eq!(complete("ben", template, variable).await, Vec::<String>::new(), "{template}");
    }
}

#[tokio::test]
async fn a_file_stays_its_callers_when_comfyui_forgets_its_history() {
    let app = TestApp::with(two_tokens).await;
    let args = json!({"workflow": tiny_workflow(), "wait": true});
    call(&app, "anna", "comfyui_run_workflow", args).await;
    let listed = call(&app, "anna", "comfyui_list_outputs", json!({})).await;
    assert_eq!(listed["total"], 1);
    app.sim.restart();
    let args = json!({"filename": "tiny_00001_.png"});
    assert!(reply(&app, "anna", "comfyui_get_image", args.clone()).await.is_ok());
    assert_eq!(reply(&app, "ben", "comfyui_get_image", args).await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn the_input_folder_is_everybodys_and_a_single_caller_reads_everything() {
    let app = TestApp::with(two_tokens).await;
    app.sim.put_file("input", "", "given.png", png(8, 8));
    let given = json!({"filename": "given.png", "type": "input"});
    assert_eq!(call(&app, "ben", "comfyui_get_image", given).await["width"], 8);
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "old.png", png(8, 8));
    assert_eq!(app.call("comfyui_get_image", json!({"filename": "old.png"})).await["width"], 8);
}
