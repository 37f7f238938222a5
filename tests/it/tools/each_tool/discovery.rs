//! Inventory of the server: models, nodes, packs' workflows, features, and what is known of model families.

use comfywarden::tools::Block;
use comfywarden_error::Kind;
use serde_json::json;

use super::show::{Scene, Show};
use crate::support::{TestApp, picture::png, two_jobs};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_list_models", list_models),
        Scene::new("comfyui_list_models_detailed", list_models_detailed),
        Scene::new("comfyui_list_model_folders", list_model_folders),
        Scene::new("comfyui_get_model_metadata", get_model_metadata),
        Scene::new("comfyui_get_model_preview", get_model_preview),
        Scene::new("comfyui_list_nodes", list_nodes),
        Scene::new("comfyui_get_node_info", get_node_info),
        Scene::new("comfyui_audit_dangerous_nodes", audit_dangerous_nodes),
        Scene::new("comfyui_list_workflows", list_workflows),
        Scene::new("comfyui_list_subgraphs", list_subgraphs),
        Scene::new("comfyui_get_subgraph", get_subgraph),
        Scene::new("comfyui_list_extensions", list_extensions),
        Scene::new("comfyui_get_server_features", get_server_features),
        Scene::new("comfyui_get_system_info", get_system_info),
        Scene::new("comfyui_get_model_presets", get_model_presets),
        Scene::new("comfyui_get_prompting_guide", get_prompting_guide),
    ]
}

async fn list_models(show: Show) {
    let app = TestApp::start().await;
    app.sim.set_models("loras", ["a.safetensors", "b.safetensors", "c.safetensors"]);
    let means = [("/items", json!(["b.safetensors"])), ("/total", json!(3)), ("/has_more", json!(true))];
    show.success(&app, json!({"folder": "loras", "limit": 1, "offset": 1}), &means).await;
    let args = json!({"folder": "lora"});
    let says = ["no model folder `lora`", "`loras`"];
    show.failure(&app, args, Kind::NotFound, &says, &["comfyui_list_model_folders"]).await;
}

async fn list_models_detailed(show: Show) {
    let app = TestApp::start().await;
    app.sim.set_models("loras", ["a.safetensors", "b.safetensors"]);
    let means =
        [("/folder", json!("loras")), ("/count", json!(2)), ("/models/1/name", json!("b.safetensors"))];
    let page = show.success(&app, json!({"folder": "loras"}), &means).await;
    assert!(page["models"][0]["size"].as_u64().is_some_and(|size| size > 0), "{page}");
    let args = json!({"folder": "nowhere"});
    show.failure(&app, args, Kind::NotFound, &["`nowhere`"], &["comfyui_list_model_folders"]).await;
}

async fn list_model_folders(show: Show) {
    let app = TestApp::start().await;
    let page = show.success(&app, json!({"limit": 100}), &[("/has_more", json!(false))]).await;
    let folders = page["items"].as_array().unwrap();
    assert!(folders.contains(&json!("checkpoints")) && folders.contains(&json!("vae")), "{page}");
    app.sim.faults().answer("/models", 200, "{\"a\": 1}");
    show.failure(&app, json!({}), Kind::Upstream, &["model"], &["comfyui.url"]).await;
}

async fn get_model_metadata(show: Show) {
    let app = TestApp::start().await;
    app.sim.set_models("loras", ["SDXL/style.safetensors"]);
    let metadata = json!({"ss_base_model_version": "sdxl", "modelspec.title": "Style"});
    app.sim.set_model_metadata("loras", "SDXL/style.safetensors", metadata);
    let args = json!({"folder": "loras", "filename": "SDXL/style.safetensors"});
    let means = [("/ss_base_model_version", json!("sdxl")), ("/modelspec.title", json!("Style"))];
    show.success(&app, args, &means).await;
    let args = json!({"folder": "loras", "filename": "SDXL/stile.safetensors"});
    let says = ["no model `SDXL/stile.safetensors` in `loras`"];
    show.failure(&app, args, Kind::NotFound, &says, &["SDXL/style.safetensors"]).await;
}

async fn get_model_preview(show: Show) {
    let app = TestApp::start().await;
    app.sim.set_models("loras", ["a.safetensors"]);
    app.sim.set_model_preview("loras", "a.safetensors", png(90, 60));
    let args = |index: u32| json!({"folder": "loras", "path_index": index, "filename": "a.safetensors"});
    let means = [("/available", json!(true)), ("/width", json!(90)), ("/height", json!(60))];
    let (_, blocks) = show.picture(&app, args(0), &means).await;
    assert!(matches!(blocks.as_slice(), [Block::Image { .. }]), "{blocks:?}");
    show.failure(&app, args(7), Kind::Upstream, &["500"], &["`path_index` 7", "pathIndex"]).await;
}

async fn list_nodes(show: Show) {
    let app = TestApp::start().await;
    let page = show.success(&app, json!({"query": "k sampler"}), &[("/offset", json!(0))]).await;
    let found = page["items"].as_array().unwrap();
    assert!(found.contains(&json!("KSamplerAdvanced")) && !found.contains(&json!("SaveImage")), "{page}");
    let app = TestApp::start().await;
    app.sim.faults().answer("/object_info", 200, "<html>log in</html>");
    show.failure(&app, json!({}), Kind::Upstream, &["object_info"], &["comfyui.url", "login page"]).await;
}

async fn get_node_info(show: Show) {
    let app = TestApp::start().await;
    let means = [
        ("/name", json!("KSampler")),
        ("/output", json!(["LATENT"])),
        ("/input/required/steps/1/max", json!(10_000)),
    ];
    show.success(&app, json!({"node_class": "KSampler"}), &means).await;
    let args = json!({"node_class": "KSamplr"});
    show.failure(&app, args, Kind::NotFound, &["`KSamplr`"], &["`KSampler`"]).await;
}

async fn audit_dangerous_nodes(show: Show) {
    let app = TestApp::start().await;
    let catalogue = json!({
        "RunShellCommand": {"name": "RunShellCommand", "input": {"required": {"command": ["STRING", {}]}},
            "output": [], "python_module": "custom_nodes.x"},
        "SaveImage": {"name": "SaveImage", "output_node": true, "python_module": "nodes", "input": {}, "output": []},
    });
    app.sim.faults().answer("/object_info", 200, &catalogue.to_string());
    let means = [
        ("/total_nodes", json!(2)),
        ("/dangerous/count", json!(1)),
        ("/dangerous/nodes/0/class", json!("RunShellCommand")),
    ];
    let told = show.success(&app, json!({}), &means).await;
    assert!(told["dangerous"]["nodes"][0]["reason"].as_str().is_some_and(|why| !why.is_empty()), "{told}");
    app.sim.faults().clear();
    app.sim.faults().fail_requests("/object_info", 10, 500);
    show.failure(&app, json!({}), Kind::Upstream, &["500", "object_info"], &["log"]).await;
}

async fn list_workflows(show: Show) {
    let app = TestApp::start().await;
    let means = [
        ("/items/0/source", json!("server")),
        ("/items/0/package", json!("sim_test_nodes")),
        ("/items/0/templates", json!(["sim_template"])),
    ];
    show.success(&app, json!({}), &means).await;
    app.sim.faults().answer("/workflow_templates", 200, "[]");
    show.failure(&app, json!({}), Kind::Upstream, &["workflow_templates"], &["comfyui.url"]).await;
}

fn with_subgraph(app: &TestApp) {
    let entry = json!({"source": "custom_node", "name": "Two passes", "info": {"node_pack": "a_pack"},
        "data": "{\"nodes\":[]}"});
    app.sim.set_subgraph("0123abcd", entry);
}

async fn list_subgraphs(show: Show) {
    let app = TestApp::start().await;
    with_subgraph(&app);
    let means = [("/count", json!(1)), ("/subgraphs/0123abcd/name", json!("Two passes"))];
    show.success(&app, json!({}), &means).await;
    app.sim.faults().answer("/global_subgraphs", 200, "[1]");
    show.failure(&app, json!({}), Kind::Upstream, &["global_subgraphs"], &["comfyui.url"]).await;
}

async fn get_subgraph(show: Show) {
    let app = TestApp::start().await;
    with_subgraph(&app);
    let means = [("/available", json!(true)), ("/data", json!("{\"nodes\":[]}"))];
    show.success(&app, json!({"subgraph_id": "0123abcd"}), &means).await;
    app.sim.faults().fail_requests("/global_subgraphs", 10, 500);
    let args = json!({"subgraph_id": "0123abcd"});
    show.failure(&app, args, Kind::Upstream, &["500", "global_subgraphs"], &["log"]).await;
}

async fn list_extensions(show: Show) {
    let app = TestApp::start().await;
    let means = [("/items", json!(["/extensions/core/groupNode.js"])), ("/has_more", json!(true))];
    show.success(&app, json!({"limit": 1}), &means).await;
    app.sim.faults().fail_requests("/extensions", 10, 500);
    show.failure(&app, json!({}), Kind::Upstream, &["500", "extensions"], &["log"]).await;
}

async fn get_server_features(show: Show) {
    let app = TestApp::start().await;
    show.success(&app, json!({}), &[("/max_upload_size", json!(100 << 20))]).await;
    app.sim.faults().answer("/features", 200, "[]");
    show.failure(&app, json!({}), Kind::Upstream, &["features"], &["comfyui.url"]).await;
}

async fn get_system_info(show: Show) {
    let app = TestApp::start().await;
    let (_, _, held) = two_jobs(&app).await;
    let means = [("/queue", json!({"running": 1, "pending": 1}))];
    let told = show.success(&app, json!({}), &means).await;
    assert!(told["devices"][0]["vram_total_mb"].is_u64() && told["comfyui_version"].is_string(), "{told}");
    held.release();
    app.sim.faults().down(true);
    show.failure(&app, json!({}), Kind::Unavailable, &["ComfyUI"], &["comfyui.url"]).await;
}

async fn get_model_presets(show: Show) {
    let app = TestApp::start().await;
    let means = [
        ("/family", json!("sdxl")),
        ("/recommended/sampler", json!("dpmpp_2m")),
        ("/recommended/resolution", json!("1024x1024")),
    ];
    show.success(&app, json!({"model_name": "SDXL/sd_xl_base_1.0.safetensors"}), &means).await;
    let args = json!({"model_name": "foo.pt"});
    show.failure(&app, args, Kind::NotFound, &["`foo.pt`"], &["model_family", "sdxl"]).await;
}

async fn get_prompting_guide(show: Show) {
    let app = TestApp::start().await;
    let guide = show.success(&app, json!({"model_family": "flux"}), &[("/family", json!("flux"))]).await;
    assert!(guide["guide"]["prompt_structure"].as_str().is_some_and(|text| text.len() > 40), "{guide}");
    let args = json!({"model_family": "sdlx"});
    show.failure(&app, args, Kind::InvalidInput, &["sdlx", "`sdxl`"], &["flux"]).await;
}
