//! A question that nobody can answer any more: its call is answered where somebody can still read that, and the log
//! tells its end.

use std::process::Stdio;

use comfywarden::front::serve_stream;
use rmcp::{
    ServiceExt,
    model::{
        CallToolRequest, CallToolRequestParams, CancelTaskParams, ClientRequest, GetTaskParams, TaskStatus,
    },
    service::PeerRequestOptions,
    transport::streamable_http_client::StreamableHttpClientTransportConfig,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines},
    process::Command,
};
use tokio_util::sync::CancellationToken;

use crate::{
    http::access::{Door, door},
    mcp::protocol::{Era, connect},
    support::{
        TestApp, bounded, object,
        person::{Answer, Person},
    },
};

const TOOL: &str = "comfyui_run_workflow";

/// A workflow that has to be asked about.
fn dangerous() -> Value {
    json!({"workflow": {"1": {"class_type": "ExecutePython", "inputs": {"code": "import os"}}}, "wait": true})
}

fn call() -> CallToolRequestParams {
    CallToolRequestParams::new(TOOL).with_arguments(object(dangerous()))
}

/// A client of the older era whose user looks at the question.
struct Asked<R, W> {
    answers: Lines<BufReader<R>>,
    out: W,
    question: Value,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Asked<R, W> {
    async fn over(reader: R, out: W) -> Self {
        let mut asked = Self { answers: BufReader::new(reader).lines(), out, question: Value::Null };
        asked
            .say(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}},
                "clientInfo": {"name": "t", "version": "1"}}}))
            .await;
        asked.hear().await.unwrap();
        asked.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        asked
            .say(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                "params": {"name": TOOL, "arguments": dangerous()}}))
            .await;
        let question = asked.hear().await.unwrap();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        asked.question = question["id"].clone();
        asked
    }

    async fn say(&mut self, message: &Value) {
        bounded(self.out.write_all(format!("{message}\n").as_bytes())).await.unwrap();
        self.out.flush().await.unwrap();
    }

    /// The next message; none at the end.
    async fn hear(&mut self) -> Option<Value> {
        let line = bounded(self.answers.next_line()).await.unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }
}

/// The answer to the call says that it was cancelled, as any tool's error does.
fn tells_of_the_end(answer: Option<&Value>) {
    let Some(answer) = answer else { panic!("the call got no answer") };
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(2), &json!(true)), "{answer}");
    let error: Value =
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert!(error["message"].as_str().unwrap().contains("the call was cancelled"), "{error}");
    assert_eq!((&error["kind"], error["hint"].is_string()), (&json!("conflict"), true), "{error}");
}

/// The records of the one call, once it has an end; all of them have its id.
async fn end_of(app: &TestApp) {
    let ended = |records: &[Value]| {
        let last = records.iter().rfind(|record| record["tool"] == TOOL);
        last.is_some_and(|record| record["action"] != "eliciting_confirmation")
    };
    bounded(app.audit.wait_until(ended)).await;
    whole(&app.audit.records());
}

fn whole(records: &[Value]) {
    let of_call: Vec<&Value> = records.iter().filter(|record| record["tool"] == TOOL).collect();
    let actions = of_call.iter().filter_map(|record| record["action"].as_str());
    let actions: Vec<&str> = actions.filter(|action| *action != "inspected").collect();
    assert_eq!(actions, ["called", "eliciting_confirmation", "cancelled"]);
    assert!(of_call.iter().all(|record| record["call_id"] == of_call[0]["call_id"]), "{of_call:?}");
    assert_eq!(of_call.last().unwrap()["status"], "cancelled");
}

#[tokio::test]
async fn a_client_that_has_sent_everything_reads_how_its_call_ended() {
    let app = TestApp::start().await;
    let (reader, out) = tokio::io::split(app.pipe());
    let mut asked = Asked::over(reader, out).await;
    asked.out.shutdown().await.unwrap();
    tells_of_the_end(asked.hear().await.as_ref());
    assert_eq!(asked.hear().await, None);
    end_of(&app).await;
}

#[tokio::test]
async fn a_stop_answers_the_call_whose_question_is_open() {
    let app = TestApp::start().await;
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (input, output) = tokio::io::split(ours);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve_stream(app.app.clone(), input, output, stop.clone()));
    let (reader, out) = tokio::io::split(theirs);
    let mut asked = Asked::over(reader, out).await;
    stop.cancel();
    tells_of_the_end(asked.hear().await.as_ref());
    bounded(serving).await.unwrap().unwrap();
    whole(&app.audit.records());
}

#[tokio::test]
async fn a_call_that_is_cancelled_with_its_question_open_ends_in_the_log_and_gets_no_answer() {
    let app = TestApp::start().await;
    let (reader, out) = tokio::io::split(app.pipe());
    let mut asked = Asked::over(reader, out).await;
    asked
        .say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}))
        .await;
    end_of(&app).await;
    let withdrawn = asked.hear().await.unwrap();
    assert_eq!(withdrawn["method"], "notifications/cancelled", "{withdrawn}");
    assert_eq!(withdrawn["params"]["requestId"], asked.question, "a yes to it would do nothing");
    asked.say(&json!({"jsonrpc": "2.0", "id": 3, "method": "ping"})).await;
    assert_eq!(asked.hear().await.unwrap()["id"], 3);
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_answers_and_logs_before_it_ends() {
    let sim = comfywarden_sim::Sim::instant().start().await.unwrap();
    for signal in [None, Some("-TERM"), Some("-INT")] {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("audit.jsonl");
        let mut child = Command::new(env!("CARGO_BIN_EXE_comfywarden"))
            .arg("serve")
            .env_clear()
            .env("HOME", home.path())
            .env("COMFYUI_URL", sim.url())
            .env("COMFYWARDEN_LOGGING_AUDIT_FILE", &log)
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let asked = Asked::over(child.stdout.take().unwrap(), child.stdin.take().unwrap()).await;
        let Asked { mut answers, out, .. } = asked;
        let kept = match signal {
            None => {
                drop(out);
                None
            }
            Some(signal) => {
                let pid = child.id().unwrap().to_string();
                assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
                Some(out)
            }
        };
        let line = bounded(answers.next_line()).await.unwrap();
        tells_of_the_end(line.map(|line| serde_json::from_str(&line).unwrap()).as_ref());
        assert!(bounded(child.wait()).await.unwrap().success(), "{signal:?}");
        drop(kept);
        let text = std::fs::read_to_string(&log).unwrap();
        let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        whole(&records);
    }
}

async fn over_http(base: &str, person: &Person) -> rmcp::service::RunningService<rmcp::RoleClient, Person> {
    let transport =
        crate::support::transport(StreamableHttpClientTransportConfig::with_uri(format!("{base}/mcp")));
    bounded(person.clone().serve(transport)).await.unwrap()
}

async fn until_asked(person: &Person) {
    bounded(person.asked()).await;
}

#[tokio::test]
async fn a_stop_over_http_answers_the_call_whose_question_is_open() {
    let Door { app, base, stop, serving, .. } = door(|_| {}).await;
    let person = Person::who(Answer::Never);
    let client = over_http(&base, &person).await;
    let peer = client.peer().clone();
    let running = tokio::spawn(async move { peer.call_tool_once(call()).await });
    until_asked(&person).await;
    stop.cancel();
    bounded(serving).await.unwrap().unwrap();
    whole(&app.audit.records());
    let told = bounded(running).await.unwrap().expect("the caller hears how its call ended");
    assert!(format!("{told:?}").contains("the call was cancelled"), "{told:?}");
}

#[tokio::test]
async fn a_call_that_is_cancelled_over_http_ends_in_the_log() {
    let door = door(|_| {}).await;
    let person = Person::who(Answer::Never);
    let client = over_http(&door.base, &person).await;
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(call()));
    let handle = bounded(client.send_cancellable_request(request, PeerRequestOptions::no_options())).await;
    until_asked(&person).await;
    bounded(handle.unwrap().cancel(None)).await.unwrap();
    end_of(&door.app).await;
}

/// The end of a session is the end of what it waits for, too.
#[tokio::test]
async fn a_session_that_is_ended_over_http_leaves_no_question_open() {
    let door = door(|_| {}).await;
    let person = Person::who(Answer::Never);
    let client = over_http(&door.base, &person).await;
    let peer = client.peer().clone();
    let running = tokio::spawn(async move { peer.call_tool_once(call()).await });
    until_asked(&person).await;
    bounded(client.cancel()).await.unwrap();
    assert!(bounded(running).await.unwrap().is_err());
    end_of(&door.app).await;
}

#[tokio::test]
async fn a_task_that_is_stopped_or_whose_server_ends_leaves_no_question_open() {
    for stops in [true, false] {
        let app = TestApp::start().await;
        let client = connect(&app, &Person::who(Answer::Never).with_tasks(), Era::Discover).await;
        let begun = bounded(client.call_tool_once(call())).await.unwrap();
        let rmcp::model::CallToolResponse::Task(begun) = begun else { panic!("{begun:?}") };
        let id = begun.task.task_id;
        bounded(async {
            let status = || async { client.get_task(GetTaskParams::new(&id)).await.unwrap().task.status() };
            // Each turn waits for an answer of the server.
            while status().await != TaskStatus::InputRequired {}
        })
        .await;
        if stops {
            bounded(client.cancel_task(CancelTaskParams::new(&id))).await.unwrap();
        } else {
            bounded(app.app.stop()).await;
        }
        end_of(&app).await;
    }
}

/// In the newer era the question is part of an answer, and no call waits for it.
#[tokio::test]
async fn a_question_that_was_handed_out_ends_with_the_server() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::who(Answer::Never), Era::Discover).await;
    let answer = bounded(client.call_tool_once(call())).await.unwrap();
    assert!(matches!(answer, rmcp::model::CallToolResponse::InputRequired(_)), "{answer:?}");
    bounded(app.app.stop()).await;
    whole(&app.audit.records());
}
