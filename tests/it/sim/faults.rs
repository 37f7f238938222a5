//! Every scripted fault does what it says.

use std::time::Duration;

use comfywarden_sim::Sim;
use serde_json::{Value, json};

use super::{
    behaviour::text_to_image,
    client::{self, Frame, Socket, get, post, submit},
};

fn kind(frame: &Frame) -> &str {
    match frame {
        Frame::Text(event) => event.get("type").and_then(Value::as_str).unwrap_or_default(),
        Frame::Binary(_) => "binary",
        Frame::Closed(true) => "closed",
        Frame::Closed(false) => "cut",
    }
}

#[tokio::test]
async fn a_socket_is_cut_after_the_given_number_of_frames() {
    let sim = Sim::instant().start().await.unwrap();
    sim.faults().drop_ws_after(3);
    let mut socket = Socket::open(&sim, "a").await;
    submit(&sim, Some("a"), &text_to_image(64, 2, 1)).await;

    let frames = socket.until(|_| false).await;

    assert_eq!(frames.iter().map(kind).collect::<Vec<_>>(), ["status", "status", "status", "cut"]);
    // Only once: the next socket lives.
    let mut next = Socket::open(&sim, "b").await;
    let id = submit(&sim, Some("b"), &text_to_image(64, 2, 2)).await;
    assert_eq!(next.until_end_of(&id).await.iter().map(kind).next_back(), Some("executing"));
}

#[tokio::test]
async fn sockets_are_closed_refused_and_silenced_on_demand() {
    let sim = Sim::instant().start().await.unwrap();
    let mut socket = Socket::open(&sim, "a").await;
    socket.next().await;
    sim.faults().close_ws();
    assert_eq!(socket.next().await, Frame::Closed(true));

    sim.faults().refuse_ws(true);
    assert!(Socket::try_open(&sim, "/ws?clientId=b").await.is_none());
    sim.faults().clear();

    sim.faults().silence_ws(true);
    let mut silent = Socket::open(&sim, "c").await;
    sim.faults().send_ws_text("\"unheard\"");
    sim.faults().drop_ws();
    assert_eq!(silent.next().await, Frame::Closed(false));
}

#[tokio::test]
async fn malformed_and_oversize_frames_arrive_as_they_are() {
    let sim = Sim::instant().start().await.unwrap();
    let mut socket = Socket::open(&sim, "a").await;
    socket.next().await;

    sim.faults().malformed_frames();
    sim.faults().oversize_frame(3 << 20);

    assert_eq!(socket.next().await, Frame::Text("{nope".into()));
    let frames = socket.until(|frame| matches!(frame, Frame::Binary(bytes) if bytes.len() == 3 << 20)).await;
    assert_eq!(frames.len(), 10);
}

#[tokio::test]
async fn a_prompt_whose_reply_is_lost_was_accepted() {
    let sim = Sim::instant().start().await.unwrap();
    sim.faults().lose_prompt_reply();
    let body = json!({"prompt": text_to_image(64, 2, 1), "prompt_id": "p"});

    let lost = client::request(&sim, "POST", "/prompt").json(&body).send().await;

    assert!(lost.is_err());
    let mut socket = Socket::open(&sim, "late").await;
    socket.until(|frame| matches!(frame, Frame::Text(event) if event.pointer("/data/status/exec_info/queue_remaining") == Some(&json!(0)))).await;
    assert_eq!(get(&sim, "/history/p").await.body()["p"]["status"]["status_str"], "success");
    assert_eq!(post(&sim, "/prompt", &json!({"prompt": {}})).await.status, 400);
}

#[tokio::test]
async fn failed_requests_take_no_effect_and_are_counted() {
    let sim = Sim::instant().start().await.unwrap();
    sim.faults().fail_requests("/prompt", 2, 502);
    let body = json!({"prompt": text_to_image(64, 1, 1)});

    let statuses = [post(&sim, "/prompt", &body).await.status, post(&sim, "/api/prompt", &body).await.status];

    assert_eq!(statuses, [502, 502]);
    assert_eq!(post(&sim, "/prompt", &body).await.body()["number"], 0);
}

#[tokio::test]
async fn answers_can_be_slow_large_or_nonsense() {
    let sim = Sim::instant().start().await.unwrap();
    sim.faults().slow("/queue", Duration::from_millis(20));
    let before = tokio::time::Instant::now();
    get(&sim, "/queue").await;
    assert!(before.elapsed() >= Duration::from_millis(20));

    sim.faults().oversize_answer("/features", 100_000);
    let large = get(&sim, "/features").await;
    assert_eq!((large.bytes.len(), large.body()["max_upload_size"].clone()), (100_000, json!(100 << 20)));

    sim.faults().answer("/system_stats", 200, "<html>");
    assert_eq!(get(&sim, "/system_stats").await.body(), "<html>");
}

#[tokio::test]
async fn a_route_can_be_held_until_released() {
    let sim = Sim::instant().start().await.unwrap();
    let gate = sim.hold_route("/queue");
    let url = format!("{}/queue", sim.url());
    let asked = tokio::spawn(async move { crate::support::http_client().get(url).send().await.is_ok() });

    gate.reached().await;
    assert!(!asked.is_finished());
    gate.release();

    assert!(asked.await.unwrap());
}

#[tokio::test]
async fn a_class_can_be_made_to_fail_or_to_run_out_of_memory() {
    let sim = Sim::instant().start().await.unwrap();
    sim.faults().node_error("VAEDecode", "RuntimeError", "no such thing");
    sim.faults().out_of_memory("KSampler");
    let mut socket = Socket::open(&sim, "a").await;

    let id = submit(&sim, Some("a"), &text_to_image(64, 2, 1)).await;
    socket.until_end_of(&id).await;
    let job = get(&sim, &format!("/api/jobs/{id}")).await.body();
    assert_eq!(job["execution_error"]["exception_type"], "torch.OutOfMemoryError");

    sim.faults().clear();
    sim.faults().node_error("VAEDecode", "RuntimeError", "no such thing");
    let id = submit(&sim, Some("a"), &text_to_image(64, 2, 1)).await;
    socket.until_end_of(&id).await;
    let job = get(&sim, &format!("/api/jobs/{id}")).await.body();
    assert_eq!(job["execution_error"]["exception_message"], "no such thing\n");
}

#[tokio::test]
async fn a_stalled_node_ignores_interrupts_and_a_restart_forgets_it() {
    let sim = Sim::instant().start().await.unwrap();
    sim.faults().stall("KSampler");
    let mut socket = Socket::open(&sim, "a").await;
    let id = submit(&sim, Some("a"), &text_to_image(64, 2, 1)).await;
    socket.until(|frame| matches!(frame, Frame::Text(event) if event["data"]["node"] == "3")).await;

    post(&sim, "/interrupt", &json!({})).await;
    assert_eq!(get(&sim, "/queue").await.body()["queue_running"][0][1], id.as_str());
    sim.restart();

    assert_eq!(socket.until(|_| false).await.last(), Some(&Frame::Closed(false)));
    assert_eq!(get(&sim, "/queue").await.body(), json!({"queue_running": [], "queue_pending": []}));
    assert_eq!(get(&sim, "/history").await.body(), json!({}));
    // The new worker works.
    sim.faults().clear();
    let mut socket = Socket::open(&sim, "a").await;
    let id = submit(&sim, Some("a"), &text_to_image(64, 2, 1)).await;
    socket.until_end_of(&id).await;
}

#[tokio::test]
async fn the_history_can_be_held_back_behind_the_success_event() {
    let sim = Sim::instant().start().await.unwrap();
    let gate = sim.hold_history();
    let mut socket = Socket::open(&sim, "a").await;
    let id = submit(&sim, Some("a"), &text_to_image(64, 1, 1)).await;
    socket.until(|frame| kind(frame) == "execution_success").await;
    gate.reached().await;

    assert_eq!(get(&sim, &format!("/history/{id}")).await.body(), json!({}));
    assert_eq!(get(&sim, &format!("/api/jobs/{id}")).await.body()["status"], "in_progress");
    gate.release();
    socket.until_end_of(&id).await;

    assert_eq!(get(&sim, &format!("/api/jobs/{id}")).await.body()["status"], "completed");
    sim.faults().history_misses(1);
    assert_eq!(get(&sim, &format!("/history/{id}")).await.body(), json!({}));
    assert!(get(&sim, &format!("/history/{id}")).await.body()[&id].is_object());
}

#[tokio::test]
async fn a_server_that_is_down_answers_nobody() {
    let sim = Sim::instant().start().await.unwrap();
    let mut socket = Socket::open(&sim, "a").await;
    socket.next().await;

    sim.faults().down(true);

    assert_eq!(socket.next().await, Frame::Closed(false));
    assert!(client::request(&sim, "GET", "/queue").send().await.is_err());
    sim.faults().down(false);
    assert_eq!(get(&sim, "/queue").await.status, 200);
}

#[tokio::test]
async fn a_stopped_server_frees_its_port() {
    let sim = Sim::instant().start().await.unwrap();
    let address = sim.address().to_string();

    sim.stop().await;

    assert!(Sim::instant().listen(address).start().await.is_ok());
}
