//! Twelve kinds of secret in everything that a user types, a file holds or a stranger sends, through the built program:
//! both transports, every command that quotes something, and the diagnostic log at its loudest.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use comfywarden_sim::{Sim, SimHandle};
use reqwest::header;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::{
    security::secrets::{clean, planted},
    support::{bounded, tiny_workflow},
};

const BOUND: Duration = Duration::from_mins(1);

/// A secret that only its place in the configuration gives away: it has no shape.
const SHAPELESS: &str = "plainCanaryWithoutAnyShape";

fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comfywarden"));
    command.args(arguments).env_clear().env("HOME", home).current_dir(home).kill_on_drop(true);
    command.stdin(Stdio::null());
    command
}

async fn said(command: &mut Command) -> String {
    let Output { stdout, stderr, .. } = timeout(BOUND, command.output()).await.unwrap().unwrap();
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
}

#[track_caller]
fn without(text: &str, what: &str) {
    clean(text, what);
    assert!(!text.contains(SHAPELESS), "{what} tells the configured secret: {text}");
}

/// All twelve in one text: starting the program is what takes the time.
fn all() -> String {
    planted().into_iter().map(|(_, text, _)| text).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn commands_tell_no_configured_secret() {
    let home = tempfile::tempdir().unwrap();
    let sim = Sim::instant().start().await.unwrap();
    let config = home.path().join("config.yaml");
    let secrets: Vec<Value> = planted().into_iter().map(|(_, _, secret)| json!(secret)).collect();
    let text = format!(
        "comfyui:\n  auth: {{bearer: {}}}\nmodel_search:\n  huggingface_token: {}\n  civitai_api_key: {SHAPELESS}\n\
         transport:\n  remote:\n    tokens: {}\nlogging:\n  level: trace\n",
        secrets[0],
        secrets[1],
        json!([secrets.as_slice(), &[json!(SHAPELESS)]].concat()),
    );
    std::fs::write(&config, text).unwrap();
    for arguments in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["call", "comfyui_get_queue"],
        &["serve", "--help"],
        &["tools"],
        &["setup", "claude-code", "--dry-run"],
        &["setup", "codex", "--dry-run"],
        &["audit", "tail"],
        &["reference", "configuration"],
        &["healthcheck"],
    ] {
        let mut command = program(home.path(), arguments);
        command.env("COMFYWARDEN_CONFIG", &config).env("COMFYUI_URL", sim.url());
        let text = said(&mut command).await;
        assert!(!text.is_empty(), "{arguments:?}");
        without(&text, &format!("{arguments:?}"));
    }
}

#[tokio::test]
async fn complaints_quote_no_secret_that_stands_in_the_wrong_place() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.yaml");
    let all = all();
    for arguments in [
        &["serve", &all][..],
        &["--comfyui-url", &format!("x {all}"), "doctor"],
        &["call", &all],
        &["call", "comfyui_get_queue", &format!("{{\"a\": \"{all}\"")],
        &[&format!("--{all}")],
    ] {
        let mut command = program(home.path(), arguments);
        command.env("COMFYUI_URL", "http://127.0.0.1:9");
        without(&said(&mut command).await, &arguments.join(" "));
    }
    let mut command = program(home.path(), &["doctor"]);
    command.env("COMFYWARDEN_LIMITS_QUEUE_DEPTH", &all).env("COMFYUI_URL", "http://127.0.0.1:9");
    without(&said(&mut command).await, "a number");
    let quoted = json!(all);
    for wrong in [
        format!(
            "comfyui:\n  auth: {quoted}\ntransport:\n  remote:\n    tokens: {quoted}\nlimits:\n  queue_depth: {quoted}\n"
        ),
        format!("security:\n  mode: {quoted}\n{quoted}: 1\n"),
        format!("comfyui: {quoted}\n"),
        format!("comfyui:\n  url: {quoted}\n"),
        format!("comfyui: [\n{quoted}"),
    ] {
        std::fs::write(&config, &wrong).unwrap();
        let mut command = program(home.path(), &["call", "comfyui_get_queue"]);
        command.env("COMFYWARDEN_CONFIG", &config);
        without(&said(&mut command).await, &wrong);
    }
}

#[tokio::test]
async fn an_inspection_tells_no_secret_of_what_it_inspects() {
    let home = tempfile::tempdir().unwrap();
    let mut nodes = serde_json::Map::new();
    for (n, (_, text, _)) in planted().into_iter().enumerate() {
        let inputs = json!({"note": text, "code": format!("import os; os.system('{text}')"),
            "url": format!("https://example.com/?x={text}"), text.clone(): "x"});
        nodes.insert(format!("a{n}"), json!({"class_type": "SomeUploader", "inputs": inputs}));
        nodes.insert(format!("b{n}"), json!({"class_type": text, "inputs": {}}));
        nodes.insert(
            text.clone(),
            json!({"class_type": "Terminal", "inputs": {"image": format!("../../{text}")}}),
        );
    }
    std::fs::write(home.path().join("good.json"), Value::from(nodes).to_string()).unwrap();
    std::fs::write(home.path().join("bad.json"), format!("{{\"{0}\" {0}", all())).unwrap();
    for form in [&["inspect"][..], &["inspect", "--json"], &["inspect", "--sarif"], &["validate"]] {
        for name in ["good.json", "bad.json"] {
            let text = said(&mut program(home.path(), &[form, &[name]].concat())).await;
            assert!(!text.is_empty(), "{form:?} {name}");
            without(&text, &format!("{form:?} {name}"));
        }
    }
}

/// Messages of strangers and upstream while the log is as loud as it can be.
struct Loud {
    home: tempfile::TempDir,
    sim: SimHandle,
}

impl Loud {
    async fn start() -> Self {
        Self { home: tempfile::tempdir().unwrap(), sim: Sim::instant().start().await.unwrap() }
    }

    fn serve(&self, format: &str, more: &[&str]) -> Command {
        let arguments = [&["serve"], more].concat();
        let mut command = program(self.home.path(), &arguments);
        command.env("COMFYUI_URL", self.sim.url()).env("COMFYUI_AUTH_BEARER", SHAPELESS);
        command.env("COMFYUI_HUGGINGFACE_TOKEN", SHAPELESS);
        command
            .env("COMFYWARDEN_LOGGING_LEVEL", "trace,rmcp=trace")
            .env("COMFYWARDEN_LOGGING_FORMAT", format);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Calls whose arguments and whose answers hold this secret.
    fn calls(&self, text: &str) -> Vec<Value> {
        self.sim.faults().clear();
        self.sim.faults().node_error("EmptyImage", "ValueError", &format!("could not use {text} here"));
        self.sim.faults().answer("/system_stats", 500, &format!("refused: {text}"));
        let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
        vec![
            call("comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})),
            call("comfyui_get_system_info", json!({})),
            call("comfyui_generate_image", json!({"prompt": text, "model": text})),
            call("comfyui_get_job", json!({"prompt_id": text})),
            call(&format!("comfyui {text}"), json!({"x": text})),
        ]
    }

    fn audit(&self) -> String {
        std::fs::read_to_string(self.home.path().join(".comfywarden/audit.jsonl")).unwrap()
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
}

#[tokio::test]
async fn stdio_at_its_loudest_tells_no_secret() {
    for format in ["text", "json"] {
        let loud = Loud::start().await;
        let mut child = loud.serve(format, &[]).spawn().unwrap();
        let (mut input, mut error) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            error.read_to_string(&mut log).await.unwrap();
            log
        });
        let started = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        input.write_all(format!("{}\n{started}\n", initialize()).as_bytes()).await.unwrap();
        timeout(BOUND, lines.next_line()).await.unwrap().unwrap().unwrap();
        let mut id = 0;
        for (kind, text, _) in planted() {
            for params in loud.calls(&text) {
                id += 1;
                let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
                input.write_all(format!("{call}\n").as_bytes()).await.unwrap();
                loop {
                    let line = timeout(BOUND, lines.next_line()).await.unwrap().unwrap().unwrap();
                    without(&line, kind);
                    if serde_json::from_str::<Value>(&line).unwrap()["id"] == id {
                        break;
                    }
                }
            }
        }
        drop(input);
        assert!(timeout(BOUND, child.wait()).await.unwrap().unwrap().success());
        let log = timeout(BOUND, log).await.unwrap().unwrap();
        assert!(log.contains("TRACE"), "the log is loud");
        without(&log, "the diagnostic log");
        without(&loud.audit(), "the audit log");
    }
}

#[tokio::test]
async fn http_at_its_loudest_tells_no_secret() {
    let loud = Loud::start().await;
    let token = "the token of the only caller";
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut command = loud.serve("text", &["--http", &free.to_string()]);
    command.env("COMFYWARDEN_TRANSPORT_REMOTE_TOKENS", token);
    let mut child = command.spawn().unwrap();
    let mut error = child.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut log = Vec::new();
        error.read_to_end(&mut log).await.unwrap();
        String::from_utf8_lossy(&log).into_owned()
    });
    let base = format!("http://{free}");
    let client = crate::support::http_client();
    let post = |path: &str, body: String| {
        let sent = client.post(format!("{base}{path}")).body(body);
        sent.header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
    };
    let up = async { while client.get(format!("{base}/healthz")).send().await.is_err() {} };
    timeout(BOUND, up).await.unwrap();
    let begun = bounded(post("/mcp", initialize().to_string()).bearer_auth(token).send()).await.unwrap();
    let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let started = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    bounded(post("/mcp", started).bearer_auth(token).header("mcp-session-id", &session).send())
        .await
        .unwrap();
    for (kind, text, secret) in planted() {
        let in_url: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let one_line = secret.replace('\n', " ");
        let odd = [
            post("/mcp", text.clone()).bearer_auth(token),
            post("/mcp", initialize().to_string()).bearer_auth(&one_line),
            post(&format!("/mcp?token={in_url}"), text.clone()),
            post(&format!("/mcp/x/{in_url}"), text.clone()).bearer_auth(token),
            post(&format!("/{in_url}"), text.clone()),
            post("/mcp", initialize().to_string()).bearer_auth(token).header("mcp-session-id", &one_line),
            post("/mcp", initialize().to_string()).bearer_auth(token).header("origin", &one_line),
            post("/mcp", initialize().to_string()).bearer_auth(token).header("host", &one_line),
            post("/mcp", initialize().to_string())
                .bearer_auth(token)
                .header("mcp-protocol-version", &one_line),
            post("/mcp", json!({"jsonrpc": "2.0", "id": 1, "method": text}).to_string())
                .bearer_auth(token)
                .header("mcp-session-id", &session),
        ];
        for sent in odd {
            let answer = bounded(sent.send()).await.unwrap();
            let headers = format!("{:?}", answer.headers());
            without(&format!("{headers}{}", bounded(answer.text()).await.unwrap()), kind);
        }
        for params in loud.calls(&text) {
            let call =
                json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string();
            let sent = post("/mcp", call).bearer_auth(token).header("mcp-session-id", &session);
            without(&bounded(bounded(sent.send()).await.unwrap().text()).await.unwrap(), kind);
        }
    }
    child.kill().await.unwrap();
    let log = timeout(BOUND, log).await.unwrap().unwrap();
    assert!(log.contains("TRACE"), "the log is loud");
    without(&log, "the diagnostic log");
    assert!(!log.contains(token), "the diagnostic log tells a client's token");
    without(&loud.audit(), "the audit log");
}
