//! Whole runs: what the socket says, what the history keeps and what the jobs API makes of it, frame by
//! frame and field by field against recordings.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture without the expected field is a failed test"
)]

use comfywarden_sim::SimHandle;
use serde_json::{Value, json};

use super::{
    client::{Frame, Socket, get, post},
    recording::{describe, differences, load, recorded_server},
};

/// A recorded run: its graph from the history, its frames from the socket.
pub(super) struct Run {
    name: String,
    pub(super) id: String,
    client: String,
    graph: Value,
    frames: Vec<Value>,
    history: Option<Value>,
    flags: bool,
}

impl Run {
    /// The recorded frames of `socket`; the graph from the history entry recorded as `history`.
    fn load(socket: &str, history: &str) -> Self {
        let recorded = load("ws", socket);
        let body = load("http", &format!("history_{history}"))["body"].clone();
        let (_, entry) = body.as_object().unwrap().iter().next().unwrap();
        let mut run = Self::without_history(socket, entry["prompt"][2].clone());
        let same_run = body.get(&run.id).is_some();
        run.history = same_run.then_some(body);
        assert!(recorded["frames"].is_array());
        run
    }

    pub(super) fn without_history(socket: &str, graph: Value) -> Self {
        let recorded = load("ws", socket);
        let frames = recorded["frames"].as_array().unwrap().clone();
        let start = frames.iter().find(|frame| frame["text"]["type"] == "execution_start");
        let id = start.map_or("run", |frame| frame["text"]["data"]["prompt_id"].as_str().unwrap());
        Self {
            name: socket.to_owned(),
            id: id.to_owned(),
            client: recorded["clientId"].as_str().unwrap_or("nobody").to_owned(),
            graph,
            frames,
            history: None,
            flags: recorded["flags"].is_object(),
        }
    }

    pub(super) async fn open(&self, sim: &SimHandle) -> Socket {
        if self.flags {
            Socket::open_with_flags(sim, &self.client).await
        } else {
            Socket::open(sim, &self.client).await
        }
    }

    pub(super) async fn submit(&self, sim: &SimHandle) {
        let body = json!({"prompt": self.graph, "client_id": self.client, "prompt_id": self.id});
        assert_eq!(post(sim, "/prompt", &body).await.status, 200);
    }

    /// Opens the socket, runs the prompt undisturbed and compares everything.
    pub(super) async fn check(&self, sim: &SimHandle) {
        let mut socket = self.open(sim).await;
        self.submit(sim).await;
        self.compare(sim, socket.until_end_of(&self.id).await).await;
    }

    pub(super) async fn compare(&self, sim: &SimHandle, frames: Vec<Frame>) {
        self.compare_frames(&frames);
        if let Some(history) = &self.history {
            let answer = get(sim, &format!("/history/{}", self.id)).await.body();
            // The number counts what else was submitted before.
            let found = differences(history, &answer, &["prompt/0", "prompt/3/client_id"]);
            assert!(found.is_empty(), "history of {}: {found:#?}", self.name);
        }
    }

    pub(super) fn compare_frames(&self, frames: &[Frame]) {
        let ours: Vec<Value> = frames.iter().map(describe).collect();
        let (recorded, ours) = (own_frames(&self.frames), own_frames(&ours));
        let found = differences(&Value::Array(recorded), &Value::Array(ours), &[]);
        assert!(found.is_empty(), "frames of {}: {found:#?}", self.name);
    }

    async fn check_job(&self, sim: &SimHandle, name: &str) {
        let recorded = load("http", &format!("api_job_{name}"))["body"].clone();
        let answer = get(sim, &format!("/api/jobs/{}", self.id)).await.body();
        let found = differences(&recorded, &answer, &["priority"]);
        assert!(found.is_empty(), "job {name}: {found:#?}");
    }
}

/// The frames without the `status` of runs before and beside this one: some recordings were made on a busy
/// server. Kept are the one right after connecting, the two that lead in and the one that leads out.
fn own_frames(frames: &[Value]) -> Vec<Value> {
    let is_status =
        |frame: &Value| frame["text"]["type"] == "status" && frame["text"]["data"].get("sid").is_none();
    let mut kept = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let near = |offset: usize| frames.get(at + offset).map(|frame| frame["text"]["type"].clone());
        let leads_in = near(1) == Some("execution_start".into()) || near(2) == Some("execution_start".into());
        let leads_out =
            frames.get(at + 1).is_some_and(|frame| frame["text"]["data"].get("node") == Some(&Value::Null));
        if !is_status(frame) || leads_in {
            kept.push(frame.clone());
        } else if leads_out {
            // How many others wait is not this run's business.
            kept.push(json!({"text": {"type": "status"}}));
        }
    }
    kept
}

/// Runs a graph to its end so that its results are remembered.
async fn warm(sim: &SimHandle, graph: &Value) {
    let mut socket = Socket::open(sim, "warm").await;
    let body = json!({"prompt": graph, "client_id": "warm", "prompt_id": "warm"});
    assert_eq!(post(sim, "/prompt", &body).await.status, 200);
    socket.until_end_of("warm").await;
}

#[tokio::test]
async fn plain_runs_are_as_recorded() {
    for (socket, history) in [
        ("preview_image_batch3_temp", "preview_image_batch3_temp"),
        ("save_animated_webp", "save_animated_webp"),
        ("save_image_websocket", "save_image_websocket"),
        ("saveimage_prefix_subdir", "saveimage_prefix_subdir"),
        ("saveimage_prefix_pct", "saveimage_prefix_pct"),
        ("own_prompt_id", "own_prompt_id"),
        ("upscale_model", "upscale_model"),
        ("sd_lora_vae_embedding", "sd_lora_vae_embedding"),
        ("error_with_completed_branch", "error_with_completed_branch"),
        ("execution_blocker_and_progress_text", "execution_blocker"),
        ("node_error_ValueError", "node_error_ValueError"),
    ] {
        let sim = recorded_server().start().await.unwrap();
        Run::load(socket, history).check(&sim).await;
    }
}

#[tokio::test]
async fn a_run_with_preview_metadata_is_as_recorded_in_frames_history_and_job() {
    let sim = recorded_server().start().await.unwrap();
    let run = Run::load("success_flags_sd_preview_metadata", "success_sd");
    run.check(&sim).await;
    run.check_job(&sim, "success").await;

    // The same graph again: nothing runs, the old file is named.
    let again = Run::load("cached_rerun_identical", "cached_rerun");
    again.check(&sim).await;
}

#[tokio::test]
async fn a_run_without_flags_shows_previews_after_their_steps() {
    let sim = recorded_server().start().await.unwrap();
    let mut run = Run::load("success_sd_tiny_warm", "success_sd");
    run.graph["3"]["inputs"]["steps"] = json!(1);
    warm(&sim, &run.graph).await;
    run.graph["3"]["inputs"]["steps"] = json!(2);

    run.check(&sim).await;
}

#[tokio::test]
async fn an_empty_picture_is_saved_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    let graph = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "t1"}},
    });
    Run::without_history("success_noflags_emptyimage", graph).check(&sim).await;
}

#[tokio::test]
async fn loaded_pictures_are_scaled_and_saved_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    let picture = sim.file("input", "", "example.png").unwrap();
    // Each has a server of its own, so that nothing is remembered.
    for name in [
        "loadimage_scale_ok",
        "loadimage_subfolder",
        "loadimage_bracket_name",
        "loadimage_from_output_annotated",
    ] {
        let fresh = recorded_server().start().await.unwrap();
        for (kind, folder, file) in [
            ("input", "", "up.png"),
            ("input", "rig/deep", "up.png"),
            ("input", "", "x [output].png"),
            ("output", "", "t1_00001_.png"),
        ] {
            fresh.put_file(kind, folder, file, picture.clone());
        }
        Run::load(name, name).check(&fresh).await;
    }
}

#[tokio::test]
async fn only_the_target_of_a_partial_run_runs() {
    let sim = recorded_server().start().await.unwrap();
    let run = Run::load("partial_targets", "partial_targets");
    let mut socket = run.open(&sim).await;
    let body = json!({
        "prompt": run.graph, "client_id": run.client, "prompt_id": run.id, "partial_execution_targets": ["3"],
    });
    assert_eq!(post(&sim, "/prompt", &body).await.status, 200);

    run.compare(&sim, socket.until_end_of(&run.id).await).await;
}

#[tokio::test]
async fn running_out_of_memory_is_reported_as_recorded() {
    let sim = recorded_server().start().await.unwrap();
    let run = Run::load("node_error_OutOfMemoryError", "node_error_OutOfMemoryError");
    let mut graph = run.graph.clone();
    graph["2"]["inputs"]["kind"] = json!("ValueError");
    warm(&sim, &graph).await;

    run.check(&sim).await;
    run.check_job(&sim, "node_error_OutOfMemoryError").await;
}

#[tokio::test]
async fn a_prefix_outside_the_output_folder_fails_at_run_time_as_recorded() {
    for name in ["saveimage_prefix_abs", "saveimage_prefix_traversal"] {
        let sim = recorded_server().start().await.unwrap();
        let run = Run::load(name, name);
        if name == "saveimage_prefix_abs" {
            let mut graph = run.graph.clone();
            graph["2"]["inputs"]["filename_prefix"] = json!("fine");
            warm(&sim, &graph).await;
        }

        run.check(&sim).await;
    }
}

#[tokio::test]
async fn an_interrupt_stops_at_the_next_step_as_recorded() {
    for name in ["interrupt_global_nobody", "interrupt_with_prompt_id"] {
        let sim = recorded_server().start().await.unwrap();
        let run = Run::load(name, name);
        let gate = sim.hold_at_step("RigSleep", 1);
        let mut socket = run.open(&sim).await;
        run.submit(&sim).await;
        gate.reached().await;
        run.check_running(&sim).await;

        let body = if name.ends_with("id") { json!({"prompt_id": run.id}) } else { json!({}) };
        assert_eq!(post(&sim, "/interrupt", &body).await.status, 200);

        run.compare(&sim, socket.until_end_of(&run.id).await).await;
        run.check_job(&sim, name).await;
    }
}

impl Run {
    /// Answers of queue, history and jobs in the middle of a run.
    async fn check_running(&self, sim: &SimHandle) {
        let queue = get(sim, "/queue").await.body();
        assert_eq!(queue["queue_running"][0][1], self.id.as_str());
        assert_eq!(get(sim, &format!("/history/{}", self.id)).await.body(), json!({}));
        assert_eq!(get(sim, "/prompt").await.body(), load("http", "prompt_get_running")["body"]);
        if load("http", "api_job_running")["body"]["id"] == self.id.as_str() {
            self.check_job(sim, "running").await;
        }
    }
}

#[tokio::test]
async fn an_interrupt_for_another_prompt_changes_nothing() {
    let sim = recorded_server().start().await.unwrap();
    let run = Run::load("interrupt_wrong_prompt_id", "interrupt_wrong_prompt_id");
    let gate = sim.hold_at_step("RigSleep", 1);
    let mut socket = run.open(&sim).await;
    run.submit(&sim).await;
    gate.reached().await;

    assert_eq!(post(&sim, "/interrupt", &json!({"prompt_id": "another"})).await.status, 200);
    gate.release();

    run.compare(&sim, socket.until_end_of(&run.id).await).await;
    run.check_job(&sim, "interrupt_wrong_prompt_id").await;
}

fn uninterruptible(with_save: bool) -> Value {
    let mut graph =
        json!({"1": {"class_type": "RigSleepUninterruptible", "inputs": {"seconds": 4.0, "nonce": 1}}});
    let save = json!({"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "u"}});
    graph[if with_save { "2" } else { "unused" }] = save;
    graph
}

#[tokio::test]
async fn a_node_that_cannot_stop_ends_first_and_the_next_one_is_interrupted() {
    let sim = recorded_server().start().await.unwrap();
    let run = Run::without_history("interrupt_uninterruptible_node", uninterruptible(true));
    let gate = sim.hold("RigSleepUninterruptible");
    let mut socket = run.open(&sim).await;
    run.submit(&sim).await;
    gate.reached().await;

    assert_eq!(post(&sim, "/interrupt", &json!({"prompt_id": run.id})).await.status, 200);
    gate.release();

    run.compare(&sim, socket.until_end_of(&run.id).await).await;
}
