//! Node classes: lists, entries, and the catalogue they are cut from.

use comfywarden_error::Kind;
use serde_json::{Value, json};

use crate::support::TestApp;

fn asked(app: &TestApp) -> usize {
    app.sim.journal().iter().filter(|request| request.path.starts_with("/object_info")).count()
}

/// A server whose catalogue is `catalogue`.
async fn with_catalogue(catalogue: &Value) -> TestApp {
    let app = TestApp::start().await;
    app.sim.faults().answer("/object_info", 200, &catalogue.to_string());
    app
}

#[tokio::test]
async fn classes_are_listed_in_order_and_asked_for_once() {
    let app = TestApp::start().await;
    let first = app.call("comfyui_list_nodes", json!({"limit": 100})).await;
    let second = app.call("comfyui_list_nodes", json!({"limit": 100, "offset": 100})).await;
    let names: Vec<&str> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|n| n.as_str().unwrap())
        .collect();
    assert!(names.is_sorted() && names.len() == 200, "{names:?}");
    assert!(first["total"].as_u64().unwrap() > 200 && first["has_more"] == true);
    let found = app.call("comfyui_list_nodes", json!({"query": "k sampler"})).await;
    assert!(found["items"].as_array().unwrap().contains(&json!("KSamplerAdvanced")), "{found}");
    assert_eq!(app.call("comfyui_list_nodes", json!({"offset": 900_000})).await["items"], json!([]));
    app.call("comfyui_get_node_info", json!({"node_class": "KSampler"})).await;
    assert_eq!(asked(&app), 1);
}

#[tokio::test]
async fn a_class_shows_its_inputs_and_an_unknown_one_its_neighbours() {
    let app = TestApp::start().await;
    let sampler = app.call("comfyui_get_node_info", json!({"node_class": "KSampler"})).await;
    assert_eq!(sampler["input"]["required"]["steps"][1]["max"], 10_000, "{sampler}");
    assert_eq!((&sampler["name"], &sampler["output"]), (&json!("KSampler"), &json!(["LATENT"])));
    assert!(sampler["input"]["required"]["seed"][1]["max"] == u64::MAX);
    let error = app.refused("comfyui_get_node_info", json!({"node_class": "KSamplr"})).await;
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.hint_text().unwrap().contains("`KSampler`"), "{error}");
    for hostile in ["../object_info", "%2e%2e/%2e%2e", "x\u{1b}[2J\u{202e}", "\u{0}"] {
        let error = app.refused("comfyui_get_node_info", json!({"node_class": hostile})).await;
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
        assert!(!error.message().contains(['\u{1b}', '\u{202e}', '\u{0}']), "{error:?}");
    }
    assert_eq!(asked(&app), 1);
}

#[tokio::test]
async fn odd_class_names_are_found_as_they_are() {
    let odd = ["KSampler (Efficient)", "MathExpression|pysssss", "Text+", "a.b/c d", "数 [x]", "#?;@%2e%2e"];
    let classes: serde_json::Map<String, Value> =
        odd.iter().map(|name| ((*name).to_owned(), json!({"input": {}, "output": ["INT"]}))).collect();
    let app = with_catalogue(&classes.into()).await;
    for name in odd {
        let found = app.call("comfyui_get_node_info", json!({"node_class": name})).await;
        assert_eq!((&found["name"], &found["output"]), (&json!(name), &json!(["INT"])));
    }
}

#[tokio::test]
async fn a_long_list_of_choices_is_cut_and_paged() {
    let app = TestApp::start().await;
    app.sim.set_models(
        "checkpoints",
        (0..3_000).map(|n| format!("folder/checkpoint number {n:04}.safetensors")),
    );
    let args = json!({"node_class": "CheckpointLoaderSimple"});
    let whole = app.call("comfyui_get_node_info", args).await;
    assert!(whole.to_string().len() <= 8_000, "{}", whole.to_string().len());
    assert!(whole["shortened"].to_string().contains("of 3000 choices of `ckpt_name`"), "{whole}");
    let args =
        json!({"node_class": "CheckpointLoaderSimple", "input": "ckpt_name", "limit": 40, "offset": 2_980});
    let page = app.call("comfyui_get_node_info", args).await;
    assert_eq!(page["choices"], json!({"offset": 2_980, "limit": 40, "total": 3_000, "has_more": false}));
    assert_eq!(page["input"]["required"]["ckpt_name"][0][19], "folder/checkpoint number 2999.safetensors");
    let args = json!({"node_class": "CheckpointLoaderSimple", "input": "ckpt"});
    let error = app.refused("comfyui_get_node_info", args).await;
    assert_eq!((error.kind(), error.hint_text()), (Kind::NotFound, Some("did you mean `ckpt_name`?")));
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_the_servers_fault() {
    for broken in ["", "[]", "{\"KSampler\": {\"input\"", "<html>log in</html>", "null"] {
        let app = TestApp::start().await;
        app.sim.faults().answer("/object_info", 200, broken);
        for (tool, args) in
            [("comfyui_list_nodes", json!({})), ("comfyui_get_node_info", json!({"node_class": "KSampler"}))]
        {
            assert_eq!(app.refused(tool, args).await.kind(), Kind::Upstream, "{tool} {broken}");
        }
        app.sim.faults().clear();
        app.call("comfyui_list_nodes", json!({})).await;
    }
    let app = TestApp::start().await;
    app.sim.faults().oversize_answer("/object_info", 70 << 20);
    let error = app.refused("comfyui_list_nodes", json!({})).await;
    assert!(error.kind() == Kind::Upstream && error.message().contains("larger than"), "{error}");
}

#[tokio::test]
async fn hostile_names_of_classes_do_not_flood_or_act() {
    let good = json!({"input": {"required": {}}, "output": []});
    let mut classes: serde_json::Map<String, Value> =
        (0..200).map(|n| (format!("{n}\u{202e}{}", "x".repeat(20_000)), json!(7))).collect();
    classes.insert("Good".to_owned(), good.clone());
    let app = with_catalogue(&classes.into()).await;
    let page = app.call("comfyui_list_nodes", json!({})).await;
    assert!(page.to_string().len() < 8_000 && !page.to_string().contains('\u{202e}'));
    let app = with_catalogue(&json!({"Odd": 7, "Good": good})).await;
    let error = app.refused("comfyui_get_node_info", json!({"node_class": "Odd"})).await;
    assert_eq!(error.kind(), Kind::Upstream);
}

#[tokio::test]
async fn the_catalogue_is_asked_for_again_when_the_socket_closed() {
    let app = TestApp::start().await;
    let run = json!({"workflow": crate::support::tiny_workflow(), "wait": true});
    app.call("comfyui_run_workflow", run.clone()).await;
    app.call("comfyui_list_nodes", json!({})).await;
    assert_eq!(asked(&app), 1);
    app.sim.restart();
    // The client notices the end of the socket by itself; the next run opens another one.
    app.call("comfyui_run_workflow", run).await;
    app.call("comfyui_list_nodes", json!({})).await;
    assert_eq!(asked(&app), 2);
}

#[tokio::test]
async fn the_audit_reads_fresh_data_and_puts_the_worst_first() {
    let app = TestApp::start().await;
    app.call("comfyui_list_nodes", json!({})).await;
    let calm = app.call("comfyui_audit_dangerous_nodes", json!({})).await;
    let class = |module: &str, more: Value| {
        let mut entry = json!({"input": {"required": {}}, "output": [], "python_module": module});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let mut classes: serde_json::Map<String, Value> = (0..200)
        .map(|n| (format!("Paid{n:03}"), class("comfy_api_nodes.nodes_x", json!({"api_node": true}))))
        .collect();
    classes.insert("ZExecCmd".to_owned(), class("custom_nodes.pack", json!({})));
    classes.insert("KSampler".to_owned(), class("nodes", json!({})));
    let note = json!({"input": {"required": {"url": ["STRING", {}]}}});
    classes.insert("Reader".to_owned(), class("custom_nodes.pack", note));
    app.sim.faults().answer("/object_info", 200, &Value::Object(classes).to_string());
    let found = app.call("comfyui_audit_dangerous_nodes", json!({})).await;
    assert!(calm["total_nodes"].as_u64().unwrap() > 200 && found["total_nodes"] == 203);
    assert_eq!((&found["dangerous"]["count"], &found["suspicious"]["count"]), (&json!(201), &json!(1)));
    assert_eq!(found["dangerous"]["nodes"][0]["class"], "ZExecCmd", "{found}");
    assert_eq!(found["dangerous"]["nodes"][1]["reason"], "it calls a paid service");
    assert!(found["dangerous"]["has_more"] == true && found.to_string().len() < 8_000);
    assert_eq!(asked(&app), 3, "the audit must not use what is kept");
    app.sim.faults().answer("/object_info", 200, "{");
    assert_eq!(app.refused("comfyui_audit_dangerous_nodes", json!({})).await.kind(), Kind::Upstream);
}
