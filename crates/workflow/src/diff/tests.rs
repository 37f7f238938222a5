use serde_json::{Map, json};

use super::*;
use crate::edit::{self, Operation};
use crate::{recorded, templates};

fn built(template: &str) -> Workflow {
    templates::build(template, &Map::new(), None, 7).expect(template).workflow
}

/// The same graph under other ids, in the opposite order.
fn renumbered(workflow: &Workflow) -> Workflow {
    let name = |id: &str| NodeId::from(format!("n{}", 1000 - id.parse::<i64>().unwrap_or(0)));
    let mut nodes: Vec<(NodeId, Node)> = workflow
        .iter()
        .map(|(id, node)| {
            let mut node = node.clone();
            for value in node.inputs.values_mut() {
                if let Some(link) = Link::read(value) {
                    *value = Link { node_id: name(link.node_id.as_str()), ..link }.to_value();
                }
            }
            (name(id.as_str()), node)
        })
        .collect();
    nodes.reverse();
    let mut turned = Workflow::new();
    for (id, node) in nodes {
        turned.insert(id, node);
    }
    turned
}

fn edited(workflow: &Workflow, operations: &Value) -> Workflow {
    let mut changed = workflow.clone();
    let operations = Operation::read_list(operations).expect("operations");
    edit::apply(&mut changed, &operations, Some(recorded::object_info())).expect("edited");
    changed
}

#[test]
fn other_ids_are_no_difference() {
    for template in templates::catalogue() {
        let workflow = built(template.name);
        let difference = diff(&workflow, &renumbered(&workflow));
        assert!(difference.is_empty(), "{}: {}", template.name, text(&difference));
    }
}

#[test]
fn a_changed_value_is_one_line_even_under_other_ids() {
    let before = built("txt2img");
    let after = renumbered(&edited(
        &before,
        &json!([
            {"op": "set_input", "node_id": "5", "input_name": "steps", "value": 30},
            {"op": "set_input", "node_id": "2", "input_name": "text", "value": "a fox"},
        ]),
    ));
    assert_eq!(
        text(&diff(&before, &after)),
        "0 added, 0 removed, 2 changed, 0 rewired, 5 the same\n\
         ~ n995 (was 5) KSampler: steps 20 -> 30\n\
         ~ n998 (was 2) CLIPTextEncode: text \"a beautiful landscape, highly detailed\" -> \"a fox\""
    );
}

#[test]
fn an_inserted_node_is_added_and_its_taker_rewired() {
    let before = built("txt2img");
    let after = edited(
        &before,
        &json!([{"op": "insert_between", "to_node": "5", "to_input": "model", "class_type": "LoraLoaderModelOnly",
                 "inputs": {"lora_name": "rig_lora.safetensors", "strength_model": 1}}]),
    );
    assert_eq!(
        text(&diff(&before, &renumbered(&after))),
        "1 added, 0 removed, 0 changed, 1 rewired, 6 the same\n\
         + n992 LoraLoaderModelOnly\n\
         > n995 KSampler.model: 1 CheckpointLoaderSimple[0] -> n992 LoraLoaderModelOnly[0]"
    );
    assert_eq!(
        text(&diff(&after, &before)).lines().next(),
        Some("0 added, 1 removed, 0 changed, 1 rewired, 6 the same")
    );
}

#[test]
fn another_class_in_the_same_place_is_a_change() {
    let before = built("txt2img");
    let after = edited(
        &before,
        &json!([{"op": "replace_node", "node_id": "4", "class_type": "EmptySD3LatentImage"}]),
    );
    let difference = diff(&before, &renumbered(&after));
    assert_eq!(
        difference.changed.first().and_then(|c| c.class_before.clone()),
        Some("EmptyLatentImage".to_owned())
    );
    assert_eq!((difference.added.len(), difference.removed.len()), (0, 0));
}

#[test]
fn swapped_prompts_are_seen() {
    let before = built("txt2img");
    let after = edited(
        &before,
        &json!([
            {"op": "connect", "from_node": "3", "to_node": "5", "to_input": "positive"},
            {"op": "connect", "from_node": "2", "to_node": "5", "to_input": "negative"},
        ]),
    );
    let difference = diff(&before, &after);
    assert!(!difference.is_empty(), "{}", text(&difference));
}

#[test]
fn numbers_compare_as_numbers_and_seeds_exactly() {
    let graph = |cfg: Value, seed: Value| {
        Workflow::from_value(&json!({"1": {"class_type": "A", "inputs": {"cfg": cfg, "seed": seed}}}))
            .expect("graph")
    };
    assert!(diff(&graph(json!(8), json!(1)), &graph(json!(8.0), json!(1))).is_empty());
    assert!(!diff(&graph(json!(8), json!(u64::MAX)), &graph(json!(8), json!(u64::MAX - 1))).is_empty());
}

#[test]
fn draws_what_differs() {
    let before = built("txt2img");
    let after = edited(
        &before,
        &json!([
            {"op": "remove_node", "node_id": "7"},
            {"op": "add_node", "class_type": "PreviewImage", "inputs": {"images": ["6", 0]}},
            {"op": "set_input", "node_id": "5", "input_name": "cfg", "value": 5.5},
        ]),
    );
    insta::assert_snapshot!(mermaid(&before, &after));
}

proptest::proptest! {
    #[test]
    fn any_two_graphs_are_compared(a in recorded::any_workflow(), b in recorded::any_workflow()) {
        let difference = diff(&a, &b);
        let _ = (text(&difference), mermaid(&a, &b));
        proptest::prop_assert!(diff(&a, &a).is_empty());
        proptest::prop_assert_eq!(difference.added.len() + a.len(), difference.removed.len() + b.len());
    }
}
