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

/// JSON of any shape, leaning towards the keys of workflows.
pub(crate) fn any_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9:]{0,6}".prop_map(Value::from),
        prop_oneof![
            Just("KSampler"),
            Just("SaveImage"),
            Just("BatchImagesNode"),
            Just("ResizeImageMaskNode")
        ]
        .prop_map(Value::from),
    ];
    let key = prop_oneof![
        "[a-z0-9]{0,3}",
        Just("class_type".to_owned()),
        Just("inputs".to_owned()),
        Just("op".to_owned()),
        Just("node_id".to_owned()),
        Just("_meta".to_owned()),
        Just("images".to_owned()),
        Just("resize_type".to_owned()),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::hash_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
