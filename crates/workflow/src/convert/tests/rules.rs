//! Widgets, links, mute and bypass, primitives, texts, dynamic inputs.

use serde_json::{Value, json};

use super::{convert, converted, inputs, linked, mode, node, ui, with};

#[test]
fn values_are_taken_by_position_past_the_control_slot() {
    let workflow =
        ui(json!([node(1, "KSampler", json!([7, "randomize", 30, 6.5, "heun", "karras", 0.5]))]), json!([]));
    let expected = json!({
        "seed": 7, "steps": 30, "cfg": 6.5, "sampler_name": "heun", "scheduler": "karras", "denoise": 0.5
    });
    assert_eq!(inputs(&workflow, "1"), expected);
}

#[test]
fn missing_values_are_defaults_and_surplus_is_ignored() {
    let nodes =
        json!([node(1, "EmptyLatentImage", json!([64])), node(2, "EmptyLatentImage", json!([1, 2, 3, 4]))]);
    let (result, _) = converted(&ui(nodes, json!([])));
    assert_eq!(result["1"]["inputs"], json!({ "width": 64, "height": 512, "batch_size": 1 }));
    assert_eq!(result["2"]["inputs"], json!({ "width": 1, "height": 2, "batch_size": 3 }));
}

#[test]
fn the_largest_seed_survives_with_a_note() {
    let workflow = ui(json!([node(1, "RandomNoise", json!([u64::MAX, "fixed"]))]), json!([]));
    let (result, report) = converted(&workflow);
    assert_eq!(result["1"]["inputs"]["noise_seed"].as_u64(), Some(u64::MAX));
    assert_eq!(report.notes[0].input.as_deref(), Some("noise_seed"));
}

#[test]
fn values_saved_as_an_object_are_lost_for_core_classes_and_reported() {
    let workflow = ui(json!([node(1, "EmptyLatentImage", json!({ "width": 64 }))]), json!([]));
    let (result, report) = converted(&workflow);
    assert_eq!(result["1"]["inputs"], json!({}));
    assert_eq!(report.dropped.len(), 1);
}

#[test]
fn a_file_of_the_servers_list_stays_as_saved_and_is_reported() {
    let workflow =
        ui(json!([node(1, "LoadImageOutput", json!(["a.png [output]", false, "image"]))]), json!([]));
    let (result, report) = converted(&workflow);
    assert_eq!(result["1"]["inputs"]["image"], "a.png [output]");
    assert_eq!(report.assumed.len(), 1);
}

#[test]
fn a_list_value_is_wrapped_and_a_text_area_makes_text_of_everything() {
    let nodes = json!([
        node(1, "EmptyLatentImage", json!([[1, 2]])),
        node(2, "CLIPTextEncode", json!([["a", 1]])),
        node(3, "CLIPTextEncode", json!([null])),
        node(4, "CLIPTextEncode", json!(["a\r\nb"])),
    ]);
    let (result, _) = converted(&ui(nodes, json!([])));
    assert_eq!(result["1"]["inputs"]["width"], json!({ "__value__": [1, 2] }));
    let text = |id: &str| result[id]["inputs"]["text"].clone();
    assert_eq!([text("2"), text("3"), text("4")], ["a,1", "", "a\nb"]);
}

#[test]
fn comments_are_cut_and_the_first_alternative_is_taken() {
    let cases = [
        ("a {red|blue} cat", "a red cat"),
        ("see http://x.y/z\nnext", "see http:\nnext"),
        ("/* gone */kept /* open", "kept /* open"),
        (r"\{kept\|\} {a|{b|c}}", "{kept|} a"),
        ("{a{b|c}d|e} {} }x", "abd  }x"),
        ("open {a|b", "open a"),
    ];
    for (text, expected) in cases {
        let workflow = ui(json!([node(1, "CLIPTextEncode", json!([text]))]), json!([]));
        assert_eq!(inputs(&workflow, "1")["text"], expected, "{text}");
    }
}

#[test]
fn file_names_take_widget_values_of_named_nodes() {
    let nodes = json!([
        with(node(1, "KSampler", json!([42, "fixed"])), "title", json!("my sampler")),
        node(2, "CheckpointLoaderSimple", json!(["a/b:c.safetensors"])),
        node(
            3,
            "SaveImage",
            json!(["%KSampler.seed%_%my sampler.cfg%_%width%_%No.x%_%CheckpointLoaderSimple.ckpt_name%"])
        ),
    ]);
    let prefix = inputs(&ui(nodes, json!([])), "3")["filename_prefix"].clone();
    assert_eq!(prefix, "42_8_%width%_%No.x%_a_b_c.safetensors");
}

#[test]
fn a_link_takes_the_place_of_the_widget_it_replaces() {
    let nodes = json!([
        node(1, "PrimitiveInt", json!([9, "fixed"])),
        linked(2, "EmptyLatentImage", &[("height", "INT", 5)], &["height"], json!([64, 65, 1])),
    ]);
    let workflow = ui(nodes, json!([[5, 1, 0, 2, 0, "INT"]]));
    assert_eq!(inputs(&workflow, "2").to_string(), r#"{"width":64,"height":["1",0],"batch_size":1}"#);
}

#[test]
fn a_muted_source_takes_the_widget_value_along_and_a_bypassed_one_leaves_it() {
    let workflow = |state| {
        let nodes = json!([
            mode(node(1, "PrimitiveInt", json!([9, "fixed"])), state),
            linked(2, "EmptyLatentImage", &[("height", "INT", 5)], &["height"], json!([64, 65, 1])),
        ]);
        ui(nodes, json!([[5, 1, 0, 2, 0, "INT"]]))
    };
    assert_eq!(inputs(&workflow(2), "2"), json!({ "width": 64, "batch_size": 1 }));
    let dropped = converted(&workflow(2)).1.dropped;
    assert_eq!(dropped.iter().filter(|remark| remark.input.is_some()).count(), 1, "{dropped:?}");
    assert_eq!(inputs(&workflow(4), "2"), json!({ "width": 64, "height": 65, "batch_size": 1 }));
}

#[test]
fn bypass_passes_the_same_slot_then_the_first_of_the_type() {
    let chain = |class: &str, slots: &[(&str, &str, u32)], output: u32| {
        let nodes = json!([
            node(1, "CheckpointLoaderSimple", json!(["m"])),
            mode(linked(2, class, slots, &[], json!([])), 4),
            linked(3, "CLIPTextEncode", &[("clip", "CLIP", 9)], &[], json!(["x"])),
        ]);
        let links = json!([[7, 1, 0, 2, 0, "MODEL"], [8, 1, 1, 2, 1, "CLIP"], [9, 2, output, 3, 0, "CLIP"]]);
        inputs(&ui(nodes, links), "3")["clip"].clone()
    };
    let slots = [("model", "MODEL", 7), ("clip", "CLIP", 8)];
    assert_eq!(chain("LoraLoader", &slots, 1), json!(["1", 1]));
    assert_eq!(chain("CLIPSetLastLayer", &[("clip", "CLIP", 8)], 0), json!(["1", 1]));
    assert_eq!(chain("ModelSamplingDiscrete", &[("model", "MODEL", 7)], 0), Value::Null);
}

#[test]
fn reroutes_pass_and_circles_of_them_carry_nothing() {
    let circle = json!([
        linked(1, "Reroute", &[("", "*", 2)], &[], json!(null)),
        linked(2, "Reroute", &[("", "*", 1)], &[], json!(null)),
        linked(3, "SaveImage", &[("images", "IMAGE", 3)], &[], json!(["x"])),
    ]);
    let links = json!([[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"], [3, 2, 0, 3, 0, "*"]]);
    assert_eq!(inputs(&ui(circle, links.clone()), "3"), json!({ "filename_prefix": "x" }));
    let bypassed = json!([
        mode(linked(1, "ImageInvert", &[("image", "IMAGE", 2)], &[], json!([])), 4),
        mode(linked(2, "ImageInvert", &[("image", "IMAGE", 1)], &[], json!([])), 4),
        linked(3, "SaveImage", &[("images", "IMAGE", 3)], &[], json!(["x"])),
    ]);
    assert!(convert(&ui(bypassed, links)).unwrap_err().to_string().contains("come back to themselves"));
}

#[test]
fn a_primitive_writes_rounded_and_clamped_into_its_widgets() {
    let nodes = json!([
        with(
            node(1, "PrimitiveNode", json!([3.25, "fixed"])),
            "outputs",
            json!([{ "type": "FLOAT", "links": [1] }])
        ),
        with(
            node(2, "PrimitiveNode", json!([999_999, "fixed"])),
            "outputs",
            json!([{ "type": "INT", "links": [2] }])
        ),
        linked(
            3,
            "KSampler",
            &[("cfg", "FLOAT", 1), ("steps", "INT", 2)],
            &["cfg", "steps"],
            json!([1, "fixed", 20, 8.0])
        ),
    ]);
    let links = json!([[1, 1, 0, 3, 0, "FLOAT"], [2, 2, 0, 3, 1, "INT"]]);
    let result = inputs(&ui(nodes, links), "3");
    assert_eq!((result["cfg"].as_f64(), result["steps"].as_i64()), (Some(3.3), Some(10_000)));
}

#[test]
fn a_dynamic_combo_takes_the_values_of_the_chosen_option() {
    let resize = |values: Value| inputs(&ui(json!([node(1, "ResizeImageMaskNode", values)]), json!([])), "1");
    let chosen = json!({ "resize_type": "scale width", "resize_type.width": 800, "scale_method": "lanczos" });
    assert_eq!(resize(json!(["scale width", 800, "lanczos"])), chosen);
    let unknown = json!({ "resize_type": "no such", "scale_method": 800 });
    assert_eq!(resize(json!(["no such", 800, "lanczos"])), unknown);
    assert_eq!(resize(json!(null))["resize_type.height"], 512);
}

#[test]
fn members_of_a_growing_group_keep_their_names_and_gaps() {
    let nodes = json!([
        node(1, "EmptyImage", json!([])),
        linked(
            2,
            "BatchImagesNode",
            &[("images.image0", "IMAGE", 1), ("images.image4", "IMAGE", 2)],
            &[],
            json!([])
        ),
    ]);
    let links = json!([[1, 1, 0, 2, 0, "IMAGE"], [2, 1, 0, 2, 1, "IMAGE"]]);
    assert_eq!(
        inputs(&ui(nodes, links), "2"),
        json!({ "images.image0": ["1", 0], "images.image4": ["1", 0] })
    );
}

#[test]
fn what_the_editor_cannot_run_is_refused_with_the_node() {
    let saver = |link| linked(2, "SaveImage", &[("images", "IMAGE", link)], &[], json!(["x"]));
    let objects = json!([{ "id": 1, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0 }]);
    let cases = [
        (ui(json!([saver(4)]), json!([])), "not among the workflow's links"),
        (ui(json!([saver(1)]), json!([[1, 77, 0, 2, 0, "IMAGE"]])), "does not exist"),
        (ui(json!([node(1, "EmptyImage", json!([])), saver(1)]), objects), "the file's version reads"),
        (ui(json!([node(2, "SaveImage", json!([7]))]), json!([])), "is not text"),
        (
            ui(json!([node(2, "WebcamCapture", json!(["", 1, 1, true]))]), json!([])),
            "captured in the browser",
        ),
        (ui(json!([node(2, "workflow>mine", json!([]))]), json!([])), "group node"),
        (ui(json!([node(2, "Note", json!([])), node(2, "Note", json!([]))]), json!([])), "the id `2`"),
    ];
    for (workflow, expected) in cases {
        let error = convert(&workflow).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.node_id(), Some("2"));
    }
}

#[test]
fn missing_classes_stop_only_nodes_that_run() {
    let workflow = |state| {
        let missing = with(node(1, "NoSuch", json!([])), "outputs", json!([{ "name": "x", "type": "X" }]));
        ui(json!([mode(missing, state), node(2, "EmptyImage", json!([]))]), json!([]))
    };
    assert_eq!(convert(&workflow(0)).unwrap_err().details()["missing_types"], json!(["NoSuch"]));
    assert_eq!(converted(&workflow(2)).1.missing_types, ["NoSuch"]);
}
