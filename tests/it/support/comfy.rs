//! Helpers of the tests of the ComfyUI client: clients, vetted workflows, and watching to the end.

use std::time::Duration;

use comfywarden::comfy::{
    Client, ClientConfig, Ending, Event, EventKind, PromptId, SubmitOptions, Submitted, Timing,
};
use comfywarden_policy::{Asking, Inspector, Verdict, VettedWorkflow};
use comfywarden_workflow::graph::Workflow;
use futures::{Stream, StreamExt as _};
use serde_json::{Value, json};

/// The error of a test's helper.
pub(crate) type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The longest that any wait in a test takes before it counts as a failure.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Patience for tests: everything that is seconds in production is milliseconds here.
pub(crate) fn hasty() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        first_poll: ms(20),
        longest_poll: ms(100),
        stall_after: ms(300),
        lost_after: ms(100),
        find_submit: ms(400),
        verify_cancel: Duration::from_secs(3),
        first_retry: ms(10),
        longest_retry: ms(50),
        open_socket: Duration::from_secs(2),
        forget_absence: ms(50),
        ..Timing::default()
    }
}

/// A client for this address.
pub(crate) fn client(url: &str, change: impl FnOnce(&mut ClientConfig)) -> TestResult<Client> {
    let mut config = ClientConfig::at(url.parse()?);
    config.timing = hasty();
    change(&mut config);
    Ok(Client::new(config)?)
}

/// The workflow, waved through by an inspector that is told of no findings.
pub(crate) fn vet(workflow: &Value) -> TestResult<VettedWorkflow> {
    let workflow = Workflow::from_value(workflow)?;
    let inspector = Inspector::new(&comfywarden_policy::settings::Security::default());
    match inspector.judge(workflow, Vec::new(), &Asking::default()) {
        Verdict::Approved(vetted) => Ok(vetted),
        other => Err(format!("not approved: {other:?}").into()),
    }
}

/// Submits a workflow.
pub(crate) async fn submit(client: &Client, workflow: &Value) -> TestResult<Submitted> {
    Ok(client.queue_prompt(&vet(workflow)?, &SubmitOptions::default()).await?)
}

/// All events up to the end; fails when the stream does not end with exactly one ending.
pub(crate) async fn all_events(
    mut events: impl Stream<Item = Event> + Unpin,
) -> TestResult<(Vec<EventKind>, Ending)> {
    let mut seen = Vec::new();
    let mut ending = None;
    let collect = async {
        while let Some(event) = events.next().await {
            match event.kind {
                EventKind::Ended(end) if ending.is_none() => ending = Some(*end),
                EventKind::Ended(_) => return Err("two endings".into()),
                kind => seen.push(kind),
            }
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    tokio::time::timeout(LIMIT, collect).await.map_err(|_| "the prompt did not end in time")??;
    Ok((seen, ending.ok_or("the stream ended without an ending")?))
}

/// Watches a prompt to its end.
pub(crate) async fn watch(client: &Client, id: &PromptId) -> TestResult<(Vec<EventKind>, Ending)> {
    all_events(client.watch(id)).await
}

/// Reads events until one fits.
pub(crate) async fn until(
    events: &mut (impl Stream<Item = Event> + Unpin),
    fits: impl Fn(&EventKind) -> bool,
) -> TestResult<EventKind> {
    let search = async {
        while let Some(event) = events.next().await {
            if fits(&event.kind) {
                return Ok(event.kind);
            }
        }
        Err("the stream ended before the event came")
    };
    Ok(tokio::time::timeout(LIMIT, search).await.map_err(|_| "the event did not come in time")??)
}

/// A number that no earlier run has used, so that ComfyUI's cache cannot answer.
pub(crate) fn nonce() -> u64 {
    u64::from(uuid::Uuid::new_v4().as_fields().0)
}

/// A plain picture, saved.
pub(crate) fn picture(color: u64) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": color % 0xff_ffff}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "contract"}},
    })
}

/// A node that reports steps and can be interrupted at each.
pub(crate) fn sleep(seconds: f64, steps: u64) -> Value {
    json!({"1": {"class_type": "RigSleep", "inputs": {"seconds": seconds, "steps": steps, "nonce": nonce()}}})
}

/// A node that raises this exception.
pub(crate) fn fail(kind: &str) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "RigFail", "inputs": {"message": format!("boom {}", nonce()), "kind": kind, "image": ["1", 0]}},
    })
}

/// A node that blocks the one behind it.
pub(crate) fn block(message: &str) -> Value {
    json!({
        "1": {"class_type": "RigBlock", "inputs": {"message": message}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "never"}},
    })
}
