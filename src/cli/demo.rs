//! `demo`: makes one picture, through everything that a client's call goes through.
//!
//! A real MCP client speaks to the real server over a pipe inside this process; the server speaks HTTP and WebSocket
//! to ComfyUI, simulated unless one is named.

mod client;
mod progress;
mod summary;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::arguments::Demo;
use super::error::{CliError, INTERRUPTED};
use super::layout::wrap;
use super::new_file;
use super::output::eprint_line;
use crate::app::App;
use crate::config::Config;
use crate::front;
use crate::gate::AuditLog;
use client::Client;
use comfywarden_error::{Error, Kind, Result};
use comfywarden_sim::Sim;
use progress::Progress;

/// The name of the picture where --out gives none.
const DEFAULT_NAME: &str = "comfywarden-demo.png";
/// The capacity of the pipe between client and server.
const PIPE_BYTES: usize = 256 * 1024;
/// The run time of the simulated sampler: long enough to see the bar move.
const SAMPLING_TIME: Duration = Duration::from_millis(1500);

/// The longest wait for the server, which has nothing left to do, to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn run(
    wanted: &Demo,
    mut config: Config,
    named: bool,
    interrupted: CancellationToken,
) -> std::result::Result<(), CliError> {
    let file = wanted.out.as_deref().unwrap_or(Path::new(DEFAULT_NAME));
    new_file::check(file)?;
    let sim = if named {
        None
    } else {
        let sim = Sim::builder().sampling_time(SAMPLING_TIME).start().await?;
        config.comfyui.url = Url::parse(&sim.url()).map_err(|error| Error::internal(error.to_string()))?;
        config.comfyui.auth = crate::config::Auth::None;
        Some(sim)
    };
    let url = config.comfyui.url.to_string();
    let configured = config.logging.audit_file.clone();
    let audit = AuditLog::open(&config.logging, &config.security)?;
    eprint_line(&if sim.is_some() {
        "No ComfyUI is named, so a simulated one paints a placeholder.\n(COMFYUI_URL names a real one.)"
            .to_owned()
    } else {
        format!("ComfyUI: {url}")
    });

    let stop = CancellationToken::new();
    let app = App::with_audit(config, audit.clone())?;
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let (input, output) = tokio::io::split(theirs);
    let serving = tokio::spawn(front::serve_stream(Arc::clone(&app), input, output, stop.clone()));
    let generated = tokio::select! {
        generated = generate(wanted, named, ours) => match generated {
            Err(error) => Err(CliError::of_call(error, &app).await),
            Ok(generated) => Ok(generated),
        },
        () = interrupted.cancelled() => {
            // Takes the job off ComfyUI, which would go on painting for nobody.
            app.stop().await;
            Err(CliError::Exit(INTERRUPTED))
        }
    };
    stop.cancel();
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, serving).await;
    if let Some(sim) = sim {
        sim.stop().await;
    }
    let generated = generated?;
    let written = new_file::write(file, &generated.bytes)?;
    summary::print(&generated, &written, !named, &audit, &configured)?;
    Ok(())
}

/// A finished picture and the answer that it came with.
struct Generated {
    answer: Value,
    bytes: Vec<u8>,
    seconds: f64,
}

/// Side in pixels and steps of a picture that a processor without a graphics card draws in about a minute.
const CPU_SIZE_AND_STEPS: (u32, u32) = (128, 4);

/// Builds the arguments: the model's own size and steps, unless the user or a slow machine wants less.
async fn request(wanted: &Demo, named: bool, client: &Client) -> Result<Value> {
    let mut asked = json!({ "prompt": wanted.prompt, "wait": true, "wait_seconds": 3000 });
    let (mut side, mut steps) = (wanted.size, wanted.steps);
    if named && side.is_none() && steps.is_none() {
        let info = client.call("comfyui_get_system_info", json!({})).await?;
        let devices = info.get("devices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !devices.is_empty() && devices.iter().all(|device| text(device, "/name") == "cpu") {
            (side, steps) = (Some(CPU_SIZE_AND_STEPS.0), Some(CPU_SIZE_AND_STEPS.1));
            let (side, steps) = CPU_SIZE_AND_STEPS;
            let remark = format!(
                "This ComfyUI computes on a CPU, so the picture is small and rough: {side} x {side}, {steps} steps. \
                 (--size and --steps ask for more.)"
            );
            eprint_line(&wrap(&remark, 80).join("\n"));
        }
    }
    if let Some(arguments) = asked.as_object_mut() {
        for (name, value) in [("width", side), ("height", side), ("steps", steps)] {
            arguments.extend(value.map(|value| (name.to_owned(), value.into())));
        }
    }
    Ok(asked)
}

async fn generate(wanted: &Demo, named: bool, pipe: tokio::io::DuplexStream) -> Result<Generated> {
    let begun = Instant::now();
    let progress = Arc::new(Progress::start());
    let client = Client::connect(pipe, Arc::clone(&progress)).await?;
    let asked = request(wanted, named, &client).await?;
    let mut answer = client.call("comfyui_generate_image", asked).await?;
    while matches!(text(&answer, "/status"), "running" | "submitted" | "queued") {
        let look = json!({ "prompt_id": text(&answer, "/prompt_id"), "wait_seconds": 60 });
        let mut later = client.call("comfyui_get_progress", look).await?;
        for kept in ["seed", "model", "settings"] {
            if let (Some(map), Some(value)) = (later.as_object_mut(), answer.get(kept)) {
                map.insert(kept.to_owned(), value.clone());
            }
        }
        answer = later;
    }
    progress.finish();
    let bytes = client.picture(picture_output(&answer)?).await?;
    client.close().await;
    Ok(Generated { answer, bytes, seconds: begun.elapsed().as_secs_f64() })
}

/// Returns the first picture among the outputs of a finished job.
fn picture_output(answer: &Value) -> Result<&Value> {
    let status = text(answer, "/status");
    if status != "completed" {
        let why = text(answer, "/error/message");
        let error = Error::new(Kind::Upstream, format!("the job ended as `{status}`: {why}"));
        let hint = text(answer, "/error/hint");
        return Err(if hint.is_empty() { error } else { error.hint(hint) });
    }
    let outputs = answer.get("outputs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |output: &&Value| output.get("filename").is_some_and(Value::is_string);
    outputs.iter().find(named).ok_or_else(|| Error::new(Kind::Upstream, "the job ended without a picture"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
