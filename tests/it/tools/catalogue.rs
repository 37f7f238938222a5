//! Walks over every tool: what the design promises of one holds for all, and for tools not yet written.

use comfywarden::{
    app::CallContext,
    gate::{Caller, Class},
    tools::{Block, Reply},
};
use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object};

mod arguments;

use arguments::{PIXEL, good_arguments};

fn names(app: &TestApp) -> Vec<String> {
    app.app.tools().iter().map(|tool| tool.name().to_owned()).collect()
}

/// Sizes, names and the portable form are checked in `budgets`.
#[tokio::test]
async fn every_tool_is_well_described() {
    let app = TestApp::start().await;
    for tool in app.app.tools().iter() {
        let name = tool.name();
        assert!(!tool.title().is_empty() && tool.title().len() <= 60, "{name}: title");
        let schema = Value::Object(tool.contract().schema().as_ref().clone());
        for combiner in ["anyOf", "oneOf", "allOf"] {
            assert!(schema.get(combiner).is_none(), "{name}: {combiner} at the top of the schema");
        }
        let text = schema.to_string();
        // A parameter may be called `format`; the keyword has a text for its value.
        assert!(!text.contains("\"$schema\"") && !text.contains("\"format\":\""), "{name}: {text}");
        let output = Value::Object(tool.output_schema().as_ref().clone());
        assert_eq!(output["type"], "object", "{name}: output schema");
        assert!(
            !output.to_string().contains("\"null\""),
            "{name}: an optional field is left out, never null"
        );
        for (parameter, spec) in schema["properties"].as_object().unwrap() {
            let described = spec["description"].as_str().unwrap_or_default();
            assert!((1..=120).contains(&described.len()), "{name}.{parameter}: “{described}”");
            assert_bounded(name, parameter, spec);
        }
    }
}

/// Numbers have a range, strings a length or a list, lists a length.
fn assert_bounded(tool: &str, parameter: &str, spec: &Value) {
    let has = |key: &str| spec.get(key).is_some();
    let fine = match spec["type"].as_str() {
        Some("integer" | "number") => has("maximum") && has("minimum"),
        Some("string") => {
            has("maxLength") || has("enum") || parameter == "image_data" || parameter == "mask_data"
        }
        Some("array") => has("maxItems"),
        _ => true,
    };
    assert!(fine, "{tool}.{parameter} has no bounds: {spec}");
}

/// One reviewed file per tool: name, description, schemas and hints are a contract with every client.
#[tokio::test]
async fn the_public_face_of_every_tool_is_reviewed() {
    let app = TestApp::start().await;
    for tool in app.app.tools().iter() {
        let hints = tool.hint_set();
        let face = json!({
            "name": tool.name(),
            "title": tool.title(),
            "description": tool.description(),
            "class": tool.class().as_str(),
            "hints": {
                "read_only": hints.read_only, "destructive": hints.destructive,
                "idempotent": hints.idempotent, "open_world": hints.open_world,
            },
            "always_load": tool.is_always_loaded(),
            "input_schema": tool.contract().schema().as_ref(),
            "output_schema": tool.output_schema().as_ref(),
        });
        insta::with_settings!({ snapshot_path => "../snapshots/tools", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_json_snapshot!(tool.name().to_owned(), face);
        });
    }
}

#[tokio::test]
async fn every_tool_leaves_one_called_and_one_outcome() {
    let app = TestApp::start().await;
    for tool in names(&app) {
        let before = app.audit.records().len();
        app.reply(&tool, good_arguments(&tool)).await.ok();
        let records = app.audit.records();
        let of_call: Vec<&Value> =
            records[before..].iter().filter(|record| record["tool"] == tool.as_str()).collect();
        let count = |wanted: &[&str]| {
            of_call.iter().filter(|record| wanted.contains(&record["action"].as_str().unwrap())).count()
        };
        let actions: Vec<&Value> = of_call.iter().map(|record| &record["action"]).collect();
        assert_eq!(count(&["called"]), 1, "{tool}: {actions:?}");
        let outcomes = of_call.iter().filter(|record| record.get("status").is_some()).count();
        assert_eq!(outcomes, 1, "{tool}: {actions:?}");
        let ids: Vec<&Value> = of_call.iter().map(|record| &record["call_id"]).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1] && !pair[0].is_null()), "{tool}: {ids:?}");
    }
}

#[tokio::test]
async fn an_empty_bucket_refuses_every_tool_before_anything_is_sent() {
    for tool in names(&TestApp::start().await) {
        let app = TestApp::with(|config| {
            let limits = &mut config.rate_limits;
            (limits.generation, limits.workflow, limits.file_ops) = (1, 1, 1);
            (limits.read_only, limits.admin) = (1, 1);
        })
        .await;
        app.reply(&tool, good_arguments(&tool)).await.ok();
        let (sent, logged) = (app.sim.journal().len(), app.audit.records().len());

        let error = app.refused(&tool, good_arguments(&tool)).await;

        assert_eq!(error.kind(), Kind::RateLimited, "{tool}: {error}");
        assert!(error.details()["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{tool}");
        assert_eq!(app.sim.journal().len(), sent, "{tool} reached ComfyUI");
        let actions: Vec<Value> =
            app.audit.records()[logged..].iter().map(|record| record["action"].clone()).collect();
        assert_eq!(actions, ["called", "refused"], "{tool}");
    }
}

#[tokio::test]
async fn a_caller_without_the_class_reaches_nothing() {
    let app = TestApp::start().await;
    let nobody = Caller::with_classes("nobody", []);
    for tool in names(&app) {
        let context = CallContext::plain(nobody.clone());
        let error = bounded(app.app.call(context, &tool, object(good_arguments(&tool)))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{tool}");
    }
    assert!(app.sim.journal().is_empty());
}

#[tokio::test]
async fn classes_are_those_of_the_contract() {
    let app = TestApp::start().await;
    for tool in app.app.tools().iter() {
        let expected = match tool.name() {
            "comfyui_generate_image" | "comfyui_run_workflow" | "comfyui_run_workflow_stream" => {
                Class::Generation
            }
            "comfyui_transform_image" | "comfyui_inpaint_image" | "comfyui_upscale_image" => {
                Class::Generation
            }
            "comfyui_regenerate" => Class::Generation,
            "comfyui_list_outputs" | "comfyui_list_assets" | "comfyui_get_asset_metadata" => Class::File,
            "comfyui_get_workflow_from_image" | "comfyui_publish_asset" | "comfyui_upload_mask" => {
                Class::File
            }
            "comfyui_cancel_job" | "comfyui_cancel_jobs" | "comfyui_clear_queue" | "comfyui_interrupt" => {
                Class::Workflow
            }
            "comfyui_set_defaults" => Class::Workflow,
            "comfyui_update_settings" => Class::Admin,
            "comfyui_get_image" | "comfyui_upload_image" => Class::File,
            "comfyui_download_model" | "comfyui_cancel_download" => Class::File,
            "comfyui_install_custom_node"
            | "comfyui_uninstall_custom_node"
            | "comfyui_update_custom_node" => Class::Admin,
            "comfyui_analyze_workflow"
            | "comfyui_audit_dangerous_nodes"
            | "comfyui_convert_workflow"
            | "comfyui_create_workflow"
            | "comfyui_diagnose_job"
            | "comfyui_diff_workflows"
            | "comfyui_get_custom_node_status"
            | "comfyui_get_defaults"
            | "comfyui_get_download_tasks"
            | "comfyui_get_history"
            | "comfyui_get_job"
            | "comfyui_get_model_metadata"
            | "comfyui_get_model_presets"
            | "comfyui_get_model_preview"
            | "comfyui_get_node_info"
            | "comfyui_get_progress"
            | "comfyui_get_prompting_guide"
            | "comfyui_get_queue"
            | "comfyui_get_queue_status"
            | "comfyui_get_server_features"
            | "comfyui_get_settings"
            | "comfyui_get_subgraph"
            | "comfyui_get_system_info"
            | "comfyui_list_extensions"
            | "comfyui_list_jobs"
            | "comfyui_list_model_folders"
            | "comfyui_list_models"
            | "comfyui_list_models_detailed"
            | "comfyui_list_nodes"
            | "comfyui_list_subgraphs"
            | "comfyui_list_workflows"
            | "comfyui_modify_workflow"
            | "comfyui_search_custom_nodes"
            | "comfyui_search_models"
            | "comfyui_summarize_workflow"
            | "comfyui_validate_workflow" => Class::Read,
            unknown => panic!("{unknown} is not in the list: name its class here, too"),
        };
        assert_eq!(tool.class(), expected, "{}", tool.name());
    }
}

#[tokio::test]
async fn every_bound_of_every_schema_is_enforced() {
    let app = TestApp::start().await;
    let mut broken = 0;
    for tool in app.app.tools().iter() {
        let schema = tool.contract().schema();
        for (parameter, spec) in schema["properties"].as_object().unwrap() {
            for bad in values_outside(spec) {
                let mut args = object(good_arguments(tool.name()));
                args.insert(parameter.clone(), bad.clone());
                let error = app.refused(tool.name(), Value::Object(args)).await;
                assert_eq!(error.kind(), Kind::InvalidInput, "{}.{parameter} = {}", tool.name(), short(&bad));
                assert!(error.message().contains(parameter.as_str()), "{}.{parameter}: {error}", tool.name());
                broken += 1;
            }
        }
        let mut args = object(good_arguments(tool.name()));
        args.insert("no_such_argument".into(), 1.into());
        let error = app.refused(tool.name(), Value::Object(args)).await;
        assert_eq!(error.kind(), Kind::InvalidInput, "{}", tool.name());
        assert!(error.message().contains("no_such_argument"), "{error}");
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let mut args = object(good_arguments(tool.name()));
            args.remove(required.as_str().unwrap());
            let error = app.refused(tool.name(), Value::Object(args)).await;
            assert_eq!(error.kind(), Kind::InvalidInput, "{} without {required}", tool.name());
            assert!(error.message().contains(required.as_str().unwrap()), "{error}");
        }
    }
    assert!(broken > 40, "only {broken} bounds were tried");
    assert!(app.sim.journal().is_empty(), "a refused call reached ComfyUI");
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

/// One value beyond each bound of a property.
fn values_outside(spec: &Value) -> Vec<Value> {
    let mut values = Vec::new();
    match spec["type"].as_str() {
        Some("integer") => {
            values.extend(spec["maximum"].as_u64().and_then(|max| max.checked_add(1)).map(Value::from));
            values.extend(spec["minimum"].as_i64().map(|min| Value::from(min - 1)));
            values.extend([json!(1.5), json!("1"), json!([])]);
        }
        Some("number") => {
            values.extend(spec["maximum"].as_f64().map(|max| Value::from(max + 0.01)));
            values.extend(spec["minimum"].as_f64().map(|min| Value::from(min - 0.01)));
            values.push(json!("1.0"));
        }
        Some("string") => {
            let longest = spec["maxLength"].as_u64().and_then(|max| usize::try_from(max).ok());
            values.extend(longest.map(|max| Value::from("x".repeat(max + 1))));
            if spec["minLength"].as_u64().is_some_and(|min| min > 0) {
                values.push(json!(""));
            }
            if spec.get("enum").is_some() {
                values.push(json!("no such value"));
            }
            values.push(json!(7));
        }
        Some("boolean") => values.extend([json!("yes"), json!(1)]),
        Some("array") => {
            if let Some(max) = spec["maxItems"].as_u64() {
                values.push(json!(vec![json!({"name": "x"}); usize::try_from(max).unwrap() + 1]));
            }
            values.push(json!("x"));
        }
        _ => values.push(json!(7)),
    }
    values
}

#[tokio::test]
async fn every_result_conforms_to_its_output_schema() {
    let app = TestApp::start().await;
    let mut checked = 0;
    for tool in app.app.tools().iter() {
        let Ok(Reply::Done { structured, .. }) = app.reply(tool.name(), good_arguments(tool.name())).await
        else {
            continue;
        };
        let schema = Value::Object(tool.output_schema().as_ref().clone());
        let errors = comfywarden::gate::contract::schema::compile(schema.as_object().unwrap())
            .unwrap()
            .faults(&structured);
        assert!(errors.is_empty(), "{}: {errors:?}\n{structured}", tool.name());
        checked += 1;
    }
    assert!(checked >= 9, "only {checked} tools gave a result");
}

#[tokio::test]
async fn hostile_names_are_refused_before_anything_is_sent() {
    let app = TestApp::start().await;
    for hostile in
        ["../secret.png", "..\\secret.png", "/etc/passwd.png", "a\0.png", "%2e%2e/x.png", "C:\\x.png"]
    {
        for (tool, args) in [
            ("comfyui_get_image", json!({"filename": hostile})),
            ("comfyui_get_image", json!({"filename": "a.png", "subfolder": hostile})),
            ("comfyui_upload_image", json!({"filename": hostile, "image_data": PIXEL})),
            ("comfyui_list_models", json!({"folder": hostile})),
            ("comfyui_list_models_detailed", json!({"folder": hostile})),
            ("comfyui_get_model_metadata", json!({"folder": hostile, "filename": "a.safetensors"})),
            ("comfyui_get_model_metadata", json!({"folder": "loras", "filename": hostile})),
            ("comfyui_get_model_preview", json!({"folder": "loras", "path_index": 0, "filename": hostile})),
            ("comfyui_get_subgraph", json!({"subgraph_id": hostile})),
        ] {
            let error = app.refused(tool, args.clone()).await;
            assert!(matches!(error.kind(), Kind::InvalidInput | Kind::Denied), "{tool} {args}: {error}");
        }
    }
    assert!(app.sim.journal().is_empty(), "a hostile name reached ComfyUI");
}

#[tokio::test]
async fn an_unknown_tool_is_refused_audited_and_named() {
    let app = TestApp::start().await;
    let error = app.refused("comfyui_generate_imagee", json!({})).await;
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.hint_text().unwrap().contains("comfyui_generate_image"), "{error}");
    assert_eq!(app.actions("comfyui_generate_imagee"), ["called", "refused"]);
}

#[tokio::test]
async fn pictures_travel_as_blocks_and_never_as_text() {
    let app = TestApp::start().await;
    let Ok(Reply::Done { structured, blocks }) =
        app.reply("comfyui_get_image", good_arguments("comfyui_get_image")).await
    else {
        panic!("no picture");
    };
    assert!(structured.to_string().len() < 1_000);
    assert!(matches!(blocks.as_slice(), [Block::Link { .. }, Block::Image { .. }]));
}
