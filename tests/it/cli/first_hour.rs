//! What a newcomer meets in the first hour: exit codes, near names, files that are written, notes of the doctor.

use comfywarden_sim::Sim;
use serde_json::{Value, json};

use super::commands::run;

fn told(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn port_in_use_is_a_failure_and_not_a_missing_comfyui() {
    let home = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(home.path(), &["serve", "--http", &address]).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(told(&output).contains("cannot listen on"), "{output:?}");
    let output = run(home.path(), &["--comfyui-url", "http://127.0.0.1:9", "call", "comfyui_get_queue"])
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

#[tokio::test]
async fn bare_port_is_answered_with_the_form() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["serve", "--http", "8290"]).await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(told(&output).contains("such as 127.0.0.1:8290"), "{output:?}");
}

#[tokio::test]
async fn tools_are_grouped_and_one_is_shown_by_its_short_name() {
    let home = tempfile::tempdir().unwrap();
    let list = told(&run(home.path(), &["tools"]).await.unwrap());
    assert!(
        list.starts_with("Make pictures, video and sound (generation)\n  comfyui_generate_image "),
        "{list}"
    );
    let one = run(home.path(), &["tools", "generate_image"]).await.unwrap();
    let text = told(&one);
    assert!(text.starts_with("comfyui_generate_image (generation)\n"), "{text}");
    assert!(text.contains("\n  prompt (required): text"), "{text}");
    let wrong = run(home.path(), &["tools", "generate_imag"]).await.unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(told(&wrong).contains("did you mean `comfyui_generate_image`?"), "{wrong:?}");
}

#[tokio::test]
async fn call_knows_names_without_their_prefix() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["call", "generate_image"]).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("did you mean `comfyui_generate_image`"), "{output:?}");
}

#[tokio::test]
async fn call_writes_whole_files_under_their_names_into_a_new_folder() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    let arguments = json!({"prompt": "a boat", "width": 640, "height": 640, "wait": true}).to_string();
    let call =
        ["--comfyui-url", &sim.url(), "call", "comfyui_generate_image", &arguments, "--out", "new/pictures"];
    for count in 1..=2 {
        let output = run(home.path(), &call).await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let name = answer["outputs"][0]["filename"].as_str().unwrap();
        let written = std::fs::read(home.path().join("new/pictures").join(name)).unwrap();
        let size = image::load_from_memory(&written).unwrap();
        assert_eq!((size.width(), size.height()), (640, 640), "the whole file, not its preview");
        assert_eq!(std::fs::read_dir(home.path().join("new/pictures")).unwrap().count(), count);
    }
}

#[tokio::test]
async fn demo_tries_its_folder_before_it_generates() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    let demo = ["--comfyui-url", &sim.url(), "demo", "--out", "missing/apple.png"];
    let output = run(home.path(), &demo).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(told(&output).contains("its folder does not exist"), "{output:?}");
    assert!(sim.journal().is_empty());
}

#[tokio::test]
async fn demo_tells_the_truth_about_records_and_fits_80_columns() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["demo"]).await.unwrap();
    let text = told(&output);
    assert!(text.contains("checked and recorded") && text.contains("a simulated ComfyUI ran"), "{text}");
    assert!(text.contains("setup claude-code"), "{text}");
    let prose = text.lines().filter(|line| !line.contains('/'));
    assert_eq!(prose.filter(|line| line.chars().count() > 80).collect::<Vec<_>>(), [""; 0]);

    std::fs::remove_dir_all(home.path().join(".comfywarden")).unwrap();
    std::fs::write(home.path().join(".comfywarden"), "a file in the way of the log's folder").unwrap();
    let output = run(home.path(), &["demo"]).await.unwrap();
    let text = told(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("not recorded") && !text.contains("checked and recorded"), "{text}");
}

#[tokio::test]
async fn doctor_calls_the_simulator_a_simulator() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    let output = run(home.path(), &["--comfyui-url", &sim.url(), "doctor"]).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(told(&output).contains("note     comfyui: a simulated ComfyUI answers"), "{output:?}");
}
