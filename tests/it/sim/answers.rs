//! Answers of the simulated server, field by field against those of a real one.
#![expect(clippy::unwrap_used, reason = "a fixture without the expected field is a failed test")]

use comfywarden_sim::SimHandle;
use serde_json::{Value, json};

use super::{
    client::{self, Answer},
    recording::{differences, load, recorded_server},
};

/// Fields in which the simulation differs on purpose.
const ON_PURPOSE: [(&str, &str); 3] = [
    (
        "prompt_loadimage_abs",
        "the simulated server never opens a file of this machine, so the name is invalid",
    ),
    ("get_workflow_templates", "the packs that are installed differ"),
    ("object_info_space", "the test nodes come from another pack"),
];

/// Replays a recorded request.
async fn replay(sim: &SimHandle, recorded: &Value) -> Answer {
    let request = &recorded["request"];
    let text = |key: &str| request[key].as_str();
    let mut builder = client::request(sim, text("method").unwrap(), text("path").unwrap());
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        // The recorded server listened on another port.
        let value = value.as_str().unwrap().replace("127.0.0.1:8188", &sim.address().to_string());
        builder = builder.header(name, value.replace(":8188", &format!(":{}", sim.address().port())));
    }
    if let Some(data) = text("data") {
        builder = builder.body(data.to_owned());
    } else if let Some(json) = request.get("json") {
        builder = builder.json(json);
    }
    client::send(builder).await
}

/// Everything about the answer that differs from the recording.
fn answer_differences(recorded: &Value, answer: &Answer, volatile: &[&str]) -> Vec<String> {
    let mut found = differences(&recorded["status"], &json!(answer.status), &[]);
    for (name, value) in recorded["headers"].as_object().unwrap() {
        let actual = answer.header(name);
        // An empty 404 from the file server calls itself a stream of bytes; nobody looks at that.
        if actual != value.as_str() && value != "application/octet-stream" {
            found.push(format!("{name}: {actual:?}, recorded {value}"));
        }
    }
    if recorded["body"] != "<binary>" {
        found.extend(differences(&recorded["body"], &answer.body(), volatile));
    }
    found
}

async fn assert_same(sim: &SimHandle, names: &[&str], volatile: &[&str]) {
    let mut wrong = Vec::new();
    for name in names {
        let recorded = load("http", name);
        let answer = replay(sim, &recorded).await;
        let found = answer_differences(&recorded, &answer, volatile);
        let on_purpose = ON_PURPOSE.iter().any(|(other, _)| other == name);
        if found.is_empty() == on_purpose {
            wrong.push(format!("{name}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn submitted_prompts_are_accepted_and_refused_as_recorded() {
    let names = [
        "prompt_array",
        "prompt_bad_json",
        "prompt_client_id_and_extra",
        "prompt_cycle",
        "prompt_empty",
        "prompt_extra_unknown_input_ok",
        "prompt_form_ct",
        "prompt_link_bad_shape",
        "prompt_link_int_id",
        "prompt_link_slot_out_of_range",
        "prompt_link_to_missing_node",
        "prompt_link_type_mismatch",
        "prompt_loadimage_abs",
        "prompt_loadimage_missing",
        "prompt_loadimage_traversal",
        "prompt_missing_model",
        "prompt_missing_node_type",
        "prompt_missing_node_type_with_title",
        "prompt_no_class_type",
        "prompt_no_inputs_key",
        "prompt_no_outputs",
        "prompt_no_prompt",
        "prompt_one_output_valid_one_not",
        "prompt_own_prompt_id",
        "prompt_own_prompt_id_duplicate",
        "prompt_partial_targets",
        "prompt_required_input_missing",
        "prompt_saveimage_prefix_pct",
        "prompt_saveimage_prefix_subdir",
        "prompt_saveimage_prefix_traversal",
        "prompt_text_plain",
        "prompt_value_bigger_than_max",
        "prompt_value_not_in_list",
        "prompt_value_numeric_string_ok",
        "prompt_value_smaller_than_min",
        "prompt_value_wrong_type",
    ];
    let sim = recorded_server().start().await.unwrap();
    let own = ["prompt_own_prompt_id", "prompt_own_prompt_id_duplicate", "prompt_partial_targets"];
    let (own, other): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| own.contains(name));

    assert_same(&sim, &other, &["prompt_id", "number"]).await;
    assert_same(&sim, &own, &["number"]).await;
}

#[tokio::test]
async fn an_idle_server_answers_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    let names = [
        "get_api_queue",
        "get_prompt",
        "get_queue",
        "queue_clear",
        "queue_delete_pending",
        "queue_delete_unknown",
        "interrupt_noclient",
        "interrupt_pending_pid",
        "interrupt_wrong_prompt_id",
        "interrupt_global_nobody",
        "job_cancel_many_try",
        "job_cancel_try",
        "job_delete_try",
        "get_history__max_items=x",
        "get_history_nope",
        "history_delete",
        "history_deleted_pending",
        "history_partial-1",
        "api_job_deleted_pending",
        "get_api_jobs__limit=0",
        "get_api_jobs__status=bogus",
        "get_api_jobs_nope",
        "free",
        "free_nobody",
        "get_users",
        "get_extensions",
        "get_features",
        "get_global_subgraphs",
        "get_i18n",
        "get_node_replacements",
        "get_api_node_replacements",
        "get_nosuchroute",
        "get_settings",
        "get_workflow_templates",
        "settings_post",
        "settings_get_id",
        "get_api_internal_logs",
        "ws_plain_get",
    ];
    assert_same(&sim, &names, &[]).await;
}

#[tokio::test]
async fn models_and_classes_are_listed_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    for (folder, file, name) in [
        ("checkpoints", "sd15_tiny_random.safetensors", "view_metadata_ckpt"),
        ("loras", "rig_lora.safetensors", "view_metadata_lora"),
    ] {
        sim.set_model_metadata(folder, file, load("http", name)["body"].clone());
    }
    let names = [
        "api_object_info_KSampler",
        "object_info_CheckpointLoaderSimple",
        "object_info_KSampler",
        "object_info_LoadImage",
        "object_info_space",
        "object_info_unknown",
        "experiment_models_preview",
        "get_embeddings",
        "get_experiment_models_checkpoints",
        "get_models",
        "get_models_checkpoints",
        "get_models_configs",
        "get_models_custom_nodes",
        "get_models_embeddings",
        "get_models_loras",
        "get_models_nosuch",
        "get_models_upscale_models",
        "get_models_vae",
        "view_metadata_badfolder",
        "view_metadata_ckpt",
        "view_metadata_lora",
        "view_metadata_missing",
        "view_metadata_nometa",
        "view_metadata_traversal",
    ];
    assert_same(&sim, &names, &[]).await;
}

#[tokio::test]
async fn system_stats_have_the_recorded_keys() {
    let sim = recorded_server().start().await.unwrap();
    let recorded = load("http", "get_system_stats");

    let answer = replay(&sim, &recorded).await;

    let found = answer_differences(&recorded, &answer, &["system/*", "devices/0/*"]);
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn other_origins_are_turned_away_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    let names = [
        "options_prompt",
        "origin_get_host_evil",
        "origin_get_host_evil_origin_evil",
        "origin_get_localhost",
        "origin_get_none",
        "origin_get_null",
        "origin_get_other",
        "origin_get_otherport",
        "origin_ws_evil_getupgrade",
    ];
    assert_same(&sim, &names, &[]).await;
    // These two were recorded while something ran.
    assert_same(&sim, &["origin_get_noport", "origin_get_same"], &["body", "queue_running", "queue_pending"])
        .await;
}

#[tokio::test]
async fn files_are_shown_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    let picture = sim.file("input", "", "example.png").unwrap();
    for (kind, folder, name) in [
        ("input", "", "up.png"),
        ("input", "", "x [output].png"),
        ("input", "", "mask.png"),
        ("output", "", "t1_00001_.png"),
        ("input", "rig/deep", "up.png"),
        ("temp", "", "up.png"),
    ] {
        sim.put_file(kind, folder, name, picture.clone());
    }
    sim.put_file("input", "", "x.html", b"<script>alert(1)</script>".to_vec());
    sim.put_file("input", "", "evil.py", b"print(1)".to_vec());
    sim.put_file("input", "", "clip.mp4", b"\0\0\0\x18ftypmp42".to_vec());
    // The size of the picture stands in this header.
    let mut bytes = picture;
    bytes.resize(304, 0);
    sim.put_file("output", "", "sized.png", bytes);
    let names = [
        "view_abs",
        "view_abs_subfolder",
        "view_annotated",
        "view_backslash",
        "view_badtype",
        "view_bracket_name",
        "view_channel_a",
        "view_channel_rgb",
        "view_default_type_output",
        "view_head",
        "view_html",
        "view_missing",
        "view_mp4",
        "view_nofilename",
        "view_nul",
        "view_plain",
        "view_preview_bogus",
        "view_preview_jpeg",
        "view_preview_nonimage",
        "view_preview_webp",
        "view_py",
        "view_subfolder",
        "view_temp",
        "view_traversal_enc",
        "view_traversal_filename",
        "view_traversal_subfolder",
    ];
    assert_same(&sim, &names, &[]).await;
    let mut range = load("http", "view_range");
    range["request"]["path"] = "/view?filename=sized.png".into();
    range["headers"]["Content-Disposition"] = "filename=\"sized.png\"".into();
    let answer = replay(&sim, &range).await;
    assert_eq!(answer_differences(&range, &answer, &[]), Vec::<String>::new());
    assert_eq!(answer.bytes.len(), 10);
}

/// Sends the multipart form that was sent when the answer was recorded.
async fn upload(sim: &SimHandle, recorded: &Value) -> Answer {
    let request = &recorded["request"];
    let mut body = Vec::new();
    if let Some(folder) = request["subfolder"].as_str() {
        body.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"subfolder\"\r\n\r\n{folder}\r\n").bytes(),
        );
    }
    let name = request["filename"].as_str().unwrap();
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n");
    body.extend(head.bytes());
    body.extend(b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n");
    let builder = client::request(sim, "POST", "/upload/image")
        .header("Content-Type", "multipart/form-data; boundary=b");
    client::send(builder.body(body)).await
}

#[tokio::test]
async fn uploads_with_odd_names_are_taken_and_refused_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    sim.put_file("input", "rig", "there.png", vec![1]);
    let mut wrong = Vec::new();
    for name in [
        "abs",
        "abs_in_input",
        "backslash",
        "brackets",
        "dot",
        "inside",
        "prefix_sibling",
        "spaces",
        "sub_nested_dotdot",
        "subdir_existing",
        "subdir_new",
        "trav",
        "trav_output",
        "unicode",
    ] {
        let recorded = load("http", &format!("upload_raw_{name}"));
        let found = answer_differences(&recorded, &upload(&sim, &recorded).await, &[]);
        if !found.is_empty() {
            wrong.push(format!("{name}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_same(&sim, &["upload_image_json_body"], &[]).await;
}

#[tokio::test]
async fn the_same_name_with_other_bytes_gets_a_number() {
    let sim = recorded_server().start().await.unwrap();
    let mut names = Vec::new();
    for (bytes, overwrite) in [("a", ""), ("a", ""), ("b", ""), ("b", ""), ("c", "True"), ("d", "true")] {
        let part = reqwest::multipart::Part::text(bytes).file_name("up.png");
        let form = reqwest::multipart::Form::new().part("image", part).text("overwrite", overwrite);
        let answer = client::send(client::request(&sim, "POST", "/upload/image").multipart(form)).await;
        names.push(answer.body()["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(names, ["up.png", "up.png", "up (1).png", "up (1).png", "up (2).png", "up.png"]);
    assert_eq!(sim.file("input", "", "up.png").unwrap(), b"d");
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_with_the_recorded_text() {
    let sim = recorded_server().max_body(1000).start().await.unwrap();

    let answer = client::send(client::request(&sim, "POST", "/prompt").body(vec![b' '; 1001])).await;

    assert_eq!(answer.status, 413);
    assert_eq!(answer.body(), "Maximum request body size 1000 exceeded.");
}
