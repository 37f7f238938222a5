//! Models with their metadata and previews, what packs bring, and the server itself.

use comfywarden::tools::{Block, Reply};
use comfywarden_error::Kind;
use serde_json::json;

use crate::support::TestApp;

fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::WebP).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn folders_are_those_that_hold_models() {
    let app = TestApp::start().await;
    let page = app.call("comfyui_list_model_folders", json!({"limit": 100})).await;
    let folders = page["items"].as_array().unwrap();
    assert!(folders.contains(&json!("checkpoints")) && !folders.contains(&json!("custom_nodes")));
    app.sim.faults().answer("/models", 200, "{\"a\": 1}");
    let error = app.refused("comfyui_list_model_folders", json!({})).await;
    assert_eq!(error.kind(), Kind::Upstream);
}

#[tokio::test]
async fn detailed_models_come_in_pages_with_sizes() {
    let app = TestApp::start().await;
    app.sim.set_models("loras", (0..30).map(|n| format!("{n:02}.safetensors")));
    let page =
        app.call("comfyui_list_models_detailed", json!({"folder": "loras", "limit": 20, "offset": 20})).await;
    assert_eq!((&page["folder"], &page["count"], &page["total"]), (&json!("loras"), &json!(10), &json!(30)));
    assert_eq!(
        (&page["models"][0]["name"], &page["models"][0]["pathIndex"]),
        (&json!("20.safetensors"), &json!(0))
    );
    assert!(page["models"][0]["size"].as_u64().unwrap() > 0 && page["has_more"] == false);
    let error = app.refused("comfyui_list_models_detailed", json!({"folder": "lora"})).await;
    assert!(error.kind() == Kind::NotFound && error.message().contains("`loras`"), "{error}");
}

#[tokio::test]
async fn metadata_is_read_from_subfolders_and_cut_where_long() {
    let app = TestApp::start().await;
    let name = "SDXL/my style.safetensors";
    app.sim.set_models("loras", [name, "plain.safetensors"]);
    let metadata = json!({"ss_base_model_version": "sdxl", "ss_tag_frequency": "x".repeat(50_000)});
    app.sim.set_model_metadata("loras", name, metadata);
    let args = |name: &str| json!({"folder": "loras", "filename": name});
    let read = app.call("comfyui_get_model_metadata", args(name)).await;
    assert_eq!(
        (&read["ss_base_model_version"], &read["shortened"]),
        (&json!("sdxl"), &json!(["ss_tag_frequency"]))
    );
    assert!(read.to_string().len() < 8_000);
    let mut one = args(name);
    one["key"] = json!("ss_tag_frequency");
    let one = app.call("comfyui_get_model_metadata", one).await;
    assert!(one["ss_tag_frequency"].as_str().unwrap().len() >= 20_000);
    let none = app.refused("comfyui_get_model_metadata", args("plain.safetensors")).await;
    assert!(none.kind() == Kind::NotFound && none.message().contains("no metadata"), "{none}");
    let unknown = app.refused("comfyui_get_model_metadata", args("my style.safetensors")).await;
    assert!(unknown.hint_text().unwrap().contains(name), "{unknown}");
}

#[tokio::test]
async fn a_preview_travels_as_a_picture_and_its_absence_is_no_error() {
    let app = TestApp::start().await;
    let name = "my folder/a #1 50%.safetensors";
    app.sim.set_models("loras", [name]);
    app.sim.set_model_preview("loras", name, webp(900, 600));
    let args = |name: &str, index: u32| json!({"folder": "loras", "path_index": index, "filename": name});
    let Ok(Reply::Done { structured, blocks }) = app.reply("comfyui_get_model_preview", args(name, 0)).await
    else {
        panic!("no preview");
    };
    assert_eq!((&structured["available"], &structured["width"]), (&json!(true), &json!(900)));
    let [Block::Image { bytes, mime_type }] = blocks.as_slice() else { panic!("{blocks:?}") };
    assert!(bytes.len() <= 75_000 && mime_type.as_str() == structured["mime_type"]);
    let none = app.call("comfyui_get_model_preview", args("other.safetensors", 0)).await;
    assert_eq!(none, json!({"available": false}));
    let beyond = app.refused("comfyui_get_model_preview", args(name, 7)).await;
    assert!(beyond.kind() == Kind::Upstream && beyond.hint_text().unwrap().contains("pathIndex"), "{beyond}");
    app.sim.set_model_preview("loras", "text.safetensors", b"<svg onload=alert(1)>".to_vec());
    let error = app.refused("comfyui_get_model_preview", args("text.safetensors", 0)).await;
    assert_eq!(error.kind(), Kind::Upstream);
    app.sim.set_model_preview("loras", "huge.safetensors", vec![0; 17 << 20]);
    let error = app.refused("comfyui_get_model_preview", args("huge.safetensors", 0)).await;
    assert!(error.kind() == Kind::Upstream && error.message().contains("larger than"), "{error}");
}

#[tokio::test]
async fn templates_of_packs_are_listed_with_their_source() {
    let app = TestApp::start().await;
    let page = app.call("comfyui_list_workflows", json!({})).await;
    let expected = json!({"source": "server", "package": "sim_test_nodes", "templates": ["sim_template"]});
    assert_eq!((&page["items"][0], &page["total"]), (&expected, &json!(1)));
    app.sim.faults().answer("/workflow_templates", 200, "[]");
    assert_eq!(app.refused("comfyui_list_workflows", json!({})).await.kind(), Kind::Upstream);
}

#[tokio::test]
async fn subgraphs_are_listed_and_read_in_parts() {
    let app = TestApp::start().await;
    assert_eq!(app.call("comfyui_list_subgraphs", json!({})).await, json!({"subgraphs": {}, "count": 0}));
    let graph = json!({"nodes": [{"id": 1, "type": "é".repeat(40_000)}]}).to_string();
    let entry = json!({"source": "custom_node", "name": "Two passes", "info": {"node_pack": "a_pack"}, "data": graph});
    app.sim.set_subgraph("0123abcd", entry);
    let listed = app.call("comfyui_list_subgraphs", json!({})).await;
    let described = json!({"name": "Two passes", "source": "custom_node", "info": {"node_pack": "a_pack"}});
    assert_eq!(listed, json!({"subgraphs": {"0123abcd": described}, "count": 1}));
    let mut parts = String::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let part =
            app.call("comfyui_get_subgraph", json!({"subgraph_id": "0123abcd", "offset": offset})).await;
        parts.push_str(part["data"].as_str().unwrap());
        offset = part["next_offset"].clone();
    }
    assert_eq!(parts, graph);
    let none = app.call("comfyui_get_subgraph", json!({"subgraph_id": "nobody"})).await;
    assert_eq!(none, json!({"available": false}));
    app.sim.faults().answer("/global_subgraphs", 200, "[1]");
    let error = app.refused("comfyui_get_subgraph", json!({"subgraph_id": "0123abcd"})).await;
    assert_eq!(error.kind(), Kind::Upstream);
}

#[tokio::test]
async fn features_are_shown_as_they_are_and_scripts_by_page() {
    let app = TestApp::start().await;
    let features = app.call("comfyui_get_server_features", json!({})).await;
    assert_eq!(features["max_upload_size"], 100 << 20, "{features}");
    let page = app.call("comfyui_list_extensions", json!({"limit": 1})).await;
    assert_eq!(
        (&page["items"], &page["has_more"]),
        (&json!(["/extensions/core/groupNode.js"]), &json!(true))
    );
    app.sim.faults().answer("/features", 200, "[]");
    app.sim.faults().fail_requests("/extensions", 10, 500);
    for tool in ["comfyui_get_server_features", "comfyui_list_extensions"] {
        assert_eq!(app.refused(tool, json!({})).await.kind(), Kind::Upstream, "{tool}");
    }
}

#[tokio::test]
async fn presets_follow_the_family_and_the_file_name() {
    let app = TestApp::start().await;
    let preset = async |args| app.call("comfyui_get_model_presets", args).await;
    let xl = preset(json!({"model_name": "SDXL/sd_xl_base_1.0.safetensors"})).await;
    assert_eq!(xl["family"], "sdxl");
    let recommended = &xl["recommended"];
    assert_eq!((&recommended["sampler"], &recommended["scheduler"]), (&json!("dpmpp_2m"), &json!("karras")));
    assert_eq!((&recommended["steps"], &recommended["cfg"]), (&json!(30), &json!(5.5)));
    assert_eq!((&recommended["resolution"], &recommended["clip_skip"]), (&json!("1024x1024"), &json!(1)));
    for (family, id, steps) in [
        ("SD 1.5", "sd15", 28),
        ("stable_diffusion_1.5", "sd15", 28),
        ("stable diffusion xl", "sdxl", 30),
        ("flux.1", "flux", 20),
        ("sd3.5", "sd3", 28),
        ("Stable-Cascade", "cascade", 24),
    ] {
        let found = preset(json!({"model_family": family, "model_name": "dreamshaper_8.safetensors"})).await;
        assert_eq!(
            (&found["family"], &found["recommended"]["steps"]),
            (&json!(id), &json!(steps)),
            "{family}"
        );
    }
    let schnell = preset(json!({"model_family": "flux", "model_name": "flux1-schnell.safetensors"})).await;
    assert_eq!(schnell["recommended"]["steps"], 4);
    let dream = preset(json!({"model_name": "dreamshaper_8.safetensors", "model_family": ""})).await;
    assert_eq!(dream["family"], "sd15");
    let neither = app.refused("comfyui_get_model_presets", json!({})).await;
    assert!(
        neither.kind() == Kind::InvalidInput && neither.hint_text().unwrap().contains("sdxl"),
        "{neither}"
    );
    let unknown = app.refused("comfyui_get_model_presets", json!({"model_name": "foo\u{202e}.pt"})).await;
    assert!(unknown.kind() == Kind::NotFound && !unknown.message().contains('\u{202e}'), "{unknown}");
    assert!(app.sim.journal().is_empty(), "it asked ComfyUI");
}

#[tokio::test]
async fn every_family_has_a_guide_and_an_unknown_one_a_suggestion() {
    let app = TestApp::start().await;
    for family in
        ["sd15", "sdxl", "flux", "sd3", "cascade", "wan", "z-image", "ace-step", "my_flux_v2.safetensors"]
    {
        let guide = app.call("comfyui_get_prompting_guide", json!({"model_family": family})).await;
        let advice = &guide["guide"];
        assert!(advice["prompt_structure"].as_str().unwrap().len() > 40, "{guide}");
        assert!(advice["quality_tags"].is_array() && advice["weight_syntax"].is_string(), "{guide}");
        assert!(advice["negative_prompt_tips"].is_string(), "{guide}");
    }
    let unknown = app.refused("comfyui_get_prompting_guide", json!({"model_family": "sdlx"})).await;
    assert_eq!(unknown.kind(), Kind::InvalidInput);
    assert!(unknown.message().contains("`sdxl`"), "{unknown}");
}
