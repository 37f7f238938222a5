//! `convert`, `validate` and `diff` on files, run as a user runs them.

use std::process::Output;

use comfywarden_sim::Sim;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{bounded, tiny_workflow};

async fn run(home: &std::path::Path, url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comfywarden"));
    command.args(arguments).env_clear().env("HOME", home).env("COMFYUI_URL", url).current_dir(home);
    bounded(command.stdin(std::process::Stdio::null()).kill_on_drop(true).output()).await.unwrap()
}

#[tokio::test]
async fn a_workflow_goes_through_all_forms_and_stays_the_same() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    std::fs::write(home.path().join("a.json"), tiny_workflow().to_string()).unwrap();
    for (from, to, out) in
        [("a.json", "ui", "b.json"), ("b.json", "script", "c.txt"), ("c.txt", "api", "d.json")]
    {
        let output = run(home.path(), &sim.url(), &["convert", from, "--to", to, "--out", out]).await;
        assert_eq!(output.status.code(), Some(0), "{from} to {to}: {output:?}");
    }
    let again = run(home.path(), &sim.url(), &["convert", "a.json", "--to", "ui", "--out", "b.json"]).await;
    assert_eq!(again.status.code(), Some(1), "a file that is there is never written over");
    let compared = run(home.path(), &sim.url(), &["diff", "a.json", "d.json", "--format", "json"]).await;
    let found: Value = serde_json::from_slice(&compared.stdout).unwrap();
    // The editor gives every node its title; nothing else may differ.
    let inputs: Vec<&Value> =
        found["changed"].as_array().unwrap().iter().map(|node| &node["inputs"]).collect();
    assert!(inputs.iter().all(|inputs| **inputs == json!([])), "{found}");
    assert_eq!((&found["added"], &found["rewired"]), (&json!([]), &json!([])), "{found}");
    assert!(sim.journal().iter().all(|seen| seen.method == "GET"), "looking at files sends nothing");
}

#[tokio::test]
async fn validate_answers_with_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    let mut broken = tiny_workflow();
    broken["1"]["inputs"]["width"] = json!(0);
    std::fs::write(home.path().join("good.json"), tiny_workflow().to_string()).unwrap();
    std::fs::write(home.path().join("broken.json"), broken.to_string()).unwrap();
    let good = run(home.path(), &sim.url(), &["validate", "good.json"]).await;
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let bad =
        run(home.path(), &sim.url(), &["validate", "--json", "good.json", "broken.json", "none.json"]).await;
    assert_eq!(bad.status.code(), Some(1));
    let reports: Value = serde_json::from_slice(&bad.stdout).unwrap();
    let valid: Vec<&Value> = reports.as_array().unwrap().iter().map(|report| &report["valid"]).collect();
    assert_eq!(valid, [&json!(true), &json!(false), &json!(false)]);
    assert!(reports[1]["problems"].to_string().contains("width"), "{reports}");
}

#[tokio::test]
async fn without_comfyui_the_editors_format_needs_a_saved_catalogue() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = "http://127.0.0.1:9";
    let sim = Sim::instant().start().await.unwrap();
    std::fs::write(home.path().join("a.json"), tiny_workflow().to_string()).unwrap();
    let drawn = run(home.path(), &sim.url(), &["convert", "a.json", "--to", "ui", "--out", "b.json"]).await;
    assert_eq!(drawn.status.code(), Some(0), "{drawn:?}");
    let refused = run(home.path(), nowhere, &["convert", "b.json"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--object-info"), "{refused:?}");
    let catalogue = crate::support::http_client()
        .get(format!("{}/object_info", sim.url()))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    std::fs::write(home.path().join("nodes.json"), catalogue).unwrap();
    let converted = run(home.path(), nowhere, &["convert", "b.json", "--object-info", "nodes.json"]).await;
    let workflow: Value = serde_json::from_slice(&converted.stdout).unwrap();
    assert_eq!(workflow["1"]["class_type"], "EmptyImage");
}

#[tokio::test]
async fn call_ends_with_1_when_its_job_failed() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    let args = json!({"workflow": tiny_workflow(), "wait": true}).to_string();
    let good = run(home.path(), &sim.url(), &["call", "comfyui_run_workflow", &args]).await;
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    sim.faults().out_of_memory("EmptyImage");
    let mut other = tiny_workflow();
    other["1"]["inputs"]["width"] = json!(128);
    let args = json!({"workflow": other, "wait": true}).to_string();
    let bad = run(home.path(), &sim.url(), &["call", "comfyui_run_workflow", &args]).await;
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
}
