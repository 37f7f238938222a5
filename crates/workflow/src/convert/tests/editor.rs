//! Files that people saved with node packs whose editor code takes part: each rule with a file of its own.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Report, linked, mode, node, to_api, ui, with};
use crate::{ObjectInfo, Result, UiWorkflow, convert::Converted};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/editor/", $name)).as_slice()
    };
}

/// The catalogue of a server that has some of the packs.
fn info() -> &'static ObjectInfo {
    static INFO: LazyLock<ObjectInfo> =
        LazyLock::new(|| ObjectInfo::parse(file!("object_info.json")).unwrap());
    &INFO
}

fn convert(workflow: &Value) -> Result<Converted> {
    to_api(&UiWorkflow::from_value(workflow.clone())?, info())
}

fn converted(workflow: &Value) -> (Value, Report) {
    let Converted { workflow, report } = convert(workflow).unwrap();
    (workflow.to_value(), report)
}

fn of_file(bytes: &[u8]) -> (Value, Report) {
    converted(&serde_json::from_slice(bytes).unwrap())
}

fn messages(remarks: &[crate::Remark]) -> Vec<&str> {
    remarks.iter().map(|remark| remark.message.as_str()).collect()
}

#[test]
fn a_getter_takes_what_the_setter_of_its_name_gets() {
    let (result, report) = of_file(file!("setget.json"));
    assert_eq!(result["7"]["inputs"], json!({ "samples": ["5", 0], "vae": ["1", 2] }));
    assert_eq!(result.as_object().unwrap().len(), 7, "{result}");
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_reroute_of_a_pack_passes_its_link_on() {
    let (result, report) = of_file(file!("rgthree_reroute.json"));
    assert_eq!(result["7"]["inputs"]["vae"], json!(["1", 2]));
    assert!(result.get("6").is_none() && report.is_clean(), "{report:?}");
}

#[test]
fn a_broadcast_feeds_the_free_inputs_of_its_type() {
    let (result, report) = of_file(file!("i_ue.json"));
    assert_eq!(result["7"]["inputs"]["vae"], json!(["1", 2]));
    assert_eq!(report.notes.len(), 1, "{report:?}");
    assert_eq!(report.notes[0].node_id.as_deref(), Some("6"));
}

#[test]
fn rows_of_loras_are_sent_under_their_names() {
    let (result, report) = of_file(file!("i_powerlora.json"));
    let row = json!({ "on": true, "lora": "style\\a.safetensors", "strength": 0.8 });
    assert_eq!(result["9"]["inputs"], json!({ "lora_1": row, "model": ["1", 0] }));
    assert!(report.is_clean() && !report.is_incomplete, "{report:?}");
}

#[test]
fn both_strengths_of_a_lora_are_sent_when_the_node_shows_both() {
    let mut workflow: Value = serde_json::from_slice(file!("i_powerlora.json")).unwrap();
    let at = workflow["nodes"].as_array().unwrap().iter().position(|node| node["id"] == 9).unwrap();
    workflow["nodes"][at]["properties"]["Show Strengths"] = "Separate Model & Clip".into();
    let row = &converted(&workflow).0["9"]["inputs"]["lora_1"];
    assert_eq!(row["strengthTwo"], 1);
}

#[test]
fn values_saved_by_name_are_kept_although_the_class_does_not_declare_them() {
    let (result, _) = of_file(file!("i_vhs.json"));
    let expected = json!({
        "frame_rate": 12, "loop_count": 0, "filename_prefix": "vid", "format": "video/h264-mp4",
        "pingpong": false, "save_output": true, "pix_fmt": "yuv420p", "crf": 19, "save_metadata": true,
        "images": ["1", 0],
    });
    assert_eq!(result["2"]["inputs"], expected);
}

#[test]
fn values_without_a_name_are_listed_and_make_the_result_incomplete() {
    let nodes =
        json!([node(1, "Seed (rgthree)", json!([7, "fixed", "lost", 0.25, "", null, { "params": {} }]))]);
    let (result, report) = converted(&ui(nodes.clone(), json!([])));
    assert_eq!(result["1"]["inputs"], json!({ "seed": 7 }));
    assert!(report.is_incomplete);
    let message = messages(&report.dropped)[0];
    assert!(message.contains("2 more values") && message.contains("`lost`, `0.25`"), "{message}");
    let (_, report) =
        converted(&ui(json!([mode(nodes[0].clone(), 2), node(2, "EmptyImage", json!([]))]), json!([])));
    assert!(!report.is_incomplete, "a muted node loses nothing: {report:?}");
}

#[test]
fn the_last_text_of_a_node_that_shows_texts_is_no_lost_input() {
    let nodes = json!([node(1, "TrainNode", json!(["a", "b", "c", "d", "shown"]))]);
    let (_, report) = converted(&ui(nodes, json!([])));
    assert!(report.is_incomplete, "this class has widgets, so the value may be one of them");
}

#[test]
fn a_linked_input_that_the_class_does_not_declare_stays() {
    let (result, _) = of_file(file!("i_anyswitch.json"));
    assert_eq!(result["6"]["inputs"], json!({ "any_01": ["1", 2] }));
    assert_eq!(result["7"]["inputs"]["vae"], json!(["6", 0]));
}

#[test]
fn names_in_the_file_win_over_counting() {
    assert_eq!(of_file(file!("i_hole.json")).0["2"]["inputs"], json!({ "text": "hello", "n": 5 }));
}

#[test]
fn an_input_of_several_types_has_a_widget_where_the_file_says_so() {
    let expected = json!({ "frames_number": 121, "frame_rate": 24, "batch_size": 3 });
    assert_eq!(of_file(file!("i_multitype.json")).0["2"]["inputs"], expected);
    // An old editor lists sockets and no widgets.
    let old = node(2, "AudioLatentM", json!([121, 24, 3]));
    assert_eq!(converted(&ui(json!([old]), json!([]))).0["2"]["inputs"], expected);
    let mut socket = node(2, "AudioLatentM", json!([121, 3]));
    socket["inputs"] = json!([{ "name": "frame_rate", "type": "FLOAT,INT", "link": null }]);
    let expected = json!({ "frames_number": 121, "batch_size": 3 });
    assert_eq!(converted(&ui(json!([socket]), json!([]))).0["2"]["inputs"], expected);
}

#[test]
fn of_two_slots_with_one_name_the_linked_one_counts() {
    assert_eq!(of_file(file!("i_dupinput.json")).0["5"]["inputs"]["negative"], json!(["3", 0]));
}

#[test]
fn nothing_but_muted_nodes_is_an_error_that_counts_them() {
    let error = convert(&serde_json::from_slice(file!("u_allmuted.json")).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "nothing of this workflow runs: 7 nodes are muted");
}

#[test]
fn notes_muted_and_bypassed_nodes_are_listed() {
    let nodes = json!([
        node(1, "EmptyImage", json!([])),
        node(2, "Note", json!(["read me"])),
        node(3, "Label (rgthree)", json!([])),
        mode(node(4, "EmptyImage", json!([])), 2),
        mode(node(5, "EmptyImage", json!([])), 4),
    ]);
    let (result, report) = converted(&ui(nodes, json!([])));
    assert_eq!(result.as_object().unwrap().len(), 1);
    let expected = [
        "not sent (notes, which the editor never sends): 1: `2`",
        "not sent (nodes that only the editor has and that have no effect): 1: `3` (Label (rgthree))",
        "not sent (muted): 1: `4` (EmptyImage)",
        "not sent (bypassed): 1: `5` (EmptyImage)",
    ];
    assert_eq!(messages(&report.dropped), expected);
}

/// A setter of `name` that takes `link`, and a getter that gives `given`.
fn setter(id: u32, name: &str, link: u32) -> Value {
    linked(id, "SetNode", &[("VAE", "VAE", link)], &[], json!([name]))
}

fn getter(id: u32, name: &str, link: u32) -> Value {
    let outputs = json!([{ "name": "VAE", "type": "VAE", "links": [link] }]);
    with(node(id, "GetNode", json!([name])), "outputs", outputs)
}

fn decoder(id: u32, link: u32) -> Value {
    linked(id, "VAEDecode", &[("vae", "VAE", link)], &[], json!([]))
}

#[test]
fn of_two_setters_with_one_name_the_first_counts_and_a_missing_one_is_reported() {
    let nodes = json!([
        node(1, "VAELoader", json!(["pixel_space"])),
        node(2, "VAELoader", json!(["pixel_space"])),
        setter(3, "vae", 1),
        setter(4, "vae", 2),
        getter(5, "vae", 3),
        decoder(6, 3),
        getter(7, "other", 4),
        decoder(8, 4),
    ]);
    let links = json!([
        [1, 1, 0, 3, 0, "VAE"],
        [2, 2, 0, 4, 0, "VAE"],
        [3, 5, 0, 6, 0, "VAE"],
        [4, 7, 0, 8, 0, "VAE"]
    ]);
    let (result, report) = converted(&ui(nodes, links));
    assert_eq!(result["6"]["inputs"], json!({ "vae": ["1", 0] }));
    assert_eq!(result["8"]["inputs"], json!({}));
    assert_eq!(messages(&report.dropped), ["no node sets `other`: the inputs it feeds are not connected"]);
}

/// A workflow with a subgraph in a subgraph; the inner one holds `inner`.
fn nested(outer: Value, links: Value, inner: Value, inner_links: Value) -> Value {
    let mut workflow = ui(outer, links);
    workflow["definitions"] = json!({ "subgraphs": [
        { "id": "a", "name": "a", "version": 0.4, "nodes": [node(20, "b", Value::Null)], "links": [],
          "inputs": [], "outputs": [] },
        { "id": "b", "name": "b", "version": 0.4, "nodes": inner, "links": inner_links, "inputs": [], "outputs": [] },
    ] });
    workflow
}

#[test]
fn a_getter_finds_its_setter_in_the_graphs_around_its_subgraph() {
    let inner = json!([getter(30, "vae", 1), decoder(31, 1)]);
    let inner_links = json!([[1, 30, 0, 31, 0, "VAE"]]);
    let outer = json!([
        node(1, "VAELoader", json!(["pixel_space"])),
        setter(2, "vae", 1),
        node(10, "a", Value::Null)
    ]);
    let links = json!([[1, 1, 0, 2, 0, "VAE"]]);
    let (result, _) = converted(&nested(outer.clone(), links, inner.clone(), inner_links.clone()));
    assert_eq!(result["10:20:31"]["inputs"], json!({ "vae": ["1", 0] }));

    let twice = json!([outer[0], outer[1], setter(3, "vae", 2), outer[2]]);
    let links = json!([[1, 1, 0, 2, 0, "VAE"], [2, 1, 0, 3, 0, "VAE"]]);
    let (result, report) = converted(&nested(twice, links, inner, inner_links));
    assert_eq!(result["10:20:31"]["inputs"], json!({}));
    assert!(messages(&report.dropped)[0].contains("2 nodes around the subgraph set `vae`"), "{report:?}");
}

#[test]
fn setters_that_feed_each_other_in_a_circle_carry_nothing() {
    let nodes = json!([setter(1, "a", 1), getter(2, "a", 1), getter(3, "a", 2), decoder(4, 2)]);
    let links = json!([[1, 2, 0, 1, 0, "VAE"], [2, 3, 0, 4, 0, "VAE"]]);
    assert_eq!(converted(&ui(nodes, links)).0["4"]["inputs"], json!({}));
}

#[test]
fn classes_that_work_like_a_setter_a_reroute_or_a_label_are_recognised() {
    let mut nodes = json!([
        node(1, "VAELoader", json!(["pixel_space"])),
        setter(2, "vae", 1),
        getter(3, "vae", 2),
        linked(4, "My Reroute", &[("", "*", 2)], &[], Value::Null),
        decoder(5, 3),
        node(6, "Some Label", json!(["text"])),
    ]);
    nodes[1]["type"] = "GG Set".into();
    nodes[2]["type"] = "GG Get".into();
    nodes[3]["outputs"] = json!([{ "name": "", "type": "*", "links": [3] }]);
    let links = json!([[1, 1, 0, 2, 0, "VAE"], [2, 3, 0, 4, 0, "VAE"], [3, 4, 0, 5, 0, "VAE"]]);
    let (result, report) = converted(&ui(nodes, links));
    assert_eq!(result["5"]["inputs"], json!({ "vae": ["1", 0] }));
    assert_eq!(report.missing_types, ["GG Set", "GG Get", "My Reroute", "Some Label"]);
    assert_eq!(report.assumed.len(), 4, "{report:?}");
}

#[test]
fn a_missing_class_is_named_with_its_pack() {
    let properties = json!({ "cnr_id": "comfyui-some-pack", "ver": "1.2.3" });
    let wanted = with(linked(2, "Wanted", &[("vae", "VAE", 1)], &[], json!([])), "properties", properties);
    let other = with(
        linked(3, "Other", &[("vae", "VAE", 2)], &[], json!([])),
        "properties",
        json!({ "aux_id": "a/b" }),
    );
    let nodes = json!([node(1, "VAELoader", json!([])), wanted, other]);
    let links = json!([[1, 1, 0, 2, 0, "VAE"], [2, 1, 0, 3, 0, "VAE"]]);
    let error = convert(&ui(nodes, links)).unwrap_err();
    let expected = "the server has no node class `Wanted` (of the node pack comfyui-some-pack 1.2.3), \
                    `Other` (of the node pack a/b)";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.details()["missing_types"], json!(["Wanted", "Other"]));
    assert_eq!(error.details()["missing_packs"][0]["pack"], "comfyui-some-pack");
}

/// A node that broadcasts what the links give it, with these settings.
fn broadcaster(id: u32, links: &[(&str, &str, u32)], settings: Value) -> Value {
    let made = linked(id, "Anything Everywhere", links, &[], json!([]));
    let mut settings = settings;
    settings["version"] = "7.4".into();
    with(made, "properties", json!({ "ue_properties": settings }))
}

/// Two loaders (1 and 2) with a broadcaster each, and a decoder (5) with a free input.
fn two_broadcasts(first: Value, second: Value) -> Value {
    let nodes = json!([
        node(1, "VAELoader", json!(["pixel_space"])),
        node(2, "VAELoader", json!(["pixel_space"])),
        broadcaster(3, &[("anything", "VAE", 1)], first),
        broadcaster(4, &[("anything", "VAE", 2)], second),
        with(node(5, "VAEDecode", json!([])), "title", "Decode low".into()),
    ]);
    ui(nodes, json!([[1, 1, 0, 3, 0, "VAE"], [2, 2, 0, 4, 0, "VAE"]]))
}

#[test]
fn restrictions_and_priorities_decide_between_broadcasts() {
    let vae = |first, second| converted(&two_broadcasts(first, second)).0["5"]["inputs"]["vae"].clone();
    assert_eq!(vae(json!({}), json!({ "title_regex": "low$" })), json!(["2", 0]));
    assert_eq!(vae(json!({}), json!({ "title_regex": "high" })), json!(["1", 0]));
    assert_eq!(vae(json!({}), json!({ "title_regex": "low", "title_regex_invert": true })), json!(["1", 0]));
    assert_eq!(vae(json!({ "input_regex": "^vae$" }), json!({})), json!(["1", 0]));
    assert_eq!(vae(json!({}), json!({ "priority": 50 })), json!(["2", 0]));
    assert_eq!(vae(json!({}), json!({ "color_restricted": 1 })), json!(["2", 0]));
    let (result, report) = converted(&two_broadcasts(json!({}), json!({})));
    assert_eq!(result["5"]["inputs"].get("vae"), None);
    assert!(messages(&report.dropped)[0].contains("fit equally well"), "{report:?}");
}

#[test]
fn a_broadcast_whose_receivers_cannot_be_told_is_refused_with_what_to_click() {
    for settings in [json!({ "group_restricted": 1 }), json!({ "title_regex": "(?=x)" })] {
        let error = convert(&two_broadcasts(json!({}), settings)).unwrap_err();
        assert_eq!(error.node_id(), Some("4"));
        assert!(error.hint_text().unwrap().contains("Convert all UEs to real links"), "{error}");
    }
    let mut workflow = two_broadcasts(json!({ "priority": 1 }), json!({ "group_restricted": 1 }));
    workflow["nodes"][4]["inputs"] = json!([{ "name": "vae", "type": "VAE", "link": null }]);
    let made = json!([{ "controller": 4, "upstream": 2, "upstream_slot": 0, "downstream": 5, "downstream_slot": 0 }]);
    workflow["extra"] = json!({ "ue_links": made });
    assert_eq!(converted(&workflow).0["5"]["inputs"]["vae"], json!(["2", 0]), "the file lists the links");
}

#[test]
fn several_values_of_one_type_go_to_the_inputs_of_their_names() {
    let nodes = json!([
        node(1, "CLIPTextEncode", json!(["good"])),
        node(2, "CLIPTextEncode", json!(["bad"])),
        broadcaster(3, &[("positive", "CONDITIONING", 1), ("negative", "CONDITIONING", 2)], json!({})),
        node(4, "KSampler", json!([1, "fixed", 1, 1, "euler", "normal", 1])),
    ]);
    let links = json!([[1, 1, 0, 3, 0, "CONDITIONING"], [2, 2, 0, 3, 1, "CONDITIONING"]]);
    let inputs = converted(&ui(nodes, links)).0["4"]["inputs"].clone();
    assert_eq!((&inputs["positive"], &inputs["negative"]), (&json!(["1", 0]), &json!(["2", 0])));
}

#[test]
fn a_broadcast_reaches_a_widget_only_where_the_user_opened_it() {
    let sender =
        with(node(1, "Seed (rgthree)", json!([7])), "outputs", json!([{ "name": "SEED", "type": "INT" }]));
    let sender = with(sender, "properties", json!({ "ue_convert": true }));
    let sampler = |properties| {
        with(node(2, "KSampler", json!([1, "fixed", 20, 1, "euler", "normal", 1])), "properties", properties)
    };
    let opened = json!({ "ue_properties": { "widget_ue_connectable": { "seed": true } } });
    let of =
        |properties| converted(&ui(json!([sender, sampler(properties)]), json!([]))).0["2"]["inputs"].clone();
    assert_eq!((&of(opened)["seed"], &of(json!({}))["seed"]), (&json!(["1", 0]), &json!(1)));
}
