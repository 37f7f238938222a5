//! Graphs of two callers at one ComfyUI: a loader node reads the other's files no more than a file tool does.

use comfywarden_error::{Error, Kind};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    callers::{call, reply, two_tokens},
    tiny_workflow,
};

/// A graph that ends in what these nodes load.
fn loading(class: &str, input: &str, value: &Value) -> Value {
    json!({
        "1": {"class_type": class, "inputs": {input: value}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "loaded"}}
    })
}

/// Two callers, and what Anna's job left: a result, and the name of a preview.
async fn annas_files() -> (TestApp, String) {
    let app = TestApp::with(|config| {
        two_tokens(config);
        config.security.mode = comfywarden_policy::settings::Mode::Audit;
    })
    .await;
    let mut graph = tiny_workflow();
    graph["3"] = json!({"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}});
    let done = call(&app, "anna", "comfyui_run_workflow", json!({"workflow": graph, "wait": true})).await;
    let outputs = done["outputs"].as_array().unwrap();
    let preview = outputs.iter().find(|output| output["type"] == "temp").unwrap();
    (app, preview["filename"].as_str().unwrap().to_owned())
}

fn told(error: &Error, name: &str) -> String {
    error.to_string().replace(name, "X")
}

#[tokio::test]
async fn a_graph_reads_only_what_its_callers_jobs_made() {
    let (app, preview) = annas_files().await;
    let own = ["tiny_00001_.png [output]".to_owned(), format!("{preview} [temp]")];
    for name in &own {
        for class in ["LoadImage", "LoadImageOutput"] {
            let args = json!({"workflow": loading(class, "image", &json!(name)), "wait": true});
            let done = call(&app, "anna", "comfyui_run_workflow", args.clone()).await;
            assert_eq!(done["status"], "completed", "{class} {name}: {done}");
            let posts = app.posts().len();
            let hidden = reply(&app, "ben", "comfyui_run_workflow", args).await.unwrap_err();
            assert_eq!(hidden.kind(), Kind::NotFound, "{class} {name}: {hidden}");
            let absent = name.replace("00001", "00009").replace("temp_", "temp_a");
            let args = json!({"workflow": loading(class, "image", &json!(absent))});
            let absent_too = reply(&app, "ben", "comfyui_run_workflow", args).await.unwrap_err();
            let file = |name: &str| name.split(" [").next().unwrap().to_owned();
            assert_eq!(told(&hidden, &file(name)), told(&absent_too, &file(&absent)), "they are told apart");
            assert_eq!(app.posts().len(), posts, "something ran for Ben");
        }
    }
}

#[tokio::test]
async fn no_spelling_and_no_tool_leads_around_it() {
    let (app, _) = annas_files().await;
    let marked = json!("tiny_00001_.png [output]");
    let by_text = loading("LoadImage", "image", &marked);
    let inner = json!({"workflow": by_text.to_string()});
    for workflow in [
        by_text.clone(),
        json!(by_text.to_string()),
        loading("LoadImage", "image", &json!("tiny_00001_.pngZ[output]")),
        loading("LoadImage", "image", &json!("../output/tiny_00001_.png")),
        loading("LoadImage", "image", &json!({"__value__": "tiny_00001_.png [output]"})),
        loading("LoadImageMask", "image", &marked),
        loading("LoadImageOutput", "image", &json!("tiny_00001_.png")),
        loading("SomebodysLoader", "path", &json!("output/tiny_00001_.png")),
        loading("RunsGraphs", "graph", &inner),
        json!({"1": {"class_type": "Preview3D", "inputs": {"model_file": "tiny_00001_.png"}}}),
    ] {
        for tool in ["comfyui_run_workflow", "comfyui_run_workflow_stream"] {
            let refused = reply(&app, "ben", tool, json!({"workflow": workflow})).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::NotFound, "{tool} {workflow}: {refused}");
        }
    }
    app.sim.put_file("input", "", "given.png", crate::support::picture::png(64, 64));
    let given = loading("LoadImage", "image", &json!("given.png"));
    let done = call(&app, "ben", "comfyui_run_workflow", json!({"workflow": given, "wait": true})).await;
    let assets = call(&app, "ben", "comfyui_list_assets", json!({})).await;
    let posts = app.posts().len();
    let asset = &assets["items"][0]["asset_id"];
    assert_eq!(done["status"], "completed", "{done}");
    let again = |image: &str| json!({"asset_id": asset, "overrides": {"1.image": image}});
    let refused =
        reply(&app, "ben", "comfyui_regenerate", again("tiny_00001_.png [output]")).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound, "{refused}");
    for tool in ["comfyui_transform_image", "comfyui_upscale_image"] {
        let mut args = json!({"image": "tiny_00001_.png [output]"});
        if tool == "comfyui_transform_image" {
            args["prompt"] = "x".into();
        }
        let refused = reply(&app, "ben", tool, args).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::NotFound, "{tool}: {refused}");
    }
    assert_eq!(app.posts().len(), posts, "something ran for Ben");
    let own = again("loaded_00001_.png [output]");
    assert!(reply(&app, "ben", "comfyui_regenerate", own).await.is_ok(), "his own result");
}

#[tokio::test]
async fn workflow_tools_and_defaults_are_looked_at_as_they_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let graph = loading("LoadImage", "image", &json!("PARAM_PICTURE"));
    std::fs::write(folder.path().join("again.json"), graph.to_string()).unwrap();
    let dir = folder.path().to_owned();
    let app = TestApp::with(|config| {
        two_tokens(config);
        config.workflows.dir = dir;
    })
    .await;
    app.app.load_workflows(true).await.unwrap();
    let args = json!({"workflow": tiny_workflow(), "wait": true});
    call(&app, "anna", "comfyui_run_workflow", args).await;
    let name = json!({"picture": "tiny_00001_.png [output]", "wait": true});
    assert_eq!(call(&app, "anna", "workflow_again", name.clone()).await["status"], "completed");
    let refused = reply(&app, "ben", "workflow_again", name.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound, "{refused}");
    assert_eq!(refused.details()["field"], "1.image");
    let default = json!({"tool": "workflow_again", "defaults": {"picture": "tiny_00001_.png [output]"}});
    call(&app, "ben", "comfyui_set_defaults", default).await;
    let refused = reply(&app, "ben", "workflow_again", json!({})).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound, "{refused}");
}

#[tokio::test]
async fn a_single_caller_reads_everything() {
    let app = TestApp::start().await;
    app.sim.put_file("output", "", "old.png", crate::support::picture::png(64, 64));
    let workflow = loading("LoadImageOutput", "image", &json!("old.png [output]"));
    let done = app.call("comfyui_run_workflow", json!({"workflow": workflow, "wait": true})).await;
    assert_eq!(done["status"], "completed", "{done}");
}
