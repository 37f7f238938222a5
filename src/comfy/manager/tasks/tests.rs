//! Frames of the socket, read.

use super::*;

#[test]
fn completed_with_an_error_is_a_failure() {
    let frame = |status: &str, messages: &[&str]| {
        json!({"type": "cm-task-completed", "data": {"ui_id": "t1", "kind": "install", "result": "x",
            "status": {"status_str": status, "completed": true, "messages": messages}}})
        .to_string()
    };
    assert_eq!(
        read_frame(&frame("error", &["Cannot resolve 'a' in /opt/comfy/x"]), "t1"),
        Some(TaskEnd::Failed("Cannot resolve 'a' in …/x".into()))
    );
    assert_eq!(read_frame(&frame("success", &[]), "t1"), Some(TaskEnd::Done));
    assert_eq!(read_frame(&frame("skip", &[]), "t1"), Some(TaskEnd::Skipped));
    assert_eq!(read_frame(&frame("success", &[]), "other"), None);
}

#[test]
fn the_older_words_are_understood_and_nonsense_is_not() {
    let frame =
        json!({"type": "cm-queue-status", "data": {"status": "done", "nodepack_result": {"t1": "success"}}});
    assert_eq!(read_frame(&frame.to_string(), "t1"), Some(TaskEnd::Done));
    for other in
        ["", "[]", "{}", r#"{"type": "cm-task-completed"}"#, r#"{"type": "cm-queue-status", "data": 7}"#]
    {
        assert_eq!(read_frame(other, "t1"), None, "{other}");
    }
}
