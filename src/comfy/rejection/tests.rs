use insta::assert_snapshot;

use super::*;

fn recorded(name: &str) -> Rejection {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/comfy/rejections.json")).unwrap();
    Rejection::read(all[name]["body"].as_object().unwrap())
}

#[test]
fn every_recorded_refusal_names_node_input_and_rule() {
    let names = [
        "array",
        "cycle",
        "empty",
        "link_bad_shape",
        "link_int_id",
        "link_slot_out_of_range",
        "link_to_missing_node",
        "link_type_mismatch",
        "loadimage_missing",
        "missing_model",
        "missing_node_type_with_title",
        "no_class_type",
        "no_inputs_key",
        "required_input_missing",
        "value_bigger_than_max",
        "value_not_in_list",
        "value_smaller_than_min",
        "value_wrong_type",
    ];
    let said: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "{name}: {}",
                recorded(name).to_string().replacen("ComfyUI refused the workflow: ", "", 1)
            )
        })
        .collect();
    assert_snapshot!(said.join("\n"), @r#"
    array: no prompt provided
    cycle: prompt outputs failed validation; it names no node, as when links form a cycle
    empty: prompt has no outputs
    link_bad_shape: node 8 (VAEDecode), samples: bad linked input, must be a length-2 list of [node_id, slot_index]; received ["3"]
    link_int_id: node 8 (VAEDecode): exception when validating inner node (a link of this node names node 3, which does not exist)
    link_slot_out_of_range: node 8 (VAEDecode): exception when validating inner node (a link of this node names an output that its source does not have)
    link_to_missing_node: node 8 (VAEDecode): exception when validating inner node (a link of this node names node '99', which does not exist)
    link_type_mismatch: node 8 (VAEDecode), samples: return type mismatch between linked nodes (samples, received_type(VAE) mismatch input_type(LATENT))
    loadimage_missing: node 1 (LoadImage), image: custom validation failed for node (image - Invalid image file: nope.png)
    missing_model: node 4 (CheckpointLoaderSimple), ckpt_name: value not in list; received "missing.safetensors"; 2 accepted: sd15_random_fp16.safetensors, sd15_tiny_random.safetensors
    missing_node_type_with_title: node 'My title' not found. The custom node may not be installed. (Node ID '#1') [node 1, class NoSuchNode]
    no_class_type: node 'ID #1' has no class_type. The workflow may be corrupted or a custom node is missing. (Node ID '#1') [node 1]
    no_inputs_key: node 1 (SaveImage): exception when validating node (the node has no 'inputs')
    required_input_missing: node 3 (KSampler), cfg: required input is missing
    value_bigger_than_max: node 3 (KSampler), steps: value 100000 bigger than max of 10000; received 100000; accepted 1 to 10000
    value_not_in_list: node 3 (KSampler), sampler_name: value not in list (sampler_name: 'nope' not in (list of length 44)); received "nope"
    value_smaller_than_min: node 3 (KSampler), steps: value 0 smaller than min of 1; received 0; accepted 1 to 10000
    value_wrong_type: node 3 (KSampler), steps: failed to convert an input value to a INT value (steps, abc, invalid literal for int() with base 10: 'abc'); received "abc"; accepted 1 to 10000
    "#);
}

#[test]
fn details_hold_no_path_no_traceback_and_short_lists() {
    let mut rejection = recorded("value_not_in_list");
    rejection.problems[0].choices =
        Some((0..44).map(|n| format!("sampler_{n}")).chain(["noppe".into()]).collect());
    let errors = rejection.node_errors();
    let error = &errors["3"]["errors"][0];
    assert_eq!(error["accepted"].as_array().unwrap().len(), MAX_CHOICES);
    assert_eq!(error["accepted_count"], 45);
    assert_eq!(error["nearest"], json!(["noppe"]));
    assert!(rejection.to_string().contains("45 accepted: sampler_0, "));
    assert!(rejection.to_string().contains("(nearest: noppe)"));
    for name in ["link_to_missing_node", "no_inputs_key", "link_slot_out_of_range"] {
        let text = Value::Object(recorded(name).node_errors()).to_string();
        assert!(!text.contains("/srv") && !text.contains("traceback"), "{name}: {text}");
    }
}

#[test]
fn becomes_an_upstream_error_with_node_errors() {
    let edge = recorded("missing_model").into_edge();
    assert_eq!(edge.kind(), Kind::InvalidInput);
    assert_eq!(edge.details()["node_errors"]["4"]["class_type"], "CheckpointLoaderSimple");
    assert_eq!(
        edge.hint_text(),
        Some("use one of the accepted values; model files must be installed on the ComfyUI server")
    );
}

#[test]
fn survives_answers_of_any_shape() {
    for odd in [
        json!({}),
        json!({"error": "x", "node_errors": []}),
        json!({"node_errors": {"1": {"errors": [1, {}]}}}),
    ] {
        let rejection = Rejection::read(odd.as_object().unwrap());
        assert!(!rejection.to_string().is_empty());
    }
}
