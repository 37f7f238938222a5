use super::*;
use crate::comfy::{FileType, OutputKind};

fn recorded(name: &str) -> HistoryEntry {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/comfy/history.json")).unwrap();
    let (id, entry) = all[name].as_object().unwrap().iter().next().unwrap();
    serde_json::from_value::<RawEntry>(entry.clone()).unwrap().entry(id)
}

#[test]
fn a_success_has_its_outputs_and_times() {
    let entry = recorded("success_sd");
    assert_eq!((entry.state, entry.cached, entry.node_count), (JobState::Succeeded, false, 7));
    let file = &entry.outputs[0];
    assert_eq!(
        (file.filename.as_str(), file.file_type, file.kind),
        ("sd_00003_.png", FileType::Output, OutputKind::Image)
    );
    assert!(entry.end_time.unwrap() > entry.start_time.unwrap());
    assert_eq!((entry.failure, entry.blocked), (None, None));
}

#[test]
fn a_cached_run_says_so_and_keeps_its_outputs() {
    let entry = recorded("cached_rerun");
    assert_eq!((entry.state, entry.cached, entry.outputs.len()), (JobState::Succeeded, true, 1));
}

#[test]
fn previews_keep_their_type() {
    let entry = recorded("preview_image_batch3_temp");
    assert_eq!(entry.outputs.len(), 3);
    assert!(entry.outputs.iter().all(|file| file.file_type == FileType::Temp));
}

#[test]
fn a_node_error_names_node_class_and_exception_without_paths() {
    let failure = recorded("node_error_ValueError").failure.unwrap();
    assert_eq!(
        failure,
        NodeFailure {
            node_id: "2".into(),
            node_type: "RigFail".into(),
            exception_type: "ValueError".into(),
            message: "boom 1795235740.3434114".into(),
            traceback: vec![
                "execution.py:527 in execute".into(),
                "execution.py:331 in get_output_data".into(),
                "execution.py:305 in _async_map_node_over_list".into(),
                "execution.py:293 in process_inputs".into(),
                "custom_nodes/rig_danger/__init__.py:117 in run".into(),
            ],
            out_of_memory: false,
        }
    );
    assert!(recorded("node_error_OutOfMemoryError").failure.unwrap().out_of_memory);
}

#[test]
fn an_interrupted_run_is_cancelled_although_history_calls_it_an_error() {
    let entry = recorded("interrupt_with_prompt_id");
    assert_eq!((entry.state, entry.failure), (JobState::Cancelled, None));
}

#[test]
fn success_without_outputs_points_at_the_blocked_node() {
    let blocked = recorded("execution_blocker").blocked.unwrap();
    assert_eq!(
        (blocked.node_id.as_deref(), blocked.node_type.as_deref(), blocked.message),
        (Some("3"), Some("SaveImage"), None)
    );
    // This class sends its picture over the socket and leaves nothing in history by design.
    assert_eq!(recorded("save_image_websocket").blocked, None);
}

#[test]
fn out_of_memory_is_recognised_by_type_and_by_words() {
    for (kind, message) in [
        ("torch.OutOfMemoryError", ""),
        ("torch.cuda.OutOfMemoryError", ""),
        ("RuntimeError", "MPS backend out of memory"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        ("RuntimeError", "Allocation on device 0 would exceed allowed memory"),
        ("MemoryError", ""),
    ] {
        assert!(is_out_of_memory(kind, message), "{kind} {message}");
    }
    assert!(!is_out_of_memory("ValueError", "bad memory format"));
}

#[test]
fn entries_of_any_shape_are_read() {
    for odd in [
        serde_json::json!({}),
        serde_json::json!({"prompt": [1], "outputs": {"1": 2}, "status": null}),
        serde_json::json!({"status": {"messages": [1, ["execution_error"], ["execution_error", null]], "status_str": "error"}}),
    ] {
        let entry = serde_json::from_value::<RawEntry>(odd).unwrap().entry("x");
        assert_eq!(entry.state, JobState::Failed);
    }
}

#[test]
fn an_older_server_without_a_status_is_believed_by_its_outputs() {
    let bare = |outputs: &str| {
        let text = format!(r#"{{"prompt": [1, "x", {{"1": {{"class_type": "A"}}}}], "outputs": {outputs}}}"#);
        serde_json::from_str::<RawEntry>(&text).unwrap().entry("x")
    };
    let done = bare(r#"{"1": {"images": [{"filename": "a.png"}]}}"#);
    assert_eq!((done.state, done.outputs.len(), done.end_time), (JobState::Succeeded, 1, None));
    assert_eq!((done.failure, done.outputs[0].subfolder.as_str()), (None, ""));
    assert_eq!(bare("{}").state, JobState::Failed);
}
