use super::*;
use crate::recorded;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Case {
    name: String,
    accepted: bool,
    error: Option<String>,
    error_node: Option<String>,
    node_errors: Vec<NodeError>,
    dropped: Vec<String>,
    prompt: Value,
}

#[derive(Deserialize)]
struct NodeError {
    node: String,
    #[serde(rename = "type")]
    kind: String,
    input: Option<String>,
}

fn cases() -> Vec<Case> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/prompt_cases.json"));
    serde_json::from_str(text).expect("fixture")
}

fn word(kind: ProblemKind) -> String {
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn kinds(value: &Value) -> Vec<(Severity, String, Option<String>, Option<String>)> {
    let report = check_value(value, Some(recorded::object_info()));
    report.problems.into_iter().map(|p| (p.severity, word(p.kind), p.node_id, p.input)).collect()
}

#[test]
fn agrees_with_comfyui_on_every_recorded_submit() {
    assert!(cases().len() > 20);
    for case in cases() {
        // Whether a file exists is left to the server.
        if case.name.starts_with("loadimage") {
            continue;
        }
        let report = check_value(&case.prompt, Some(recorded::object_info()));
        assert_eq!(report.runs, case.accepted, "{}: {report:#?}", case.name);
        assert_eq!(report.is_valid(), case.error.is_none() && case.node_errors.is_empty(), "{}", case.name);
        for expected in &case.node_errors {
            let inner = expected.kind.starts_with("exception");
            let model =
                |p: &Problem| p.kind == ProblemKind::MissingModel && expected.kind == "value_not_in_list";
            let found = report.errors().any(|problem| {
                problem.node_id.as_deref() == Some(&expected.node)
                    && (inner || problem.input == expected.input)
                    && (inner || word(problem.kind) == expected.kind || model(problem))
            });
            assert!(found, "{}: {} {:?}: {report:#?}", case.name, expected.node, expected.input);
        }
        if let Some(node) = &case.error_node {
            assert!(report.errors().any(|p| p.node_id.as_ref() == Some(node)), "{}: {report:#?}", case.name);
        }
        if case.accepted {
            assert_eq!(report.dropped_outputs, case.dropped, "{}", case.name);
        }
    }
}

#[test]
fn an_unlisted_image_is_a_warning_because_the_server_decides() {
    let graph = json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": "nope.png"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    });
    assert_eq!(
        kinds(&graph),
        [(Severity::Warning, "unlisted_file".into(), Some("1".into()), Some("image".into()))]
    );
}

#[test]
fn a_file_input_without_a_name_is_an_error() {
    let graph = json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": 3.7}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    });
    assert_eq!(
        kinds(&graph),
        [(Severity::Error, "invalid_input_type".into(), Some("1".into()), Some("image".into()))]
    );
}

#[test]
fn names_the_nearest_class_model_and_input() {
    let graph = json!({
        "1": {"class_type": "CheckpointLoaderSimpel", "inputs": {}},
        "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "SD15_Tiny_random.safetensors", "ckptname": 1}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
    });
    let messages: Vec<String> =
        check_value(&graph, Some(recorded::object_info())).problems.into_iter().map(|p| p.message).collect();
    assert_eq!(
        messages,
        [
            "node `1` (CheckpointLoaderSimpel): this ComfyUI has no such class; did you mean `CheckpointLoaderSimple` or `CheckpointLoader` or `CheckpointSave`?; a node pack may be missing",
            "node `2` (CheckpointLoaderSimple): `ckpt_name`: `SD15_Tiny_random.safetensors` is not installed in checkpoints; this server spells it `sd15_tiny_random.safetensors`; installed: sd15_random_fp16.safetensors, sd15_tiny_random.safetensors",
            "node `2` (CheckpointLoaderSimple): the class has no input `ckptname`; did you mean `ckpt_name`?; ComfyUI ignores it",
            "node `1` (CheckpointLoaderSimpel): no output needs this node; ComfyUI will not run it",
        ]
    );
}

#[test]
fn converts_numbers_as_comfyui_does() {
    let with = |field: &str, value: Value| {
        let mut graph = json!({
            "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
        });
        graph["1"]["inputs"][field] = value;
        kinds(&graph).into_iter().map(|(_, kind, _, _)| kind).collect::<Vec<_>>()
    };
    for good in [json!(64.9), json!(" 64 "), json!("6_4"), json!(true)] {
        assert_eq!(with("width", good.clone()), Vec::<String>::new(), "{good}");
    }
    for bad in [json!("64.5"), json!("_64"), json!(null), json!({"a": 1}), json!("")] {
        assert_eq!(with("width", bad.clone()), ["invalid_input_type"], "{bad}");
    }
    assert_eq!(with("width", json!({"__value__": 0})), ["value_smaller_than_min"]);
    assert_eq!(with("batch_size", json!(-1)), ["value_smaller_than_min"]);
    assert_eq!(with("width", json!(1e30)), ["value_bigger_than_max", "oversized"]);
}

#[test]
fn resolves_dynamic_inputs_before_judging() {
    let graph = |inputs: Value| {
        json!({
            "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
            "2": {"class_type": "ResizeImageMaskNode", "inputs": inputs},
            "3": {"class_type": "BatchImagesNode", "inputs": {"images.image0": ["1", 0], "images.image1": ["2", 0]}},
            "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
        })
    };
    let good = json!({"input": ["1", 0], "scale_method": "area", "resize_type": "scale by multiplier", "resize_type.multiplier": 2.0});
    assert_eq!(kinds(&graph(good)), []);
    let wrong = json!({"input": ["1", 0], "scale_method": "area", "resize_type": "scale by multiplier", "resize_type.multiplier": 99});
    assert_eq!(
        kinds(&graph(wrong)),
        [(
            Severity::Error,
            "value_bigger_than_max".into(),
            Some("2".into()),
            Some("resize_type.multiplier".into())
        )]
    );
}

#[test]
fn recognises_editor_format_and_misshapen_nodes() {
    assert_eq!(kinds(&json!({"nodes": [], "links": []}))[0].1, "ui_format");
    assert_eq!(kinds(&json!([1]))[0].1, "not_a_workflow");
    let odd = json!({"1": 5, "2": {"class_type": ["a"], "inputs": {}}, "3": {"class_type": "A", "inputs": null}, "4": {"class_type": "A", "inputs": [1]}});
    let found: Vec<_> =
        kinds(&odd).into_iter().map(|(_, kind, node, _)| (kind, node.unwrap_or_default())).collect();
    assert_eq!(
        found,
        [
            ("not_a_node".into(), "1".into()),
            ("missing_node_type".into(), "2".into()),
            ("not_a_node".into(), "3".into()),
            ("not_a_node".into(), "4".into())
        ]
    );
}

#[test]
fn errors_where_no_output_looks_are_warnings() {
    let graph = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
        "3": {"class_type": "ImageInvert", "inputs": {"image": ["4", 0]}},
        "4": {"class_type": "ImageInvert", "inputs": {"image": ["3", 0]}},
    });
    let report = check_value(&graph, Some(recorded::object_info()));
    assert!(report.is_valid() && report.runs, "{report:#?}");
    assert!(report.warnings().any(|p| p.kind == ProblemKind::DependencyCycle));
}

#[test]
fn works_without_a_catalogue_on_what_the_graph_shows() {
    let graph = json!({"1": {"class_type": "A", "inputs": {"x": ["9", 0]}}, "2": {"class_type": "B", "inputs": {"x": ["2", 0]}}});
    let found: Vec<_> = check_value(&graph, None).problems.into_iter().map(|p| word(p.kind)).collect();
    assert_eq!(found, ["missing_node", "dependency_cycle"]);
}
