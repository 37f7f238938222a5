//! Expansion, promoted widgets, instances in a row and in each other.

use serde_json::{Value, json};

use super::{convert, converted, inputs, linked, mode, node, ui, with};

/// A definition with one sampler: promotes `steps`, passes `latent`, gives the sampler's output.
fn sampler_definition() -> Value {
    let sampler = linked(
        3,
        "KSampler",
        &[("latent_image", "LATENT", 1), ("steps", "INT", 2)],
        &["steps"],
        json!([5, "fixed", 21, 8.0, "euler", "normal", 1.0]),
    );
    json!({
        "id": "aaaa", "name": "Sampling", "version": 1, "nodes": [sampler],
        "links": [
            { "id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 3, "target_slot": 3 },
            { "id": 2, "origin_id": -10, "origin_slot": 1, "target_id": 3, "target_slot": 5 },
            { "id": 3, "origin_id": 3, "origin_slot": 0, "target_id": -20, "target_slot": 0 },
        ],
        "inputs": [
            { "name": "latent", "type": "LATENT", "linkIds": [1] },
            { "name": "steps", "type": "INT", "linkIds": [2] },
        ],
        "outputs": [{ "name": "LATENT", "type": "LATENT", "linkIds": [3] }],
    })
}

fn with_definitions(workflow: Value, definitions: Value) -> Value {
    with(workflow, "definitions", json!({ "subgraphs": definitions }))
}

#[test]
fn each_instance_has_its_own_promoted_value() {
    let nodes = json!([
        node(10, "EmptyLatentImage", json!([64, 64, 1])),
        linked(57, "aaaa", &[("latent", "LATENT", 1)], &[], json!([7])),
        linked(58, "aaaa", &[("latent", "LATENT", 2)], &[], json!(null)),
        linked(59, "SaveLatent", &[("samples", "LATENT", 3)], &[], json!(["x"])),
    ]);
    let links =
        json!([[1, 10, 0, 57, 0, "LATENT"], [2, 57, 0, 58, 0, "LATENT"], [3, 58, 0, 59, 0, "LATENT"]]);
    let workflow = with_definitions(ui(nodes, links), json!([sampler_definition()]));
    let (first, second) = (inputs(&workflow, "57:3"), inputs(&workflow, "58:3"));
    assert_eq!((&first["steps"], &second["steps"]), (&json!(7), &json!(21)));
    assert_eq!((&first["latent_image"], &second["latent_image"]), (&json!(["10", 0]), &json!(["57:3", 0])));
    assert_eq!(inputs(&workflow, "59")["samples"], json!(["58:3", 0]));
}

#[test]
fn proxy_entries_of_other_nodes_take_a_value_but_not_its_place() {
    let proxies = json!([["3", "seed"], ["-1", "steps"]]);
    let instance = with(node(57, "aaaa", json!([99, 7])), "properties", json!({ "proxyWidgets": proxies }));
    let workflow = with_definitions(ui(json!([instance]), json!([])), json!([sampler_definition()]));
    let sampler = inputs(&workflow, "57:3");
    assert_eq!((&sampler["seed"], &sampler["steps"]), (&json!(5), &json!(7)));
}

#[test]
fn all_uses_of_a_subgraph_share_a_promoted_text_and_the_report_says_so() {
    let definition = json!({
        "id": "tttt", "name": "Text", "version": 1,
        "nodes": [linked(1, "CLIPTextEncode", &[("text", "STRING", 1)], &["text"], json!(["inner"]))],
        "links": [{ "id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 1 }],
        "inputs": [{ "name": "text", "type": "STRING", "linkIds": [1] }],
        "outputs": [],
    });
    let nodes = json!([
        node(5, "tttt", json!(["first"])),
        node(6, "tttt", json!(["second"])),
        node(7, "tttt", json!(null))
    ]);
    let workflow = with_definitions(ui(nodes, json!([])), json!([definition]));
    let (result, report) = converted(&workflow);
    for id in ["5:1", "6:1", "7:1"] {
        assert_eq!(result[id]["inputs"]["text"], "second");
    }
    assert_eq!((report.dropped.len(), report.dropped[0].node_id.as_deref()), (1, Some("5")));
}

#[test]
fn a_primitive_reaches_a_promoted_widget() {
    let nodes = json!([
        with(
            node(1, "PrimitiveNode", json!([13, "fixed"])),
            "outputs",
            json!([{ "type": "INT", "links": [4] }])
        ),
        linked(57, "aaaa", &[("steps", "INT", 4)], &["steps"], json!([7])),
    ]);
    let links = json!([[4, 1, 0, 57, 1, "INT"]]);
    let workflow = with_definitions(ui(nodes, links), json!([sampler_definition()]));
    assert_eq!(inputs(&workflow, "57:3")["steps"], 13);
}

#[test]
fn promotion_goes_through_nested_definitions() {
    let outer = json!({
        "id": "bbbb", "name": "Outer", "version": 1,
        "nodes": [linked(4, "aaaa", &[("latent", "LATENT", 1), ("steps", "INT", 2)], &["steps"], json!([8]))],
        "links": [
            { "id": 1, "origin_id": -10, "origin_slot": 1, "target_id": 4, "target_slot": 0 },
            { "id": 2, "origin_id": -10, "origin_slot": 0, "target_id": 4, "target_slot": 1 },
        ],
        "inputs": [
            { "name": "count", "type": "INT", "linkIds": [2] },
            { "name": "latent", "type": "LATENT", "linkIds": [1] },
        ],
        "outputs": [],
    });
    let nodes = json!([node(20, "bbbb", json!([44])), node(21, "bbbb", json!(null))]);
    let workflow = with_definitions(ui(nodes, json!([])), json!([outer, sampler_definition()]));
    assert_eq!(inputs(&workflow, "20:4:3")["steps"], 44);
    assert_eq!(inputs(&workflow, "21:4:3")["steps"], 8);
}

#[test]
fn a_bypassed_instance_is_passed_around_and_its_inside_still_emitted() {
    let nodes = json!([
        node(10, "EmptyLatentImage", json!([64, 64, 1])),
        mode(linked(57, "aaaa", &[("latent", "LATENT", 1)], &[], json!([7])), 4),
        linked(59, "SaveLatent", &[("samples", "LATENT", 3)], &[], json!(["x"])),
    ]);
    let links = json!([[1, 10, 0, 57, 0, "LATENT"], [3, 57, 0, 59, 0, "LATENT"]]);
    let workflow = with_definitions(ui(nodes, links), json!([sampler_definition()]));
    assert_eq!(inputs(&workflow, "59")["samples"], json!(["10", 0]));
    assert_eq!(inputs(&workflow, "57:3")["latent_image"], json!(["10", 0]));
}

#[test]
fn recursion_depth_and_explosion_are_refused() {
    let shell = |id: &str, inner: &str, uses: u32| {
        let nodes: Vec<Value> = (0..uses).map(|at| node(at, inner, json!(null))).collect();
        json!({ "id": id, "name": id, "nodes": nodes, "links": [], "inputs": [], "outputs": [] })
    };
    let message = |definitions: Value| {
        let workflow = with_definitions(ui(json!([node(1, "s0", json!(null))]), json!([])), definitions);
        convert(&workflow).unwrap_err().to_string()
    };
    assert!(message(json!([shell("s0", "s1", 1), shell("s1", "s0", 1)])).contains("contains itself"));
    let deep: Vec<Value> = (0..12).map(|at| shell(&format!("s{at}"), &format!("s{}", at + 1), 1)).collect();
    assert!(message(deep.into()).contains("deeper than 10 levels"));
    let wide: Vec<Value> = (0..8).map(|at| shell(&format!("s{at}"), &format!("s{}", at + 1), 10)).collect();
    let wide: Vec<Value> = wide.into_iter().chain([shell("s8", "Note", 10)]).collect();
    assert!(message(wide.into()).contains("more than 12000 nodes"));
}

#[test]
fn an_input_that_goes_straight_out_is_refused_where_it_is_used() {
    let definition = json!({
        "id": "pppp", "name": "Pass", "nodes": [],
        "links": [{ "id": 1, "origin_id": -10, "origin_slot": 0, "target_id": -20, "target_slot": 0 }],
        "inputs": [{ "name": "image", "type": "IMAGE", "linkIds": [1] }],
        "outputs": [{ "name": "image", "type": "IMAGE", "linkIds": [1] }],
    });
    let nodes = json!([
        node(1, "pppp", json!(null)),
        linked(2, "SaveImage", &[("images", "IMAGE", 5)], &[], json!(["x"]))
    ]);
    let workflow = with_definitions(ui(nodes, json!([[5, 1, 0, 2, 0, "IMAGE"]])), json!([definition]));
    assert!(convert(&workflow).unwrap_err().to_string().contains("straight from one of its inputs"));
}
