//! One set of functions against the simulated ComfyUI and against a real one, so that the two cannot drift apart.
//!
//! Against a real one: `COMFYUI_TEST_URL=http://127.0.0.1:8188 cargo test --test it -- --ignored live`.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value adds or reads a key and does not panic here"
)]

use std::collections::HashSet;

use comfywarden::comfy::{
    CancelState, Client, Error, EventKind, FileType, JobQuery, JobState, OutputKind, OutputRef,
    PreviewFormat, PromptId, ViewOptions,
};
use comfywarden_policy::path::{ModelFolder, ModelName, OutputName, Subfolder};
use serde_json::json;

mod discovery;
mod files;
mod refusals;

use discovery::{previews_subgraphs_and_scripts_can_be_read, settings_are_read_and_written_back};
use files::{
    a_file_can_be_read_piece_by_piece, a_mask_becomes_the_transparency_of_a_copy,
    an_upload_keeps_its_name_and_can_be_read_back,
};
use refusals::{
    a_dropped_branch_is_reported, a_long_list_of_accepted_values_is_fetched,
    a_refusal_names_node_input_and_accepted_values,
};

use crate::support::comfy::{TestResult, block, fail, nonce, picture, sleep, submit, until, watch};

fn view(max_bytes: usize) -> ViewOptions {
    ViewOptions { preview: None, max_bytes }
}

pub(crate) fn check(holds: bool, what: &str) -> TestResult {
    if holds { Ok(()) } else { Err(what.to_owned().into()) }
}

async fn a_picture_is_made_and_can_be_read(client: &Client) -> TestResult {
    let submitted = submit(client, &picture(nonce())).await?;
    check(submitted.node_errors.is_empty() && !submitted.recovered, "an odd submit")?;
    let (events, ending) = watch(client, &submitted.prompt_id).await?;
    check(ending.outcome == JobState::Succeeded && !ending.cached, "not a fresh success")?;
    check(ending.execution.is_some(), "no execution time")?;
    let done: HashSet<&str> = events
        .iter()
        .filter_map(
            |event| if let EventKind::NodeDone { node_id } = event { Some(node_id.as_str()) } else { None },
        )
        .collect();
    check(done == HashSet::from(["1", "2"]), "not both nodes were seen to end")?;
    let file = ending.outputs.first().ok_or("no output")?;
    check(file.kind == OutputKind::Image && file.file_type == FileType::Output, "not a picture")?;
    let file = OutputRef {
        filename: OutputName::parse(&file.filename)?,
        subfolder: Subfolder::parse(&file.subfolder)?,
        kind: file.file_type,
    };
    let whole = client.view(&file, view(1 << 20)).await?;
    check(
        whole.bytes.starts_with(b"\x89PNG") && whole.content_type.as_deref() == Some("image/png"),
        "not a PNG",
    )?;
    let preview = ViewOptions { preview: Some(PreviewFormat::Jpeg(80)), max_bytes: 1 << 20 };
    check(client.view(&file, preview).await?.bytes.starts_with(b"\xff\xd8"), "not a JPEG")?;
    check(
        matches!(client.view(&file, view(16)).await, Err(Error::TooLarge { limit: 16, .. })),
        "the cap is not kept",
    )
}

async fn an_identical_rerun_is_cached_and_keeps_its_outputs(client: &Client) -> TestResult {
    let workflow = picture(nonce());
    let first = submit(client, &workflow).await?;
    let (_, first) = watch(client, &first.prompt_id).await?;
    let again = submit(client, &workflow).await?;
    let (events, again) = watch(client, &again.prompt_id).await?;
    check(again.outcome == JobState::Succeeded && again.cached, "not a cached success")?;
    check(again.outputs == first.outputs && !again.outputs.is_empty(), "other outputs than the first time")?;
    check(
        events.iter().any(|e| matches!(e, EventKind::Cached { nodes } if nodes.len() == 2)),
        "no word of the cache",
    )
}

async fn a_failing_node_is_named(client: &Client) -> TestResult {
    let submitted = submit(client, &fail("ValueError")).await?;
    let (_, ending) = watch(client, &submitted.prompt_id).await?;
    let failure = ending.failure.ok_or("no failure")?;
    check(ending.outcome == JobState::Failed, "not failed")?;
    check((failure.node_id.as_str(), failure.node_type.as_str()) == ("2", "RigFail"), "another node")?;
    check(
        failure.exception_type == "ValueError" && failure.message.starts_with("boom "),
        "another exception",
    )?;
    check(!failure.out_of_memory && !failure.traceback.is_empty(), "no traceback")?;
    check(!failure.traceback.iter().any(|frame| frame.starts_with('/')), "a path in the traceback")
}

async fn running_out_of_memory_is_recognised(client: &Client) -> TestResult {
    let submitted = submit(client, &fail("OutOfMemoryError")).await?;
    let (_, ending) = watch(client, &submitted.prompt_id).await?;
    check(
        ending.outcome == JobState::Failed && ending.failure.is_some_and(|f| f.out_of_memory),
        "not out of memory",
    )
}

async fn a_blocker_says_why_although_comfyui_calls_it_a_success(client: &Client) -> TestResult {
    let message = format!("blocked {}", nonce());
    let submitted = submit(client, &block(&message)).await?;
    let (events, ending) = watch(client, &submitted.prompt_id).await?;
    check(ending.outcome == JobState::Succeeded && ending.outputs.is_empty(), "not an empty success")?;
    let blocked = ending.blocked.ok_or("no word of the blocker")?;
    check(blocked.message.as_deref() == Some(message.as_str()), "another message")?;
    check(blocked.node_id.as_deref() == Some("3"), "another node")?;
    check(
        events.iter().any(|e| matches!(e, EventKind::Text { node_id, .. } if node_id == "1")),
        "no text of the node",
    )
}

async fn a_running_prompt_reports_steps_and_is_cancelled(client: &Client) -> TestResult {
    let submitted = submit(client, &sleep(30.0, 300)).await?;
    let mut events = client.watch(&submitted.prompt_id);
    until(&mut events, |event| matches!(event, EventKind::Progress(p) if p.step >= Some(2))).await?;
    let progress = client.progress(&submitted.prompt_id).ok_or("no progress")?;
    check(
        progress.total_steps == Some(300) && progress.node_type.as_deref() == Some("RigSleep"),
        "odd progress",
    )?;
    let queue = client.queue().await?;
    let item = queue
        .running
        .iter()
        .find(|item| item.prompt_id == submitted.prompt_id.as_str())
        .ok_or("not running")?;
    check(item.ours && item.node_count == 1, "an odd queue entry")?;
    check(client.queue_length().await? >= 1, "the running prompt does not count")?;
    let outcome = client.cancel(&submitted.prompt_id).await?;
    check(outcome.state == CancelState::Interrupted && outcome.verified, "not interrupted")?;
    let (_, ending) = crate::support::comfy::all_events(events).await?;
    check(ending.outcome == JobState::Cancelled && ending.failure.is_none(), "not cancelled")?;
    let again = client.cancel(&submitted.prompt_id).await?;
    check(again.state == CancelState::AlreadyFinished && again.verified, "not already finished")
}

async fn a_pending_prompt_is_taken_out_and_counts_as_cancelled(client: &Client) -> TestResult {
    let runner = submit(client, &sleep(30.0, 300)).await?;
    let waiting = submit(client, &picture(nonce())).await?;
    let mut events = client.watch(&waiting.prompt_id);
    until(&mut events, |event| matches!(event, EventKind::Queued { .. })).await?;
    let job = client.job(&waiting.prompt_id).await?.ok_or("no job")?;
    check(job.status == Some(JobState::Queued), "not pending")?;
    let outcome = client.cancel(&waiting.prompt_id).await?;
    check(outcome.state == CancelState::RemovedFromQueue && outcome.verified, "not removed")?;
    let (_, ending) = crate::support::comfy::all_events(events).await?;
    check(ending.outcome == JobState::Cancelled, "not cancelled")?;
    check(
        client.cancel(&runner.prompt_id).await?.state == CancelState::Interrupted,
        "the runner did not stop",
    )
}

async fn unknown_ids_are_unknown(client: &Client) -> TestResult {
    let id = PromptId::generate();
    check(client.cancel(&id).await?.state == CancelState::Unknown, "not unknown")?;
    check(client.job(&id).await?.is_none() && client.history(&id).await?.is_none(), "found something")?;
    let (_, ending) = watch(client, &id).await?;
    check(ending.outcome == JobState::Lost, "not lost")
}

async fn a_node_that_cannot_be_interrupted_finishes_anyway(client: &Client) -> TestResult {
    let inputs = json!({"seconds": 1.5, "nonce": nonce()});
    let submitted =
        submit(client, &json!({"1": {"class_type": "RigSleepUninterruptible", "inputs": inputs}})).await?;
    let mut events = client.watch(&submitted.prompt_id);
    until(&mut events, |event| matches!(event, EventKind::Progress(_))).await?;
    let outcome = client.cancel(&submitted.prompt_id).await?;
    check(outcome.state == CancelState::FinishedAnyway && outcome.verified, "not finished anyway")
}

async fn outputs_and_graphs_of_finished_prompts_are_read(client: &Client) -> TestResult {
    let submitted = submit(client, &picture(nonce())).await?;
    watch(client, &submitted.prompt_id).await?;
    let listed = client.produced(20).await?;
    let ours =
        listed.jobs.iter().find(|one| one.prompt_id == submitted.prompt_id.as_str()).ok_or("not listed")?;
    check(ours.time.is_some() && ours.outputs.len() == 1, "odd outputs")?;
    let record = client.record(&submitted.prompt_id).await?.ok_or("no record")?;
    check(record.entry.outputs == ours.outputs, "other outputs")?;
    check(record.graph.is_some_and(|graph| graph["2"]["class_type"] == "SaveImage"), "no graph")?;
    check(client.record(&PromptId::generate()).await?.is_none(), "a record of nothing")
}

async fn the_lists_can_be_read(client: &Client) -> TestResult {
    let folders = client.model_folders().await?;
    check(
        folders.iter().any(|f| f == "checkpoints") && !folders.iter().any(|f| f == "custom_nodes"),
        "odd folders",
    )?;
    check(!client.models(&ModelFolder::parse("checkpoints")?).await?.is_empty(), "no checkpoints")?;
    let unknown = client.models(&ModelFolder::parse("nosuch")?).await;
    check(
        matches!(unknown, Err(Error::NotFound { message: text, .. }) if text.contains("checkpoints")),
        "an unknown folder",
    )?;
    client.embeddings().await?;
    let info = client.object_info().await?;
    check(
        info.contains("EmptyImage") && info.get("SaveImage").is_some_and(|class| class.output_node),
        "odd catalogue",
    )?;
    check(
        client.object_info_class("KSampler").await?.is_some_and(|c| c.input("steps").is_some()),
        "no KSampler",
    )?;
    check(client.object_info_class("No Such (Node)").await?.is_none(), "an unknown class")?;
    check(client.features().await?.contains_key("max_upload_size"), "odd features")?;
    let stats = client.system_stats().await?;
    check(stats.comfyui_version.is_some() && !stats.devices.is_empty(), "odd stats")?;
    client.node_replacements().await?;
    client.manager_version().await?;
    let (folder, name) = (ModelFolder::parse("checkpoints")?, ModelName::parse("no/such.safetensors")?);
    check(client.view_metadata(&folder, &name).await?.is_none(), "metadata of nothing")
}

async fn finished_jobs_are_listed_newest_first(client: &Client) -> TestResult {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let submitted = submit(client, &picture(nonce())).await?;
        watch(client, &submitted.prompt_id).await?;
        ids.insert(0, submitted.prompt_id.to_string());
    }
    let query = JobQuery { status: vec![JobState::Succeeded], limit: Some(50), ..JobQuery::default() };
    let page = client.jobs(&query).await?;
    let listed: Vec<_> = page.jobs.iter().map(|job| job.id.clone()).filter(|id| ids.contains(id)).collect();
    check(listed == ids, "another order of jobs")?;
    let listed = client.history_list(50).await?;
    let listed: Vec<_> =
        listed.iter().map(|entry| entry.prompt_id.clone()).filter(|id| ids.contains(id)).collect();
    check(listed == ids, "another order of history")?;
    let newest = PromptId::parse(ids.first().ok_or("no id")?)?;
    check(
        client.history_workflow(&newest).await?.is_some_and(|w| w["2"]["class_type"] == "SaveImage"),
        "no workflow",
    )?;
    check(client.ending(&newest).await?.is_some_and(|e| e.outcome == JobState::Succeeded), "no ending")
}

async fn all_events_come_over_one_socket(client: &Client) -> TestResult {
    let mut waits = Vec::new();
    for _ in 0..10 {
        let submitted = submit(client, &picture(nonce())).await?;
        waits.push(client.watch(&submitted.prompt_id));
    }
    let endings = futures::future::join_all(waits.into_iter().map(crate::support::comfy::all_events)).await;
    for ending in endings {
        check(ending?.1.outcome == JobState::Succeeded, "not a success")?;
    }
    let stats = client.feed_stats();
    check(stats.connections == 1 && stats.malformed == 0, &format!("{stats:?}"))
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod on_sim {
            use comfywarden_sim::Sim;

            use crate::support::comfy::{TestResult, client};

            $(
                #[tokio::test]
                async fn $name() -> TestResult {
                    let sim = Sim::builder().sampling_time(std::time::Duration::ZERO).start().await?;
                    super::$name(&client(&sim.url(), |_| ())?).await
                }
            )*
        }

        mod live {
            use crate::support::comfy::{TestResult, client};

            #[expect(clippy::disallowed_methods, reason = "the address of a real server is the tester's to name")]
            fn url() -> TestResult<String> {
                std::env::var("COMFYUI_TEST_URL").map_err(|_| "set COMFYUI_TEST_URL to the address of a ComfyUI".into())
            }

            $(
                #[tokio::test]
                #[ignore = "needs a real ComfyUI with the test nodes: set COMFYUI_TEST_URL"]
                async fn $name() -> TestResult {
                    let _turn = crate::comfy::contract::TURN.lock().await;
                    super::$name(&client(&url()?, crate::comfy::contract::real_pace)?).await
                }
            )*
        }
    };
}

pub(crate) use contract;

/// A real server runs one prompt at a time, so the live tests take turns.
pub(crate) static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A real server on two cores needs time between the looks of a test.
pub(crate) fn real_pace(config: &mut comfywarden::comfy::ClientConfig) {
    config.timing = comfywarden::comfy::Timing::default();
}

contract!(
    a_picture_is_made_and_can_be_read,
    an_identical_rerun_is_cached_and_keeps_its_outputs,
    a_failing_node_is_named,
    running_out_of_memory_is_recognised,
    a_blocker_says_why_although_comfyui_calls_it_a_success,
    a_running_prompt_reports_steps_and_is_cancelled,
    a_pending_prompt_is_taken_out_and_counts_as_cancelled,
    unknown_ids_are_unknown,
    a_node_that_cannot_be_interrupted_finishes_anyway,
    a_refusal_names_node_input_and_accepted_values,
    a_long_list_of_accepted_values_is_fetched,
    a_dropped_branch_is_reported,
    an_upload_keeps_its_name_and_can_be_read_back,
    a_mask_becomes_the_transparency_of_a_copy,
    a_file_can_be_read_piece_by_piece,
    outputs_and_graphs_of_finished_prompts_are_read,
    the_lists_can_be_read,
    finished_jobs_are_listed_newest_first,
    all_events_come_over_one_socket,
    previews_subgraphs_and_scripts_can_be_read,
    settings_are_read_and_written_back,
);
