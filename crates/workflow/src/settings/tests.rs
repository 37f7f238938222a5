use serde_json::json;

use super::*;

fn picture() -> Workflow {
    Workflow::from_value(&json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 32, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": ["11", 0]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "bad"}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0], "seed": 11, "steps": 3, "cfg": 7.0, "sampler_name": "euler",
            "scheduler": "normal", "denoise": 1.0}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
        "10": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "y"}},
        "11": {"class_type": "PrimitiveString", "inputs": {"value": "a cat"}},
    }))
    .unwrap()
}

fn values(value: &serde_json::Value) -> JsonObject {
    value.as_object().unwrap().clone()
}

#[test]
fn known_names_reach_the_node_that_holds_the_value() {
    let mut workflow = picture();
    let wanted = json!({"prompt": "a dog", "negative_prompt": "ugly", "seed": 7, "steps": 5, "width": 128,
        "model": "b.safetensors", "sampler": "ddim", "3.cfg": 2.5, "9.filename_prefix": "z"});
    let (applied, dropped) = set(&mut workflow, &values(&wanted)).unwrap();
    assert!(dropped.is_empty(), "{dropped:?}");
    let inputs: Vec<String> = applied.iter().map(|one| format!("{}.{}", one.node_id, one.input)).collect();
    assert_eq!(
        inputs,
        [
            "11.value",
            "7.text",
            "3.seed",
            "3.steps",
            "5.width",
            "4.ckpt_name",
            "3.sampler_name",
            "3.cfg",
            "9.filename_prefix"
        ]
    );
    let cfg = &applied[7];
    assert_eq!((&cfg.before, &cfg.after), (&json!(7.0), &json!(2.5)));
    assert_eq!(workflow.get("11").unwrap().inputs["value"], "a dog");
}

#[test]
fn names_that_fit_nowhere_or_too_often_are_dropped_with_a_reason() {
    let mut workflow = picture();
    let before = workflow.clone();
    let wanted = json!({"filename_prefix": "z", "stepz": 5, "3.stps": 1, "3.model": "x", "99.seed": 1});
    let (applied, dropped) = set(&mut workflow, &values(&wanted)).unwrap();
    assert!(applied.is_empty());
    let reasons: Vec<&str> = dropped.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons[0], "several nodes have it; name one: 9.filename_prefix, 10.filename_prefix");
    assert!(reasons[1].contains("steps"), "{reasons:?}");
    assert!(reasons[2].starts_with("node 3 (KSampler) has no input `stps`"), "{reasons:?}");
    assert_eq!(reasons[3], "`model` of node 3 is fed by another node, not by a value");
    assert_eq!(reasons.len(), 5);
    let unknown: Vec<bool> = dropped.iter().map(|one| one.unknown).collect();
    assert_eq!(unknown, [false, true, true, false, true]);
    let accepted = accepted(&workflow);
    assert!(accepted.starts_with(&["prompt".to_owned(), "negative_prompt".to_owned(), "seed".to_owned()]));
    assert!(
        accepted.contains(&"3.steps".to_owned()) && !accepted.contains(&"3.model".to_owned()),
        "{accepted:?}"
    );
    assert_eq!(workflow, before);
}

#[test]
fn a_value_of_another_kind_is_refused() {
    for wrong in
        [json!({"steps": "ten"}), json!({"prompt": 5}), json!({"seed": ["3", 0]}), json!({"cfg": null})]
    {
        let error = set(&mut picture(), &values(&wrong)).unwrap_err();
        assert!(error.to_string().starts_with("override `"), "{error}");
    }
}
