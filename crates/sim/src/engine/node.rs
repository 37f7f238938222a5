//! One node of a run.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    cache::Cached,
    failure,
    plan::link,
    run::{Otherwise, Run},
};
use crate::{
    events::{self, PictureKind},
    faults::NodeFault,
    holds::HoldPoint,
    nodes::{self, Call, Data, Input, Inputs, Raised, Timing, Work},
};

/// Bounds the previews per node, however many steps it has.
const MAX_PREVIEWS: u64 = 40;

/// The outcome of a node.
pub(super) enum Ended {
    Done,
    /// The run ends here, by an error or an interrupt.
    Failed,
    WorkerDied,
}

/// The reason that the work of a node stopped.
enum Stop {
    Interrupted,
    Raised(Raised),
    WorkerDied,
}

impl From<Raised> for Stop {
    fn from(raised: Raised) -> Self {
        Self::Raised(raised)
    }
}

/// Runs one node, or takes its earlier result.
pub(super) async fn execute(run: &mut Run, node_id: &str) -> Ended {
    if let Some(cached) = run.cached(node_id) {
        run.show(node_id, cached.ui.as_ref());
        run.finish(node_id);
        run.results.insert(node_id.to_owned(), cached);
        return Ended::Done;
    }
    run.begin(node_id);
    let class = run.class(node_id).to_owned();
    let inputs = gather(run, node_id);
    if let Some(Data::Blocked(message)) = blocked(&inputs) {
        block(run, node_id, &class, message.as_deref());
        return Ended::Done;
    }
    match work(run, node_id, &class, &inputs).await {
        Ok(work) => {
            let cached = Cached { data: Arc::new(work.data), ui: work.ui };
            if cached.ui.is_some() {
                run.show(node_id, cached.ui.as_ref());
            }
            run.finish(node_id);
            if let Some(signature) = run.signatures.get(node_id) {
                run.server.cache.put(signature, cached.clone());
            }
            run.results.insert(node_id.to_owned(), cached);
            run.executed.push(node_id.to_owned());
            Ended::Done
        }
        Err(Stop::Interrupted) => {
            let data = failure::interrupted(run, node_id, &class);
            run.message("execution_interrupted", data, Otherwise::Everybody);
            Ended::Failed
        }
        Err(Stop::Raised(raised)) => {
            let data = failure::raised(run, node_id, &class, &raised, &inputs);
            run.message("execution_error", data, Otherwise::Nobody);
            Ended::Failed
        }
        Err(Stop::WorkerDied) => Ended::WorkerDied,
    }
}

/// The values of a node's inputs, links followed.
fn gather(run: &Run, node_id: &str) -> Inputs {
    let Some(given) =
        run.item.prompt.get(node_id).and_then(|node| node.get("inputs")).and_then(Value::as_object)
    else {
        return Inputs::new();
    };
    let known = run.server.catalogue.raw(run.class(node_id)).and_then(|entry| entry.get("input"));
    let is_known = |name: &str| {
        let has = |section| {
            known.and_then(|input| input.get(section)).is_some_and(|inputs| inputs.get(name).is_some())
        };
        has("required") || has("optional") || name.contains('.')
    };
    let read = |value: &Value| match link(value) {
        None => Input::Literal(value.clone()),
        Some((from, slot)) => {
            let result = run.results.get(from).cloned().or_else(|| run.cached(from));
            Input::Linked(result.and_then(|result| result.data.get(slot).cloned()).unwrap_or_default())
        }
    };
    given.iter().filter(|(name, _)| is_known(name)).map(|(name, value)| (name.clone(), read(value))).collect()
}

/// A blocked input.
fn blocked(inputs: &Inputs) -> Option<Data> {
    inputs.values().find_map(|input| match input {
        Input::Linked(data @ Data::Blocked(_)) => Some(data.clone()),
        _ => None,
    })
}

fn block(run: &mut Run, node_id: &str, class: &str, message: Option<&str>) {
    if let Some(message) = message {
        let data = failure::blocked(run, node_id, class, message);
        run.send(&events::text("execution_error", &data), Otherwise::Nobody);
    }
    let outputs = run.server.catalogue.outputs(class).len();
    run.finish(node_id);
    run.results
        .insert(node_id.to_owned(), Cached { data: Arc::new(vec![Data::Blocked(None); outputs]), ui: None });
    run.executed.push(node_id.to_owned());
}

/// Does the work of a node, step by step.
async fn work(run: &mut Run, node_id: &str, class: &str, inputs: &Inputs) -> Result<Work, Stop> {
    let server = run.server.clone();
    let timing = nodes::timing(class, inputs, &server.options);
    stop_if_interrupted(run)?;
    if timing.interruptible {
        tokio::select! {
            () = server.holds.pass(HoldPoint::Node(class.to_owned())) => {}
            () = server.interrupt.wished() => {}
        }
        stop_if_interrupted(run)?;
    } else {
        server.holds.pass(HoldPoint::Node(class.to_owned())).await;
    }
    match server.faults.node(class) {
        Some(NodeFault::Stall) => std::future::pending().await,
        Some(NodeFault::Exit) => return Err(Stop::WorkerDied),
        Some(NodeFault::Raise { exception_type, message }) => {
            return Err(Raised { exception_type, message, frames: vec![("nodes.py", 1, "run")] }.into());
        }
        None => {}
    }
    let call = Call::new(run.server.clone(), run.item.clone(), class, inputs.clone());
    steps(run, node_id, class, &call, &timing).await?;
    let done = tokio::task::spawn_blocking(move || nodes::run(&call)).await;
    let work = done.unwrap_or_else(|error| {
        Err(Raised { exception_type: "RuntimeError".into(), message: error.to_string(), frames: Vec::new() })
    })?;
    if work.exits {
        return Err(Stop::WorkerDied);
    }
    if let Some(line) = &work.progress_text {
        run.send(&events::progress_text(node_id, line), Otherwise::Everybody);
    }
    for (at, picture) in work.websocket_pictures.iter().enumerate() {
        let max = work.websocket_pictures.len() as u64;
        run.step(node_id, at as u64, max, Some((PictureKind::Png, picture)));
    }
    Ok(work)
}

async fn steps(run: &mut Run, node_id: &str, class: &str, call: &Call, timing: &Timing) -> Result<(), Stop> {
    if !timing.interruptible {
        pause(timing.pause).await;
        return Ok(());
    }
    let server = run.server.clone();
    let mut previews = if wants_previews(run) { nodes::previews(call) } else { None };
    let every = timing.steps.div_ceil(MAX_PREVIEWS).max(1);
    for step in 1..=timing.steps {
        tokio::select! {
            () = pause(timing.pause) => {}
            () = server.interrupt.wished() => {}
        }
        stop_if_interrupted(run)?;
        let picture = previews
            .as_mut()
            .filter(|_| step % every == 0)
            .and_then(|previews| previews.at(step, timing.steps));
        run.step(node_id, step, timing.steps, picture.as_deref().map(|picture| (PictureKind::Jpeg, picture)));
        tokio::select! {
            () = server.holds.pass(HoldPoint::Step(class.to_owned(), step)) => {}
            () = server.interrupt.wished() => {}
        }
    }
    Ok(())
}

fn stop_if_interrupted(run: &Run) -> Result<(), Stop> {
    if run.server.interrupt.is_wished() {
        run.server.interrupt.forget();
        return Err(Stop::Interrupted);
    }
    Ok(())
}

fn wants_previews(run: &Run) -> bool {
    match run.item.extra_data.get("preview_method").and_then(Value::as_str) {
        None | Some("default") => run.server.options.previews,
        Some(method) => method != "none",
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
