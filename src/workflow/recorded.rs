//! The node catalogue of a recorded ComfyUI 0.12.2, for tests.

use std::io::Read;
use std::sync::OnceLock;

use super::ObjectInfo;

const FIXTURE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/object_info.json.gz"));

/// The recorded catalogue, read once.
pub(crate) fn object_info() -> &'static ObjectInfo {
    static READ: OnceLock<ObjectInfo> = OnceLock::new();
    READ.get_or_init(|| {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(FIXTURE).read_to_end(&mut text).unwrap_or_default();
        ObjectInfo::parse(&text).unwrap_or_default()
    })
}
