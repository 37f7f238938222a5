use serde_json::{Map, json};

use super::*;
use crate::{recorded, templates};

fn txt2img() -> Workflow {
    templates::build("txt2img", &Map::new(), None, 7).expect("built").workflow
}

#[test]
fn tells_a_workflow_in_a_few_lines() {
    insta::assert_snapshot!(text(&txt2img(), Some(recorded::object_info())));
}

#[test]
fn draws_a_workflow() {
    insta::assert_snapshot!(mermaid(&txt2img(), Some(recorded::object_info())));
}

#[test]
fn escapes_markup_and_keeps_odd_ids_apart() {
    let workflow = Workflow::from_value(&json!({
        "1:2": {"class_type": "A\"]<b>", "inputs": {"text": "<script>|`x`"}},
        "1_2": {"class_type": "B", "inputs": {"x": ["1:2", 0]}},
    }))
    .expect("workflow");
    let drawn = mermaid(&workflow, None);
    assert!(drawn.contains("n1_2[\"A&quot;]&lt;b&gt;<br/>&lt;script&gt;&#124;&#96;x&#96;\"]"), "{drawn}");
    assert!(drawn.contains("n1_2 -->|X| n1_2__1"), "{drawn}");
}
