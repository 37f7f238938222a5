use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::check::{ProblemKind, check, check_value};
use crate::recorded;

fn graph() -> Workflow {
    Workflow::from_value(&json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15_tiny_random.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "a cat"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "bad"}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0], "seed": 1, "steps": 2, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sd"}},
    }))
    .expect("graph")
}

fn edited(operations: &Value) -> Result<(Workflow, Vec<Change>)> {
    let mut workflow = graph();
    let operations = Operation::read_list(operations)?;
    let changes = apply(&mut workflow, &operations, Some(recorded::object_info()))?;
    Ok((workflow, changes))
}

fn input(workflow: &Workflow, id: &str, name: &str) -> Option<Value> {
    workflow.get(id)?.inputs.get(name).cloned()
}

fn refusal(operations: &Value) -> String {
    edited(operations).expect_err("refused").to_string()
}

#[test]
fn adds_with_the_next_number_and_says_what_changed() {
    let (workflow, changes) = edited(&json!([
        {"op": "add_node", "class_type": "ImageInvert", "inputs": {"image": [8, 0]}},
        {"op": "connect", "from_node": 10, "to_node": 9, "to_input": "images"},
        {"op": "set_input", "node_id": "3", "input_name": "steps", "value": 30},
    ]))
    .expect("edited");
    assert_eq!(input(&workflow, "10", "image"), Some(json!(["8", 0])));
    assert_eq!(
        serde_json::to_value(&changes).expect("json"),
        json!([
            {"operation": 0, "change": "node_added", "node_id": "10", "class_type": "ImageInvert"},
            {"operation": 1, "change": "input_connected", "node_id": "9", "input": "images", "before": ["8", 0], "after": ["10", 0]},
            {"operation": 2, "change": "input_set", "node_id": "3", "input": "steps", "before": 2, "after": 30},
        ])
    );
}

#[test]
fn removing_a_node_drops_the_inputs_that_took_it() {
    let (workflow, _) = edited(&json!([{"op": "remove_node", "node_id": "8"}])).expect("edited");
    assert_eq!(input(&workflow, "9", "images"), None);
    assert_eq!(input(&workflow, "9", "filename_prefix"), Some(json!("sd")));
}

#[test]
fn inserts_a_lora_between_by_type() {
    let (workflow, _) = edited(&json!([{
        "op": "insert_between", "to_node": "3", "to_input": "model", "class_type": "LoraLoaderModelOnly",
        "inputs": {"lora_name": "rig_lora.safetensors", "strength_model": 1.0},
    }]))
    .expect("edited");
    assert_eq!(input(&workflow, "10", "model"), Some(json!(["4", 0])));
    assert_eq!(input(&workflow, "3", "model"), Some(json!(["10", 0])));
}

#[test]
fn bypass_feeds_the_takers_from_the_inputs_of_the_same_type() {
    let (workflow, _) = edited(&json!([
        {"op": "add_node", "class_type": "LoraLoader", "node_id": "l", "inputs": {"model": ["4", 0], "clip": ["4", 1], "lora_name": "rig_lora.safetensors", "strength_model": 1, "strength_clip": 1}},
        {"op": "connect", "from_node": "l", "from_output": "CLIP", "to_node": "6", "to_input": "clip"},
        {"op": "connect", "from_node": "l", "from_output": 0, "to_node": "3", "to_input": "model"},
        {"op": "bypass", "node_id": "l"},
    ]))
    .expect("edited");
    assert_eq!(workflow, graph());
    assert_eq!(
        refusal(&json!([{"op": "bypass", "node_id": "5"}])),
        "operation 0 (bypass): node `5` (EmptyLatentImage) has no linked input that could feed `latent_image` of node `3`"
    );
}

#[test]
fn replacing_keeps_the_inputs_and_links_that_fit() {
    let (workflow, _) = edited(&json!([
        {"op": "replace_node", "node_id": "5", "class_type": "EmptySD3LatentImage", "inputs": {"width": 128}},
    ]))
    .expect("edited");
    assert_eq!(workflow.get("5").map(|node| node.class_type.as_str()), Some("EmptySD3LatentImage"));
    assert_eq!(input(&workflow, "5", "height"), Some(json!(64)));
    assert_eq!(
        refusal(&json!([{"op": "replace_node", "node_id": "5", "class_type": "EmptyImage"}])),
        "operation 0 (replace_node): `latent_image` of node `3` takes LATENT from node `5`, which `EmptyImage` does not give"
    );
}

#[test]
fn a_subgraph_gets_ids_under_its_own() {
    let (workflow, _) = edited(&json!([{"op": "insert_subgraph", "class_type": "Finish", "subgraph_nodes": {
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "inv"}},
        "1": {"class_type": "ImageInvert", "inputs": {"image": ["8", 0]}},
    }}]))
    .expect("edited");
    assert_eq!(input(&workflow, "10:2", "images"), Some(json!(["10:1", 0])));
    assert_eq!(input(&workflow, "10:1", "image"), Some(json!(["8", 0])));
}

#[test]
fn refusals_carry_the_index_and_change_nothing() {
    for (operations, message) in [
        (json!([{"op": "set_inptu"}]), "operation 0: no operation `set_inptu`; did you mean `set_input`?"),
        (
            json!([{"op": "set_input", "node_id": "3", "input_name": "steps"}]),
            "operation 0: `set_input` needs `value`",
        ),
        (json!([{"op": "bypass", "node": "3"}]), "operation 0: `bypass` needs `node_id`"),
        (
            json!([{"op": "remove_node", "node_id": "5"}, {"op": "remove_node", "node_id": "55"}]),
            "operation 1 (remove_node): no node `55`",
        ),
        (
            json!([{"op": "add_node", "class_type": "KSampler", "node_id": 3}]),
            "operation 0 (add_node): a node `3` exists already",
        ),
        (
            json!([{"op": "connect", "from_node": "4", "from_output": 2, "to_node": "3", "to_input": "model"}]),
            "operation 0 (connect): `model` of node `3` (KSampler) takes MODEL, but output 2 of node `4` (CheckpointLoaderSimple) is VAE",
        ),
        (
            json!([{"op": "connect", "from_node": "4", "from_output": 7, "to_node": "3", "to_input": "model"}]),
            "operation 0 (connect): node `4` (CheckpointLoaderSimple) has no output 7",
        ),
        (
            json!([{"op": "set_input", "node_id": "3", "input_name": "step", "value": 1}]),
            "operation 0 (set_input): class `KSampler` has no input `step`; did you mean `steps`?",
        ),
        (
            json!([{"op": "add_node", "class_type": "ImageInvert", "inputs": {"image": ["77", 0]}}]),
            "operation 0 (add_node): input `image` of node `10` takes the output of node `77`, which does not exist",
        ),
        (
            json!([{"op": "add_node", "class_type": "VAEEncode", "node_id": "e", "inputs": {"pixels": ["8", 0], "vae": ["4", 2]}}, {"op": "connect", "from_node": "e", "to_node": "3", "to_input": "latent_image"}]),
            "operation 1 (connect): linking node `e` to `latent_image` of node `3` would make nodes feed each other in a circle",
        ),
        (json!(5), "operations is a number, not a list"),
    ] {
        let shown = refusal(&operations);
        assert!(shown.starts_with(message), "{shown}");
    }
}

fn operations() -> impl Strategy<Value = Value> {
    let id =
        prop_oneof![Just("3"), Just("4"), Just("5"), Just("6"), Just("8"), Just("9"), Just("10"), Just("x")];
    let input = prop_oneof![
        Just("model"),
        Just("clip"),
        Just("images"),
        Just("samples"),
        Just("latent_image"),
        Just("steps")
    ];
    let class = prop_oneof![
        Just("LoraLoader"),
        Just("VAEEncode"),
        Just("ImageInvert"),
        Just("Nonsense"),
        Just("KSampler")
    ];
    let op = prop_oneof![
        Just("add_node"),
        Just("remove_node"),
        Just("set_input"),
        Just("connect"),
        Just("disconnect"),
        Just("replace_node"),
        Just("insert_between"),
        Just("bypass")
    ];
    let one =
        (op, id.clone(), id, input, class, 0..3u32).prop_map(|(op, a, b, input, class, output)| match op {
            "add_node" => json!({"op": op, "class_type": class, "inputs": {input: [a, output]}}),
            "set_input" => json!({"op": op, "node_id": a, "input_name": input, "value": [b, output]}),
            "connect" => {
                json!({"op": op, "from_node": a, "from_output": output, "to_node": b, "to_input": input})
            }
            "disconnect" => json!({"op": op, "node_id": a, "input_name": input}),
            "replace_node" => json!({"op": op, "node_id": a, "class_type": class}),
            "insert_between" => {
                json!({"op": op, "to_node": a, "to_input": input, "class_type": class, "input_name": input})
            }
            _ => json!({"op": op, "node_id": a}),
        });
    proptest::collection::vec(one, 1..6).prop_map(Value::Array)
}

proptest! {
    #[test]
    fn keeps_the_graph_sound_or_fails_whole(operations in operations()) {
        let mut workflow = graph();
        let parsed = Operation::read_list(&operations).expect("well-formed");
        if apply(&mut workflow, &parsed, Some(recorded::object_info())).is_err() {
            prop_assert_eq!(&workflow, &graph());
        }
        let broken = check(&workflow, Some(recorded::object_info())).into_iter().find(|problem| {
            matches!(
                problem.kind,
                ProblemKind::MissingNode | ProblemKind::SlotOutOfRange | ProblemKind::BadLinkedInput
                    | ProblemKind::ReturnTypeMismatch | ProblemKind::DependencyCycle | ProblemKind::MissingNodeType
            )
        });
        prop_assert_eq!(broken, None);
    }

    #[test]
    fn any_json_gives_operations_or_a_named_error(value in crate::recorded::any_json()) {
        let _ = Operation::read_list(&value);
        let report = check_value(&value, Some(recorded::object_info()));
        prop_assert!(report.runs || !report.problems.is_empty());
    }
}
