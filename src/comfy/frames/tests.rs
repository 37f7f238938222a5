use serde_json::Value;

use super::*;

fn recorded(name: &str) -> Vec<Frame> {
    let all: Value = serde_json::from_str(include_str!("../../../tests/fixtures/comfy/frames.json")).unwrap();
    all[name].as_array().unwrap().iter().map(|frame| text(&frame.to_string()).unwrap()).collect()
}

fn binary_frame(event: u32, parts: &[&[u8]]) -> Bytes {
    let mut bytes = event.to_be_bytes().to_vec();
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes.into()
}

#[test]
fn every_recorded_frame_is_read() {
    for name in ["success_flags_sd_preview_metadata", "cached_rerun_identical", "interrupt_with_prompt_id"] {
        let frames = recorded(name);
        assert!(matches!(frames.last(), Some(Frame::Executing(_, None))), "{name}");
        assert!(frames.iter().any(|frame| matches!(frame, Frame::Start(_))), "{name}");
    }
    let steps = recorded("success_flags_sd_preview_metadata");
    let steps =
        steps.iter().filter(|f| matches!(f, Frame::Step { max, .. } if (*max - 3.0).abs() < f64::EPSILON));
    assert_eq!(steps.count(), 3);
    assert!(recorded("interrupt_with_prompt_id").iter().any(|frame| matches!(frame, Frame::Interrupted(_))));
    let cached = recorded("cached_rerun_identical");
    assert!(cached.iter().any(|frame| matches!(frame, Frame::Cached(_, nodes) if nodes.len() == 7)));
}

#[test]
fn a_blocker_is_not_an_error() {
    let frames = recorded("execution_blocker_and_progress_text");
    let blocked = frames.iter().find_map(|frame| match frame {
        Frame::Blocked(_, blocked) => blocked.message.clone(),
        _ => None,
    });
    assert_eq!(blocked.as_deref(), Some("blocked 1795235741.075433"));
    assert!(!frames.iter().any(|frame| matches!(frame, Frame::Error(..))));
    let errors = recorded("node_error_ValueError");
    assert!(errors.iter().any(|f| matches!(f, Frame::Error(_, failure) if failure.node_type == "RigFail")));
}

#[test]
fn binary_frames_are_taken_apart() {
    let about = br#"{"node_id":"3","prompt_id":"p","image_type":"image/png"}"#;
    let length = u32::try_from(about.len()).unwrap().to_be_bytes();
    let Some(Frame::Preview(Some(id), preview)) = binary(binary_frame(4, &[&length, about, b"PNG"])) else {
        panic!("not a preview");
    };
    assert_eq!((id.as_str(), preview.node_id.as_deref()), ("p", Some("3")));
    assert_eq!((preview.mime_type.as_str(), preview.bytes.as_ref()), ("image/png", &b"PNG"[..]));
    let Some(Frame::Preview(None, old)) = binary(binary_frame(1, &[&1u32.to_be_bytes(), b"JPG"])) else {
        panic!("not a preview");
    };
    assert_eq!((old.mime_type.as_str(), old.bytes.as_ref()), ("image/jpeg", &b"JPG"[..]));
    let words = binary(binary_frame(3, &[&1u32.to_be_bytes(), b"7", "grüße".as_bytes()]));
    assert_eq!(words, Some(Frame::Text { node_id: "7".into(), text: "grüße".into() }));
}

#[test]
fn malformed_frames_are_none_and_never_panic() {
    for broken in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"type":5}"#,
        r#"{"type":"executing","data":[]}"#,
        r#"{"type":"progress"}"#,
    ] {
        assert_eq!(text(broken), None, "{broken}");
    }
    for broken in [
        binary_frame(4, &[]),
        binary_frame(4, &[&u32::MAX.to_be_bytes(), b"x"]),
        binary_frame(4, &[&1u32.to_be_bytes(), b"{"]),
        binary_frame(3, &[&9u32.to_be_bytes(), b"ab"]),
        binary_frame(1, &[&9u32.to_be_bytes()]),
        Bytes::from_static(&[0, 0]),
    ] {
        assert_eq!(binary(broken.clone()), None, "{broken:?}");
    }
    assert_eq!(text(r#"{"type":"crystools.monitor","data":{"cpu":1}}"#), Some(Frame::Other));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, event in 0u32..6) {
        drop(binary(binary_frame(event, &[&bytes])));
        drop(text(&String::from_utf8_lossy(&bytes)));
    }
}
