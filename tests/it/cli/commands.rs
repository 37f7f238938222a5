//! The commands, run as a user runs them: the built program, its output, its exit code.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use comfywarden_sim::{Sim, SimHandle};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Bounds every command; one that takes longer hangs.
const BOUND: Duration = Duration::from_mins(1);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The program in a home of its own, with nothing of the machine's environment.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comfywarden"));
    command.args(arguments).env_clear().env("HOME", home).current_dir(home).kill_on_drop(true);
    command.stdin(Stdio::null());
    command
}

pub(crate) async fn run(home: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(timeout(BOUND, program(home, arguments).output()).await??)
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn sim() -> Result<SimHandle> {
    Ok(Sim::instant().start().await?)
}

#[tokio::test]
async fn version_is_the_one_of_the_package() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["--version"]).await.unwrap();
    assert_eq!(stdout(&output), format!("comfywarden {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn every_command_has_a_help_text() {
    let home = tempfile::tempdir().unwrap();
    for command in [
        "serve",
        "demo",
        "doctor",
        "tools",
        "call",
        "inspect",
        "audit",
        "sim",
        "convert",
        "validate",
        "diff",
        "setup",
        "reference",
    ] {
        let output = run(home.path(), &[command, "--help"]).await.unwrap();
        assert_eq!(code(&output), Some(0), "{command}");
        assert!(stdout(&output).contains("Usage: comfywarden"), "{command}");
    }
}

#[tokio::test]
async fn demo_paints_and_never_overwrites() {
    let home = tempfile::tempdir().unwrap();
    let mine = home.path().join("comfywarden-demo.png");
    std::fs::write(&mine, b"mine").unwrap();

    let output = run(home.path(), &["demo", "a yellow apple"]).await.unwrap();

    assert_eq!(code(&output), Some(0), "{output:?}");
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    let picture = std::fs::read(home.path().join("comfywarden-demo-2.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let told = stdout(&output);
    assert!(told.contains("comfywarden-demo-2.png") && told.contains("simulated"), "{told}");
    let progress = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(progress.contains("100 %"), "{progress}");
    let log = run(home.path(), &["audit", "verify"]).await.unwrap();
    assert_eq!(code(&log), Some(0), "{log:?}");

    // Whoever cuts the log can delete the note of its end as well.
    let file = home.path().join(".comfywarden/audit.jsonl");
    std::fs::remove_file(home.path().join(".comfywarden/audit.jsonl.head")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    for kept in [text.lines().count() - 1, 0] {
        let rest: String = text.split_inclusive('\n').take(kept).collect();
        std::fs::write(&file, rest).unwrap();
        let log = run(home.path(), &["audit", "verify"]).await.unwrap();
        assert_eq!(code(&log), Some(4), "{kept}: {log:?}");
    }
}

#[tokio::test]
async fn demo_uses_the_server_that_is_named() {
    let home = tempfile::tempdir().unwrap();
    let sim = sim().await.unwrap();
    let mut command = program(home.path(), &["demo", "--out", "apple.png"]);
    let output = timeout(BOUND, command.env("COMFYUI_URL", sim.url()).output()).await.unwrap().unwrap();

    assert_eq!(code(&output), Some(0), "{output:?}");
    assert!(!stdout(&output).contains("simulated"), "{output:?}");
    assert_eq!(sim.requests("POST", "/prompt").len(), 1);
    assert!(home.path().join("apple.png").is_file());
}

#[tokio::test]
async fn demo_without_a_server_says_so_and_exits_with_5() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["--comfyui-url", "http://127.0.0.1:9", "demo"]).await.unwrap();
    assert_eq!(code(&output), Some(5), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("comfyui.url"), "{output:?}");
}

#[tokio::test]
async fn call_goes_through_the_gate() {
    let home = tempfile::tempdir().unwrap();
    let sim = sim().await.unwrap();
    let url = sim.url();
    let called = run(home.path(), &["--comfyui-url", &url, "call", "comfyui_get_queue"]).await.unwrap();
    let answer: Value = serde_json::from_slice(&called.stdout).unwrap();
    assert_eq!(answer, json!({ "queue_running": [], "queue_pending": [] }));

    let refused =
        run(home.path(), &["--comfyui-url", &url, "call", "comfyui_get_queue", r#"{"x": 1}"#]).await.unwrap();
    assert_eq!(code(&refused), Some(1));
    let error: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(error["kind"], "invalid_input");

    let tail = stdout(&run(home.path(), &["audit", "tail"]).await.unwrap());
    assert!(tail.contains("comfyui_get_queue called") && tail.contains("refused"), "{tail}");
}

#[tokio::test]
async fn tools_lists_every_tool_with_its_schema() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["tools", "--json"]).await.unwrap();
    let tools: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(tools.len() >= 12);
    assert!(tools.iter().all(|tool| tool["inputSchema"]["type"] == "object" && tool["class"].is_string()));
    assert!(!home.path().join(".comfywarden").exists(), "looking leaves no record");
}

#[tokio::test]
async fn mistakes_in_the_configuration_exit_with_3_and_are_all_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.yaml");
    std::fs::write(&file, "comfyui: {ulr: x, timeout_read: 0}\n").unwrap();
    for command in [vec!["serve"], vec!["doctor"], vec!["call", "comfyui_get_queue"]] {
        let mut arguments = vec!["--config", file.to_str().unwrap()];
        arguments.extend(command);
        let output = run(home.path(), &arguments).await.unwrap();
        let told = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        assert_eq!(code(&output), Some(3), "{told}");
        assert!(
            told.contains("did you mean `comfyui.url`?") && told.contains("between 1 and 86400"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn doctor_says_where_a_mistake_is_mended() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.yaml");
    std::fs::write(&file, "comfyui:\n  url: http://127.0.0.1:9\nsecurity:\n  mode: off\n").unwrap();
    let mut command = program(home.path(), &["--config", file.to_str().unwrap(), "doctor"]);
    command.env("COMFYUI_TIMEOUT_READ", "soon");
    let told = stdout(&timeout(BOUND, command.output()).await.unwrap().unwrap());
    let file = file.display();
    assert!(told.contains("(line 4) must be `audit` or `enforce`, found `off`"), "{told}");
    assert!(told.contains(&format!("fix: edit {file}, line 4")), "{told}");
    assert!(told.contains("fix: change the variable `COMFYUI_TIMEOUT_READ`"), "{told}");
    let output = run(home.path(), &["--config", "nofile.yaml", "doctor"]).await.unwrap();
    assert!(stdout(&output).contains("fix: create nofile.yaml, or name another file"), "{output:?}");
}

#[tokio::test]
async fn healthcheck_tells_a_living_door_from_a_dead_one() {
    let home = tempfile::tempdir().unwrap();
    let alone = run(home.path(), &["healthcheck"]).await.unwrap();
    assert_eq!(code(&alone), Some(4), "without a door nobody can know: {alone:?}");

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let with_door = |arguments: &[&str]| {
        let mut command = program(home.path(), arguments);
        command.env("COMFYWARDEN_TRANSPORT_REMOTE_ENABLED", "true");
        command.env("COMFYWARDEN_TRANSPORT_REMOTE_PORT", free.to_string());
        // A public name alone: the check must still be let in.
        command.env("COMFYWARDEN_TRANSPORT_REMOTE_ALLOWED_HOSTS", "comfy.example.org");
        command
    };
    let dead = timeout(BOUND, with_door(&["healthcheck"]).output()).await.unwrap().unwrap();
    assert_eq!(code(&dead), Some(1), "{dead:?}");

    let mut server = with_door(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let alive = timeout(BOUND, async {
        loop {
            let output = with_door(&["healthcheck"]).output().await.unwrap();
            if code(&output) == Some(0) {
                return output;
            }
        }
    });
    assert!(stdout(&alive.await.unwrap()).contains("answers"));
    let named = run(home.path(), &["healthcheck", "--http", &format!("0.0.0.0:{free}")]).await.unwrap();
    assert_eq!(code(&named), Some(0), "a door that the command line opened: {named:?}");
    server.kill().await.unwrap();
}

#[tokio::test]
async fn wide_bind_without_a_token_does_not_start() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["serve", "--http", "0.0.0.0:0"]).await.unwrap();
    assert_eq!(code(&output), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("transport.remote.tokens"), "{output:?}");
}

#[tokio::test]
async fn doctor_finds_nothing_wrong_with_a_healthy_server() {
    let home = tempfile::tempdir().unwrap();
    let sim = sim().await.unwrap();
    let output = run(home.path(), &["--comfyui-url", &sim.url(), "doctor", "--json"]).await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &report["errors"]), (Some(0), &json!(0)), "{report:#}");
    let checks = report["checks"].as_array().unwrap();
    let line =
        checks.iter().find(|check| check["subject"] == "in force").unwrap()["message"].as_str().unwrap();
    assert!(line.starts_with("security mode audit; profile full, 62 tools; audit log on"), "{line}");
}

#[tokio::test]
async fn doctor_names_a_server_without_models_and_one_that_refuses() {
    let home = tempfile::tempdir().unwrap();
    let empty = Sim::instant().no_models().start().await.unwrap();
    let output = run(home.path(), &["--comfyui-url", &empty.url(), "doctor"]).await.unwrap();
    assert_eq!(code(&output), Some(1));
    assert!(stdout(&output).contains("no checkpoint and no diffusion model is installed"), "{output:?}");

    let guarded = Sim::instant().require_header("X-API-Key", "key").start().await.unwrap();
    let output = run(home.path(), &["--comfyui-url", &guarded.url(), "doctor"]).await.unwrap();
    assert_eq!(code(&output), Some(1));
    assert!(stdout(&output).contains("set `comfyui.auth`"), "{output:?}");
}

#[tokio::test]
async fn serve_speaks_mcp_on_its_pipes_and_ends_with_them() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path(), &["serve"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    input.write_all(format!("{hello}\n").as_bytes()).await.unwrap();

    let line = timeout(BOUND, lines.next_line()).await.unwrap().unwrap().unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answer["result"]["serverInfo"]["name"], "comfywarden");
    drop(input);
    assert!(timeout(BOUND, child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn inspect_names_what_is_dangerous_and_what_is_no_workflow() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("text.json"), "[1, 2]").unwrap();
    let output = run(home.path(), &["inspect", "text.json", "missing.json"]).await.unwrap();
    assert_eq!(code(&output), Some(1));
    assert_eq!(stdout(&output).lines().count(), 2, "{output:?}");
}

#[tokio::test]
async fn help_and_complaints_tell_no_configured_secret() {
    const SECRET: &str = "canary-0123456789abcdef0123456789";
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["doctor"],
        &["call", "comfyui_get_queue"],
        &["serve", "--nonsense"],
    ] {
        let mut command = program(home.path(), arguments);
        command.env("COMFYUI_URL", "http://127.0.0.1:9").env("COMFYUI_AUTH_BEARER", SECRET);
        command.env("COMFYUI_HUGGINGFACE_TOKEN", SECRET).env("COMFYWARDEN_TRANSPORT_REMOTE_TOKENS", SECRET);
        let output = timeout(BOUND, command.output()).await.unwrap().unwrap();
        let said = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        assert!(!said.is_empty() && !said.contains(SECRET), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn inspect_tells_severities_by_exit_code_and_speaks_sarif() {
    let home = tempfile::tempdir().unwrap();
    let node = |class: &str, inputs: &str| {
        format!(r#"{{"1": {{"class_type": "{class}", "inputs": {{{inputs}}}}}}}"#)
    };
    for (name, text, expected) in [
        ("fine.json", node("SaveImage", r#""filename_prefix": "x""#), 0),
        ("warned.json", node("CheckpointLoaderSimple", r#""ckpt_name": "old.ckpt""#), 4),
        ("bad.json", node("Terminal", ""), 1),
    ] {
        std::fs::write(home.path().join(name), text).unwrap();
        let output = run(home.path(), &["inspect", name]).await.unwrap();
        assert_eq!(code(&output), Some(expected), "{name}: {output:?}");
    }
    let output =
        run(home.path(), &["inspect", "--sarif", "fine.json", "warned.json", "bad.json"]).await.unwrap();
    assert_eq!(code(&output), Some(1));
    let log: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let levels: Vec<&Value> =
        log["runs"][0]["results"].as_array().unwrap().iter().map(|result| &result["level"]).collect();
    assert_eq!(levels, ["warning", "error"]);
}

#[cfg(unix)]
#[tokio::test]
async fn one_signal_ends_the_simulated_server() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path(), &["sim", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(BOUND, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line.contains("http://127.0.0.1:"), "{line}");

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    assert!(timeout(BOUND, child.wait()).await.unwrap().unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn one_signal_ends_the_demo_and_its_job() {
    let home = tempfile::tempdir().unwrap();
    let sim = sim().await.unwrap();
    let held = sim.hold("KSampler");
    let mut command = program(home.path(), &["demo"]);
    let mut child =
        command.env("COMFYUI_URL", sim.url()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = timeout(BOUND, progress.next_line()).await.unwrap().unwrap() {
        if line.contains('%') {
            break;
        }
    }

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let status = timeout(BOUND, child.wait()).await.unwrap().unwrap();

    assert_eq!(status.code(), Some(130));
    assert_eq!(sim.requests("POST", "/interrupt").len(), 1);
    drop(held);
}
