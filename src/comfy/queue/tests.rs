use super::*;
use crate::comfy::{ClientConfig, OutputKind};

fn jobs() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/comfy/jobs.json")).unwrap()
}

fn job(name: &str) -> (Job, Option<HistoryEntry>) {
    serde_json::from_value::<RawJob>(jobs()[name].clone()).unwrap().split()
}

#[test]
fn the_queue_is_read_without_its_graphs() {
    let raw: RawQueue =
        serde_json::from_str(include_str!("../../../tests/fixtures/comfy/queue.json")).unwrap();
    let queue = Client::new(ClientConfig::default()).unwrap().snapshot(raw);
    let running = &queue.running[0];
    assert_eq!((running.number, running.node_count, running.ours), (9.0, 1, false));
    let numbers: Vec<f64> = queue.pending.iter().map(|item| item.number).collect();
    assert_eq!(numbers, [-99.0, -12.0, 10.0, 11.0]);
    let third = PromptId::parse("ee74ed91-9cf0-4b7d-acc9-21e7629a0a69").unwrap();
    assert_eq!(queue.position(&third), Some(3));
    assert!(!queue.is_running(&third));
}

#[test]
fn our_own_entries_are_known_by_the_name_of_our_sockets() {
    let client = Client::new(ClientConfig::default()).unwrap();
    let name = format!("{}-3", client.inner.feed.instance());
    let raw = json!({"queue_running": [[1, "a", {}, {"client_id": name}, []]], "queue_pending": []});
    assert!(client.snapshot(serde_json::from_value(raw).unwrap()).running[0].ours);
}

#[test]
fn entries_of_older_servers_and_of_odd_clients_are_read() {
    let raw = json!({"queue_running": [[1, "a", {}, null]], "queue_pending": [[2, "b", {}], [3, "c"], [4, "d", {}, {}]]});
    let queue = Client::new(ClientConfig::default()).unwrap().snapshot(serde_json::from_value(raw).unwrap());
    assert_eq!(queue.running.len() + queue.pending.len(), 4);
    assert!(queue.pending.iter().all(|item| item.create_time.is_none() && !item.ours));
}

#[test]
fn jobs_in_every_state_are_read() {
    assert_eq!(job("api_job_pending").0.status, Some(JobState::Queued));
    assert_eq!(job("api_job_running").0.status, Some(JobState::Running));
    let (done, entry) = job("api_job_success");
    assert_eq!((done.status, done.outputs.len()), (Some(JobState::Succeeded), 1));
    assert_eq!(done.preview_output.unwrap().kind, OutputKind::Image);
    assert_eq!(entry.unwrap().state, JobState::Succeeded);
    let (failed, entry) = job("api_job_node_error_ValueError");
    assert_eq!(failed.error.unwrap().exception_type, "ValueError");
    assert_eq!(entry.unwrap().failure.unwrap().node_id, "2");
    let (cancelled, entry) = job("api_job_interrupt_with_prompt_id");
    assert_eq!(cancelled.status, Some(JobState::Cancelled));
    assert_eq!(entry.unwrap().state, JobState::Cancelled);
}

#[test]
fn a_page_of_jobs_carries_its_totals() {
    let page: crate::comfy::listing::RawPage =
        serde_json::from_value(jobs()["get_api_jobs__limit=2"].clone()).unwrap();
    assert_eq!((page.jobs.len(), page.pagination.total, page.pagination.has_more), (2, 13, true));
}
