//! The rules, one graph each, made by hand.
#![expect(clippy::needless_pass_by_value, reason = "graphs read best when their parts are written in place")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Converted, Moment, Report, to_api, to_api_at, to_ui};
use crate::{
    ObjectInfo, Result, UiWorkflow, Workflow,
    recorded::{any_json, object_info},
};

mod editor;
mod fixtures;
mod rules;
mod subgraphs;

fn convert(workflow: &Value) -> Result<Converted> {
    to_api(&UiWorkflow::from_value(workflow.clone())?, object_info())
}

fn converted(workflow: &Value) -> (Value, Report) {
    let Converted { workflow, report } = convert(workflow).unwrap();
    (workflow.to_value(), report)
}

fn inputs(workflow: &Value, id: &str) -> Value {
    converted(workflow).0[id]["inputs"].clone()
}

/// A workflow of schema 0.4.
fn ui(nodes: Value, links: Value) -> Value {
    json!({ "nodes": nodes, "links": links, "version": 0.4 })
}

/// A node without links.
fn node(id: u32, class_type: &str, values: Value) -> Value {
    json!({ "id": id, "type": class_type, "mode": 0, "inputs": [], "outputs": [], "properties": {}, "widgets_values": values })
}

/// A node whose inputs `(name, type, link)` are linked; widget inputs are named again in `widgets`.
fn linked(id: u32, class_type: &str, slots: &[(&str, &str, u32)], widgets: &[&str], values: Value) -> Value {
    let mut made = node(id, class_type, values);
    made["inputs"] = slots
        .iter()
        .map(|(name, ty, link)| {
            let mut slot = json!({ "name": name, "type": ty, "link": link });
            if widgets.contains(name) {
                slot["widget"] = json!({ "name": name });
            }
            slot
        })
        .collect();
    made
}

fn with(mut node: Value, key: &str, value: Value) -> Value {
    node[key] = value;
    node
}

/// A node with this mode: 2 is muted, 4 is bypassed.
fn mode(node: Value, mode: u32) -> Value {
    with(node, "mode", mode.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_json_gives_an_answer_or_a_named_error(value in any_json()) {
        if let Ok(workflow) = UiWorkflow::from_value(value) {
            let _ = to_api(&workflow, object_info());
        }
    }

    #[test]
    fn any_nodes_and_links_give_an_answer_or_a_named_error(
        classes in proptest::collection::vec(0_usize..8, 1..10),
        modes in proptest::collection::vec(0_i64..5, 10),
        links in proptest::collection::vec((0_u32..12, -12_i64..12, -2_i64..4, 0_u32..12, 0_i64..8), 0..20),
        values in any_json(),
    ) {
        let names = ["Reroute", "PrimitiveNode", "KSampler", "ImageInvert", "LoadImage", "sub", "Nowhere", "ResizeImageMaskNode"];
        let nodes: Vec<Value> = classes.iter().enumerate().map(|(at, class)| {
            let wanted = links.iter().filter(|link| usize::try_from(link.3).unwrap() == at);
            let slots: Vec<Value> = wanted
                .map(|link| json!({ "name": format!("image{}", link.4), "type": "*", "link": link.0 }))
                .collect();
            json!({
                "id": at, "type": names[*class], "mode": modes[at], "inputs": slots, "widgets_values": values,
                "outputs": [{ "type": "*", "links": links.iter().map(|l| l.0).collect::<Vec<_>>() }],
            })
        }).collect();
        let objects: Vec<Value> = links.iter().map(|(id, from, slot, to, at)| {
            json!({ "id": id, "origin_id": from, "origin_slot": slot, "target_id": to, "target_slot": at, "type": "*" })
        }).collect();
        let ids: Vec<u32> = links.iter().map(|link| link.0).collect();
        let workflow = json!({
            "version": 1, "nodes": nodes, "links": objects,
            "definitions": { "subgraphs": [{
                "id": "sub", "name": "sub", "nodes": nodes, "links": objects,
                "inputs": [{ "name": "image0", "type": "*", "linkIds": ids }],
                "outputs": [{ "name": "out", "type": "*", "linkIds": ids }],
            }] },
        });
        let workflow = UiWorkflow::from_value(workflow).unwrap();
        let _ = to_api(&workflow, object_info());
    }

    #[test]
    fn any_api_workflow_can_be_drawn(value in any_json()) {
        if let Ok(workflow) = Workflow::from_value(&value) {
            to_ui(&workflow, Some(object_info())).unwrap();
            to_ui(&workflow, None).unwrap();
        }
    }
}

#[test]
fn a_chain_of_ten_thousand_reroutes_is_followed_in_linear_time() {
    let mut nodes = vec![node(0, "EmptyImage", json!([]))];
    let mut links = Vec::new();
    for at in 1..10_000_u32 {
        nodes.push(linked(at, "Reroute", &[("", "*", at)], &[], Value::Null));
        links.push(json!([at, at - 1, 0, at, 0, "*"]));
    }
    nodes.push(linked(10_000, "SaveImage", &[("images", "IMAGE", 10_000)], &[], json!(["x"])));
    links.push(json!([10_000, 9_999, 0, 10_000, 0, "*"]));
    assert_eq!(inputs(&ui(nodes.into(), links.into()), "10000")["images"], json!(["0", 0]));
}

/// A chain of reroutes or bypassed nodes, and a node of its own type at every joint.
fn comb(class: &str, state: u32, types: &[&str]) -> Value {
    let mut nodes = vec![node(0, "EmptyImage", json!([]))];
    let mut links = Vec::new();
    for at in 1..3_000_u32 {
        nodes.push(mode(linked(at, class, &[("image", "*", at)], &[], Value::Null), state));
        links.push(json!([at, at - 1, 0, at, 0, "*"]));
        let (tooth, link) = (at + 10_000, at + 10_000);
        let ty = types[at as usize % types.len()];
        nodes.push(linked(tooth, "PreviewAny", &[("other", ty, link)], &[], json!([])));
        links.push(json!([link, at, 0, tooth, 0, ty]));
    }
    ui(nodes.into(), links.into())
}

#[test]
fn many_ways_through_one_chain_are_followed_in_linear_time() {
    for (class, state) in [("Reroute", 0), ("ImageInvert", 4)] {
        let result = converted(&comb(class, state, &["IMAGE", "*"])).0;
        assert_eq!(result["12999"]["inputs"]["other"], json!(["0", 0]), "{class}");
    }
}

#[test]
fn a_chain_that_every_type_must_walk_anew_is_refused() {
    let types: Vec<String> = (0..3_000).map(|at| format!("IMAGE,T{at}")).collect();
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let mut workflow = comb("Reroute", 0, &types);
    workflow["nodes"][1] = mode(linked(1, "ImageInvert", &[("image", "IMAGE", 1)], &[], json!([])), 4);
    let error = convert(&workflow).unwrap_err();
    assert!(error.to_string().contains("too many reroutes"), "{error}");
}

#[test]
fn file_names_take_the_date_only_when_one_is_given() {
    let workflow = ui(json!([node(1, "SaveImage", json!(["%date:yyyy-MM-dd%/a"]))]), json!([]));
    let (kept, report) = converted(&workflow);
    assert_eq!(kept["1"]["inputs"]["filename_prefix"], "%date:yyyy-MM-dd%/a");
    assert_eq!(report.assumed.len(), 1);
    let now = Moment { year: 2031, month: 2, day: 3, hour: 4, minute: 5, second: 6 };
    let dated = to_api_at(&UiWorkflow::from_value(workflow).unwrap(), object_info(), &now).unwrap();
    assert_eq!(dated.workflow.to_value()["1"]["inputs"]["filename_prefix"], "2031-02-03/a");
}

#[test]
fn a_catalogue_that_is_empty_names_every_class() {
    let workflow = ui(json!([node(1, "A", json!([])), node(2, "B", json!([]))]), json!([]));
    let workflow = UiWorkflow::from_value(workflow).unwrap();
    let error = to_api(&workflow, &ObjectInfo::default()).unwrap_err();
    assert_eq!(error.details()["missing_types"], json!(["A", "B"]));
}
