//! Whole workflows: a pair of files each, and the way back from the API format.

use serde_json::Value;

use super::{converted, object_info, to_api, to_ui};
use crate::Workflow;

macro_rules! pair {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/fixtures/convert/",
                $name,
                ".ui.json"
            )),
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/fixtures/convert/",
                $name,
                ".api.json"
            )),
        )
    };
}

fn pairs() -> Vec<(&'static str, Value, Value)> {
    let parsed = |(name, ui, api): (&'static str, &str, &str)| {
        (name, serde_json::from_str(ui).unwrap(), serde_json::from_str(api).unwrap())
    };
    [pair!("text_to_image"), pair!("two_passes")].into_iter().map(parsed).collect()
}

#[test]
fn the_fixtures_convert_to_their_pairs() {
    for (name, ui, api) in pairs() {
        assert_eq!(converted(&ui).0, api, "{name}");
    }
}

#[test]
fn what_is_drawn_converts_back_to_itself() {
    for (name, _, api) in pairs() {
        let workflow = Workflow::from_value(&api).unwrap();
        let drawn = to_ui(&workflow, Some(object_info())).unwrap();
        let back = to_api(&drawn.workflow, object_info()).unwrap();
        let ids_kept = !name.contains("two_passes");
        if ids_kept {
            assert_eq!(back.workflow.to_value(), api, "{name}");
        }
        assert_eq!(back.workflow.len(), workflow.len(), "{name}");
        assert!(back.report.is_clean(), "{name}: {:?}", back.report);
    }
}

#[test]
fn a_drawn_node_has_typed_links_control_slots_and_a_place() {
    let (_, _, api) = pairs().remove(0);
    let drawn = to_ui(&Workflow::from_value(&api).unwrap(), Some(object_info())).unwrap();
    let ui = drawn.workflow.into_value();
    let nodes = ui["nodes"].as_array().unwrap();
    let sampler = nodes.iter().find(|node| node["type"] == "KSampler").unwrap();
    assert_eq!(sampler["widgets_values"][1], "fixed");
    let loader = nodes.iter().find(|node| node["type"] == "CheckpointLoaderSimple").unwrap();
    assert!(loader["pos"][0].as_f64() < sampler["pos"][0].as_f64());
    assert!(loader["order"].as_u64() < sampler["order"].as_u64());
    let links = ui["links"].as_array().unwrap();
    assert!(links.iter().all(|link| link[5] != "*"), "{links:?}");
    assert_eq!(ui["last_link_id"], links.len());
}

#[test]
fn a_node_of_an_unknown_class_is_drawn_from_its_inputs() {
    let api = serde_json::json!({
        "1": { "class_type": "Mystery", "inputs": { "seed": 5, "text": "x" } },
        "57:2": { "class_type": "Other", "inputs": { "in": ["1", 3], "gone": ["9", 0] } },
    });
    let drawn = to_ui(&Workflow::from_value(&api).unwrap(), None).unwrap();
    assert_eq!((drawn.report.assumed.len(), drawn.report.dropped.len()), (2, 1));
    let ui = drawn.workflow.into_value();
    assert_eq!(ui["nodes"][0]["widgets_values"], serde_json::json!([5, "fixed", "x"]));
    assert_eq!(ui["nodes"][1]["id"], 2);
    assert_eq!(ui["links"], serde_json::json!([[1, 1, 3, 2, 0, "*"]]));
}
