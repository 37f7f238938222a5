//! Helpers of the integration tests: an application over a simulated ComfyUI, and MCP clients for it.

#![expect(clippy::expect_used, clippy::panic, reason = "test support: a broken set-up must stop the test")]

pub(crate) mod callers;
pub(crate) mod comfy;
pub(crate) mod hub;
pub(crate) mod network;
pub(crate) mod person;
pub(crate) mod picture;

use std::{sync::Arc, time::Duration};

use comfywarden::{
    app::{App, CallContext},
    config::Config,
    front::serve_stream,
    gate::{AuditLog, Caller},
    tools::{Reply, Tool},
    web::Fetcher,
};
use comfywarden_error::{Error, JsonObject};
use comfywarden_sim::{Hold, Sim, SimHandle};
pub(crate) use network::{http_client, transport};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Bounds every wait, so that no test hangs.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Fails the test when `future` takes longer than [`BOUND`].
pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(BOUND, future).await.expect("the test took too long")
}

/// An application whose ComfyUI is a simulation and whose audit log is in memory.
pub(crate) struct TestApp {
    pub(crate) sim: SimHandle,
    pub(crate) app: Arc<App>,
    pub(crate) audit: AuditLog,
    /// The folder of its files; gone with it.
    _home: tempfile::TempDir,
}

impl TestApp {
    /// The usual one: instant sampling, limits that do not get in the way.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The usual one with a changed configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let sim = Sim::instant().start().await.expect("sim starts");
        Self::on(sim, change)
    }

    /// An application over this simulation.
    pub(crate) fn on(sim: SimHandle, change: impl FnOnce(&mut Config)) -> Self {
        Self::on_web(sim, Fetcher::new(), change)
    }

    /// An application over this simulation, with this way to the Internet.
    pub(crate) fn on_web(sim: SimHandle, web: Fetcher, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.comfyui.url = sim.url().parse().expect("sim has a URL");
        for limit in [
            &mut config.rate_limits.generation,
            &mut config.rate_limits.workflow,
            &mut config.rate_limits.file_ops,
            &mut config.rate_limits.read_only,
            &mut config.rate_limits.admin,
        ] {
            *limit = 10_000;
        }
        let home = tempfile::tempdir().expect("a folder of its own");
        config.tools.defaults_file = home.path().join("defaults.json");
        config.workflows.dir = home.path().join("workflows");
        change(&mut config);
        let audit = AuditLog::memory();
        let app = App::with_parts(config, audit.clone(), comfywarden::tools::all(), web)
            .expect("the application starts");
        Self { sim, app, audit, _home: home }
    }

    /// An application with these tools and no others.
    pub(crate) async fn with_tools(tools: Vec<Tool>, change: impl FnOnce(&mut Config)) -> Self {
        let sim = Sim::instant().start().await.expect("sim starts");
        let mut config = Config::default();
        let home = tempfile::tempdir().expect("a folder of its own");
        config.tools.defaults_file = home.path().join("defaults.json");
        change(&mut config);
        let audit = AuditLog::memory();
        let app = App::with_tools(config, audit.clone(), tools).expect("the application starts");
        Self { sim, app, audit, _home: home }
    }

    /// One call of the local user, without progress or questions.
    pub(crate) async fn reply(&self, tool: &str, args: Value) -> Result<Reply, Error> {
        bounded(self.app.call(CallContext::plain(Caller::local()), tool, object(args))).await
    }

    /// The structured result of a call that must succeed.
    pub(crate) async fn call(&self, tool: &str, args: Value) -> Value {
        match self.reply(tool, args).await {
            Ok(Reply::Done { structured, .. }) => structured,
            other => panic!("{tool} did not end with a result: {other:?}"),
        }
    }

    /// The error of a call that must fail.
    pub(crate) async fn refused(&self, tool: &str, args: Value) -> Error {
        match self.reply(tool, args).await {
            Err(error) => error,
            other => panic!("{tool} was not refused: {other:?}"),
        }
    }

    /// The actions in the audit log that belong to `tool`, in order.
    pub(crate) fn actions(&self, tool: &str) -> Vec<String> {
        let records = self.audit.records();
        let of_tool = records.iter().filter(|record| record["tool"] == tool);
        of_tool.map(|record| record["action"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Everything ComfyUI was asked that changes something.
    pub(crate) fn posts(&self) -> Vec<String> {
        let journal = self.sim.journal();
        journal.into_iter().filter(|request| request.method == "POST").map(|request| request.path).collect()
    }

    /// One end of a pipe; the server is at the other.
    pub(crate) fn pipe(&self) -> tokio::io::DuplexStream {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (input, output) = tokio::io::split(ours);
        tokio::spawn(serve_stream(Arc::clone(&self.app), input, output, CancellationToken::new()));
        theirs
    }

    /// The actions of `tool` once its call has an outcome.
    pub(crate) async fn outcome_of(&self, tool: &str) -> Vec<String> {
        let ended = |record: &Value| record["tool"] == tool && record.get("status").is_some();
        self.audit.wait_until(|records| records.iter().any(ended)).await;
        self.actions(tool)
    }
}

/// A JSON object as arguments.
pub(crate) fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// EmptyImage into SaveImage: the smallest workflow that leaves a file behind.
pub(crate) fn tiny_workflow() -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "tiny"}}
    })
}

/// A workflow whose node `1` sleeps and reports steps.
pub(crate) fn sleeping_workflow(steps: u32) -> Value {
    json!({
        "1": {"class_type": "RigSleep", "inputs": {"seconds": 0.0, "steps": steps, "nonce": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "slept"}}
    })
}

/// Runs a workflow to its end, which must be a good one, and gives the prompt id.
pub(crate) async fn run_to_end(app: &TestApp, workflow: Value) -> String {
    let done = app.call("comfyui_run_workflow", json!({"workflow": workflow, "wait": true})).await;
    assert_eq!(done["status"], "completed", "{done}");
    done["prompt_id"].as_str().expect("a job has an id").to_owned()
}

/// One job that runs until the gate is opened, and one that waits behind it; gives their ids.
pub(crate) async fn two_jobs(app: &TestApp) -> (String, String, Hold) {
    let held = app.sim.hold("RigSleep");
    let running = app.call("comfyui_run_workflow", json!({"workflow": sleeping_workflow(5)})).await;
    bounded(held.reached()).await;
    let waiting = app.call("comfyui_run_workflow", json!({"workflow": tiny_workflow()})).await;
    let id = |answer: &Value| answer["prompt_id"].as_str().expect("a job has an id").to_owned();
    (id(&running), id(&waiting), held)
}
