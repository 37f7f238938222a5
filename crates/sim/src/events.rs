//! The frames ComfyUI sends over its WebSocket.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::sockets::Frame;

/// Milliseconds since 1970, as ComfyUI stamps them.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A text frame `{type, data}`.
pub(super) fn text(kind: &str, data: &Value) -> Frame {
    Frame::text(super::python::json(&json!({"type": kind, "data": data})))
}

/// A `status` frame: prompts that wait or run, and the socket's own name right after it connected.
pub(super) fn status(remaining: usize, name: Option<&str>) -> Frame {
    let mut data = json!({"status": {"exec_info": {"queue_remaining": remaining}}});
    if let (Some(name), Some(map)) = (name, data.as_object_mut()) {
        map.insert("sid".into(), name.into());
    }
    text("status", &data)
}

/// The kinds of picture in a preview.
#[derive(Debug, Clone, Copy)]
pub(super) enum PictureKind {
    Jpeg = 1,
    Png = 2,
}

/// Event 1: a picture without any word about whose it is.
pub(super) fn bare_picture(kind: PictureKind, picture: &[u8]) -> Frame {
    let mut bytes = Vec::with_capacity(picture.len() + 8);
    bytes.extend_from_slice(&1_u32.to_be_bytes());
    bytes.extend_from_slice(&(kind as u32).to_be_bytes());
    bytes.extend_from_slice(picture);
    Frame::binary(bytes)
}

/// Event 4: a JPEG preview with its node and prompt.
pub(super) fn named_preview(node_id: &str, prompt_id: &str, picture: &[u8]) -> Frame {
    let metadata = json!({
        "node_id": node_id, "prompt_id": prompt_id, "display_node_id": node_id, "parent_node_id": null,
        "real_node_id": node_id, "image_type": "image/jpeg",
    });
    length_prefixed(4, metadata.to_string().as_bytes(), picture)
}

/// Event 3: a line of text from a node.
pub(super) fn progress_text(node_id: &str, line: &str) -> Frame {
    length_prefixed(3, node_id.as_bytes(), line.as_bytes())
}

fn length_prefixed(event: u32, head: &[u8], rest: &[u8]) -> Frame {
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(head.len() + rest.len() + 8);
    bytes.extend_from_slice(&event.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(rest);
    Frame::binary(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_frame_starts_as_the_recorded_one() {
        let id = "1fd68d53-b664-4eb0-95f9-4a2040aaadcf";
        let Frame::Send(message) = named_preview("3", id, &[0xff, 0xd8]) else { panic!("not a message") };
        let bytes = message.into_data();
        // The recorded JSON has Python's blanks after `:` and `,`, so only the prefix before it is compared.
        assert_eq!(&bytes[..4], &[0, 0, 0, 4]);
        let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        assert_eq!(bytes.len(), 8 + length + 2);
        assert_eq!(&bytes[8..17], br#"{"node_id"#);
    }
}
