//! Recipients of frames: names, broadcasts, reconnects and the order of several prompts.
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
    transcripts::Run,
};

fn sleeper(seconds: f64, steps: u32, nonce: u64) -> Value {
    json!({"1": {"class_type": "RigSleep", "inputs": {"seconds": seconds, "steps": steps, "nonce": nonce}}})
}

fn picture(color: u32, prefix: &str) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": color}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}},
    })
}

async fn submit(sim: &SimHandle, body: &Value) {
    assert_eq!(post(sim, "/prompt", body).await.status, 200);
}

fn is_idle(frame: &Frame) -> bool {
    let Frame::Text(event) = frame else { return false };
    event.pointer("/data/status/exec_info/queue_remaining") == Some(&json!(0))
        && event["data"].get("sid").is_none()
}

fn assert_frames(name: &str, recorded: &[Value], ours: &[Frame]) {
    let ours: Vec<Value> = ours.iter().map(describe).collect();
    let found = differences(&json!(recorded), &json!(ours), &[]);
    assert!(found.is_empty(), "{name}: {found:#?}");
}

#[tokio::test]
async fn without_a_client_id_only_progress_is_broadcast() {
    let recorded = load("ws", "no_client_id_watch1")["frames"].as_array().unwrap().clone();
    let sim = recorded_server().start().await.unwrap();
    let mut watcher = Socket::open(&sim, "watch-1").await;
    let id = prompt_id(&recorded);

    submit(&sim, &json!({"prompt": sleeper(1.0, 2, 1), "prompt_id": id})).await;

    assert_frames("no_client_id_watch1", &recorded, &frames_to_idle(&mut watcher).await);
}

/// Frames from the connection to the moment when nothing waits any more.
async fn frames_to_idle(socket: &mut Socket) -> Vec<Frame> {
    socket.until(is_idle).await
}

fn prompt_id(frames: &[Value]) -> String {
    let id = frames.iter().find_map(|frame| frame["text"]["data"]["prompt_id"].as_str());
    id.unwrap_or("run").to_owned()
}

#[tokio::test]
async fn without_a_client_id_previews_lose_their_names_even_for_those_who_want_them() {
    for name in ["no_client_id_sd_watch1", "no_client_id_sd_watch2_flags"] {
        let recorded = load("ws", name)["frames"].as_array().unwrap().clone();
        // The recording begins with the sleeper of another one.
        let second =
            recorded.iter().rposition(|frame| frame["text"]["data"]["nodes"].get("4").is_some()).unwrap();
        let id = recorded[second]["text"]["data"]["prompt_id"].as_str().unwrap().to_owned();
        let first = prompt_id(&recorded);
        let sim = recorded_server().start().await.unwrap();
        let mut watcher = if name.ends_with("flags") {
            let mut socket = Socket::open_with_flags(&sim, "watch-2").await;
            let negotiated = socket
                .until(|frame| matches!(frame, Frame::Text(event) if event["type"] == "feature_flags"))
                .await;
            assert_eq!(negotiated.len(), 2);
            socket
        } else {
            Socket::open(&sim, "watch-1").await
        };
        let recorded =
            recorded.into_iter().filter(|frame| frame["text"]["type"] != "feature_flags").collect::<Vec<_>>();
        let recorded = if name.ends_with("flags") { &recorded[1..] } else { &recorded[..] };

        submit(&sim, &json!({"prompt": sleeper(1.0, 2, 1), "prompt_id": first})).await;
        let mut frames = frames_to_idle(&mut watcher).await;
        let (_, entry) = load("http", "history_success_sd")["body"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .map(|(id, entry)| (id.clone(), entry.clone()))
            .unwrap();
        let mut graph = entry["prompt"][2].clone();
        graph["3"]["inputs"]["steps"] = json!(1);
        submit(&sim, &json!({"prompt": graph, "prompt_id": id})).await;
        frames.extend(frames_to_idle(&mut watcher).await);

        assert_frames(name, recorded, &frames);
    }
}

#[tokio::test]
async fn events_for_a_name_that_nobody_holds_are_lost() {
    let recorded = load("ws", "client_id_mismatch_watch1")["frames"].as_array().unwrap().clone();
    let sim = recorded_server().start().await.unwrap();
    let mut watcher = Socket::open(&sim, "watch-1").await;

    submit(&sim, &json!({"prompt": sleeper(1.0, 2, 1), "client_id": "nobody"})).await;

    assert_frames("client_id_mismatch_watch1", &recorded, &frames_to_idle(&mut watcher).await);
}

#[tokio::test]
async fn an_interrupt_without_a_client_id_is_broadcast() {
    let recorded = load("ws", "interrupt_no_client_id_watch1")["frames"].as_array().unwrap().clone();
    let sim = recorded_server().start().await.unwrap();
    let mut watcher = Socket::open(&sim, "watch-1").await;
    let gate = sim.hold_at_step("RigSleep", 2);

    submit(&sim, &json!({"prompt": sleeper(5.0, 10, 1), "prompt_id": prompt_id(&recorded)})).await;
    gate.reached().await;
    assert_eq!(post(&sim, "/interrupt", &json!({})).await.status, 200);

    assert_frames("interrupt_no_client_id_watch1", &recorded, &frames_to_idle(&mut watcher).await);
}

#[tokio::test]
async fn a_newer_socket_takes_the_name_over_and_the_older_one_is_deaf() {
    let sim = recorded_server().start().await.unwrap();
    let mut older = Socket::open(&sim, "dup-c").await;
    let first = vec![older.next().await];
    assert_frames("first", load("ws", "same_clientid_first_socket")["frames"].as_array().unwrap(), &first);

    let run = Run::without_history("same_clientid_second_socket", sleeper(1.0, 2, 1));
    run.check(&sim).await;

    older.close().await;
    assert_eq!(sim.sockets(), 0);
}

#[tokio::test]
async fn when_the_older_of_two_sockets_closes_the_newer_hears_nothing_more() {
    let sim = recorded_server().start().await.unwrap();
    let mut older = Socket::open(&sim, "dup-d").await;
    older.next().await;
    let mut newer = Socket::open(&sim, "dup-d").await;
    let status = newer.next().await;
    older.close().await;
    // The server forgets a socket when its task ends, a moment after the close frame.
    sim.wait_for_sockets(1).await;

    submit(&sim, &json!({"prompt": sleeper(1.0, 2, 1), "client_id": "dup-d", "prompt_id": "p"})).await;
    while get(&sim, "/history/p").await.body() == json!({}) {}
    sim.faults().send_ws_text("\"last\"");

    let heard = newer.until(|frame| *frame == Frame::Text("last".into())).await;
    assert_eq!(heard.len(), 1);
    let recorded =
        load("ws", "same_clientid_second_after_first_closed")["frames"].as_array().unwrap().clone();
    assert_frames("second", &recorded, &[status]);
}

#[tokio::test]
async fn a_reconnect_in_the_middle_learns_which_node_runs() {
    let recorded = load("ws", "reconnect_mid_run")["frames"].as_array().unwrap().clone();
    let sim = recorded_server().start().await.unwrap();
    let gate = sim.hold_at_step("RigSleep", 2);
    let first = Socket::open(&sim, "recon").await;
    let id = prompt_id(&recorded);
    submit(&sim, &json!({"prompt": sleeper(4.0, 8, 1), "client_id": "recon", "prompt_id": id})).await;
    gate.reached().await;
    first.close().await;
    sim.wait_for_sockets(0).await;

    let mut second = Socket::open(&sim, "recon").await;
    let mut frames = vec![second.next().await, second.next().await];
    gate.release();
    frames.extend(second.until_end_of(&id).await);

    assert_frames("reconnect_mid_run", &recorded, &frames);
}

#[tokio::test]
async fn a_socket_without_a_name_gets_one() {
    let sim = recorded_server().start().await.unwrap();
    for (name, path) in [("ws_empty_clientid", "/ws?clientId="), ("ws_without_clientid", "/ws")] {
        let mut socket = Socket::open_path(&sim, path).await;
        let ours = describe(&socket.next().await);
        let recorded = load("ws", name)["frames"][0].clone();
        assert_eq!(differences(&recorded, &ours, &["sid"]), Vec::<String>::new());
        assert_eq!(ours["text"]["data"]["sid"].as_str().unwrap().len(), 32);
    }
}

#[tokio::test]
async fn a_worker_that_died_leaves_its_prompt_running_for_ever() {
    let recorded = load("ws", "systemexit_worker_dead")["frames"].as_array().unwrap().clone();
    let sim = recorded_server().start().await.unwrap();
    let mut socket = Socket::open(&sim, "x").await;
    let id = prompt_id(&recorded);
    let graph = json!({"1": {"class_type": "RigFail", "inputs": {"message": "bye", "kind": "SystemExit"}}});
    submit(&sim, &json!({"prompt": graph, "client_id": "x", "prompt_id": id})).await;
    let mut frames =
        socket.until(|frame| matches!(frame, Frame::Text(event) if event["type"] == "executing")).await;

    let next = json!({"prompt": picture(0, "aftersx"), "client_id": "x", "prompt_id": "25adebb6-33e6-4104-a7db-43aa190ae839"});
    submit(&sim, &next).await;
    frames.push(socket.next().await);

    assert_frames("systemexit_worker_dead", &recorded, &frames);
    let queue = get(&sim, "/queue").await.body();
    let recorded = load("http", "queue_after_systemexit_next")["body"].clone();
    assert_eq!(
        differences(&recorded, &queue, &["queue_running/0/0", "queue_pending/0/0"]),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_queue_with_front_and_given_numbers_is_listed_and_run_as_recorded() {
    let recorded = load("http", "queue_running_and_pending")["body"].clone();
    let sim = recorded_server().start().await.unwrap();
    let gate = sim.hold("RigSleep");
    let mut mine = Socket::open(&sim, "rig-b").await;
    let mut other = Socket::open(&sim, "rig-other").await;
    let item = |list: &str, at: usize| recorded[list][at].clone();
    let running = item("queue_running", 0);
    let [numbered, front, behind, deleted] = [0, 1, 2, 3].map(|at| item("queue_pending", at));
    // The recorded running number was 9 when these were sent.
    for _ in 0..9 {
        assert_eq!(post(&sim, "/prompt", &json!({"prompt": {}})).await.status, 400);
    }
    for (item, extra) in [
        (&running, json!({})),
        (&behind, json!({})),
        (&deleted, json!({})),
        (&front, json!({"front": true})),
        (&numbered, json!({"number": -99})),
    ] {
        let mut body = json!({"prompt": item[2], "prompt_id": item[1], "client_id": item[3]["client_id"], "extra_data": item[3]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        submit(&sim, &body).await;
    }
    gate.reached().await;

    assert_eq!(differences(&recorded, &get(&sim, "/queue").await.body(), &[]), Vec::<String>::new());
    for name in ["api_jobs_pending", "api_job_pending"] {
        let recorded = load("http", name);
        let answer = get(&sim, recorded["request"]["path"].as_str().unwrap()).await.body();
        // Jobs made in one millisecond have no recorded order among them.
        let found = if name == "api_jobs_pending" {
            by_id(&recorded["body"], &answer)
        } else {
            differences(&recorded["body"], &answer, &[])
        };
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
    let gone = json!({"delete": [deleted[1], running[1], "unknown"]});
    assert_eq!(post(&sim, "/queue", &gone).await.status, 200);
    gate.release();

    let last = behind[1].as_str().unwrap();
    let frames = mine.until_end_of(last).await;
    let order: Vec<&Value> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Text(event) if event["type"] == "execution_start" => Some(&event["data"]["prompt_id"]),
            _ => None,
        })
        .collect();
    assert_eq!(order, [&numbered[1], &front[1], &behind[1]]);
    assert_frames_of_others(&mut other, running[1].as_str().unwrap()).await;
}

/// The owner of the first prompt hears the end of their own and nothing but `status` afterwards.
async fn assert_frames_of_others(socket: &mut Socket, own: &str) {
    socket.until_end_of(own).await;
    let rest = frames_to_idle(socket).await;
    assert!(
        rest.iter().all(|frame| matches!(frame, Frame::Text(event) if event["type"] == "status")),
        "{rest:#?}"
    );
}

fn by_id(recorded: &Value, ours: &Value) -> Vec<String> {
    let sorted = |body: &Value| {
        let mut body = body.clone();
        body["jobs"].as_array_mut().unwrap().sort_by_key(|job| job["id"].to_string());
        body
    };
    differences(&sorted(recorded), &sorted(ours), &[])
}

#[tokio::test]
async fn two_prompts_may_have_one_id_and_the_second_replaces_the_first_in_history() {
    let sim = recorded_server().start().await.unwrap();
    let gate = sim.hold("RigSleep");
    for nonce in [1, 2] {
        submit(&sim, &json!({"prompt": sleeper(1.0, 2, nonce), "prompt_id": "dup-1", "client_id": "rig-e"}))
            .await;
    }
    gate.reached().await;
    let recorded = load("http", "queue_duplicate_ids")["body"].clone();
    let mut queue = get(&sim, "/queue").await.body();
    // Something else waited too when this was recorded.
    queue["queue_pending"].as_array_mut().unwrap().push(recorded["queue_pending"][1].clone());
    assert_eq!(
        differences(&recorded, &queue, &["queue_running/0/0", "queue_pending/0/0"]),
        Vec::<String>::new()
    );
    let mut socket = Socket::open(&sim, "rig-e").await;
    gate.release();

    socket.until_end_of("dup-1").await;
    socket.until_end_of("dup-1").await;

    let history = get(&sim, "/history/dup-1").await.body();
    let recorded = load("http", "history_duplicate_ids")["body"].clone();
    assert_eq!(differences(&recorded, &history, &["prompt/0"]), Vec::<String>::new());
}
