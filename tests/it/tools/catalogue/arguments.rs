//! Arguments for the walks over every tool.

use comfywarden::{comfy::FileType, tools::assets::AssetId};
use comfywarden_policy::path::{OutputName, Subfolder};
use serde_json::{Value, json};

use crate::support::tiny_workflow;

/// Arguments that each tool accepts. A tool without an entry here fails the walks.
pub(super) fn good_arguments(tool: &str) -> Value {
    let id = "00000000-0000-4000-8000-000000000000";
    match tool {
        "comfyui_generate_image" => json!({"prompt": "a yellow apple", "wait": true}),
        "comfyui_transform_image" => json!({"image": "example.png", "prompt": "a pear"}),
        "comfyui_inpaint_image" => json!({"image": "example.png", "mask": "example.png", "prompt": "a pear"}),
        "comfyui_upscale_image" => json!({"image": "example.png"}),
        "comfyui_run_workflow" | "comfyui_run_workflow_stream" => json!({"workflow": tiny_workflow()}),
        "comfyui_get_defaults" => json!({"tool": "comfyui_generate_image"}),
        "comfyui_set_defaults" => json!({"tool": "comfyui_generate_image", "defaults": {"batch_size": 1}}),
        "comfyui_get_image" => json!({"filename": "example.png", "type": "input"}),
        "comfyui_upload_image" => json!({"filename": "dot.png", "image_data": PIXEL}),
        "comfyui_upload_mask" => {
            json!({"filename": "mask.png", "mask_data": PIXEL, "original_image": "example.png"})
        }
        "comfyui_list_assets" | "comfyui_list_outputs" => json!({"limit": 5}),
        "comfyui_get_asset_metadata" | "comfyui_regenerate" | "comfyui_publish_asset" => {
            json!({"asset_id": example_asset()})
        }
        "comfyui_get_workflow_from_image" => json!({"filename": "example.png", "type": "input"}),
        "comfyui_get_job" | "comfyui_get_progress" | "comfyui_cancel_job" => json!({"prompt_id": id}),
        "comfyui_cancel_jobs" => json!({"job_ids": [id]}),
        "comfyui_create_workflow" => json!({"template": "txt2img"}),
        "comfyui_modify_workflow" => json!({
            "workflow": tiny_workflow(),
            "operations": [{"op": "set_input", "node_id": "1", "input_name": "width", "value": 128}],
        }),
        "comfyui_convert_workflow" | "comfyui_summarize_workflow" => json!({"workflow": tiny_workflow()}),
        "comfyui_analyze_workflow" | "comfyui_validate_workflow" => json!({"workflow": tiny_workflow()}),
        "comfyui_diff_workflows" => {
            json!({"before": tiny_workflow(), "after": crate::support::sleeping_workflow(3)})
        }
        "comfyui_get_queue"
        | "comfyui_get_queue_status"
        | "comfyui_list_jobs"
        | "comfyui_get_history"
        | "comfyui_diagnose_job" => {
            json!({})
        }
        "comfyui_get_system_info" | "comfyui_interrupt" | "comfyui_clear_queue" | "comfyui_list_models" => {
            json!({})
        }
        "comfyui_search_models" => json!({"query": "detail"}),
        "comfyui_get_node_info" => json!({"node_class": "KSampler"}),
        "comfyui_get_model_metadata" => {
            json!({"folder": "checkpoints", "filename": "sd_xl_base_1.0.safetensors"})
        }
        "comfyui_get_model_preview" => {
            json!({"folder": "loras", "path_index": 0, "filename": "add_detail.safetensors"})
        }
        "comfyui_get_model_presets" | "comfyui_get_prompting_guide" => json!({"model_family": "sdxl"}),
        "comfyui_update_settings" => json!({"settings": {"Comfy.PreviewFormat": "webp;90"}}),
        "comfyui_get_subgraph" => json!({"subgraph_id": "0123abcd"}),
        "comfyui_list_nodes"
        | "comfyui_audit_dangerous_nodes"
        | "comfyui_get_settings"
        | "comfyui_list_model_folders"
        | "comfyui_list_models_detailed"
        | "comfyui_list_workflows"
        | "comfyui_list_subgraphs"
        | "comfyui_list_extensions"
        | "comfyui_get_server_features" => json!({}),
        "comfyui_download_model" => {
            json!({"url": "https://huggingface.co/o/r/resolve/main/a.safetensors", "folder": "loras"})
        }
        "comfyui_cancel_download" => json!({"task_id": "0123"}),
        "comfyui_search_custom_nodes" => json!({"query": "face"}),
        "comfyui_install_custom_node" | "comfyui_uninstall_custom_node" | "comfyui_update_custom_node" => {
            json!({"node_id": "sim-face-tools"})
        }
        "comfyui_get_download_tasks" | "comfyui_get_custom_node_status" => json!({}),
        other => panic!("give good arguments for {other}"),
    }
}

/// The example picture in the input folder, as an asset.
fn example_asset() -> String {
    let (folder, name) = (Subfolder::default(), OutputName::parse("example.png").unwrap());
    AssetId::new(FileType::Input, folder, name, None).to_string()
}

/// A PNG of one transparent pixel.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
