//! The node catalogue of a recorded ComfyUI 0.12.2, for tests.

use std::io::Read;
use std::sync::OnceLock;

use super::ObjectInfo;

const FIXTURE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/object_info.json.gz"));

/// Returns the recorded catalogue, read once.
pub fn object_info() -> &'static ObjectInfo {
    static READ: OnceLock<ObjectInfo> = OnceLock::new();
    READ.get_or_init(|| {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(FIXTURE).read_to_end(&mut text).unwrap_or_default();
        ObjectInfo::parse(&text).unwrap_or_default()
    })
}

/// Generates JSON of any shape, leaning towards the keys of workflows.
#[cfg(test)]
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

/// Generates workflows with links to present and missing nodes, cycles, odd names and odd values.
#[cfg(test)]
pub(crate) fn any_workflow() -> impl proptest::strategy::Strategy<Value = super::Workflow> {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    let id = || prop_oneof![Just("1"), Just("2"), Just("3"), Just("4"), Just("57:12"), Just("a b\"c")];
    let class = prop_oneof![
        Just("KSampler".to_owned()),
        Just("CLIPTextEncode".to_owned()),
        Just("Load Text File".to_owned()),
        Just("node".to_owned()),
        Just("True".to_owned()),
        Just(String::new()),
        "\\PC{0,8}"
    ];
    let input = prop_oneof![
        Just("model".to_owned()),
        Just("positive".to_owned()),
        Just("images.image0".to_owned()),
        Just("_id".to_owned()),
        Just("class".to_owned()),
        Just("a.".to_owned()),
        "\\PC{0,6}"
    ];
    let value = prop_oneof![
        (id(), 0..5u32).prop_map(|(id, output)| json!([id, output])),
        (id(), 0..5u32).prop_map(|(id, output)| json!([id, output])),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\n\\t\\\\\"'{}#]{0,6}".prop_map(Value::from),
        any_json(),
    ];
    let inputs = proptest::collection::vec((input, value), 0..5);
    let meta = prop_oneof![
        Just(None),
        Just(Some(json!({}))),
        "\\PC{0,8}".prop_map(|title| Some(json!({"title": title}))),
        Just(Some(json!({"title": 5, "x": [1]}))),
    ];
    let node = (id(), class, inputs, meta);
    proptest::collection::vec(node, 0..6).prop_map(|nodes| {
        let mut workflow = super::Workflow::new();
        for (id, class, inputs, meta) in nodes {
            let mut node = super::Node::new(class, inputs.into_iter().collect());
            node.meta = meta.and_then(|meta| meta.as_object().cloned());
            workflow.insert(id, node);
        }
        workflow
    })
}
