use serde_json::json;

use super::*;

fn catalogue() -> ObjectInfo {
    let class = |inputs: Value, output: Value| json!({"input": {"required": inputs}, "output": output});
    let text = json!({"multiline": false});
    ObjectInfo::parse(
        json!({
            "LoadImage": class(json!({"image": [["a.png"], {"image_upload": true}]}), json!(["IMAGE", "MASK"])),
            "LoadImageOutput": class(
                json!({"image": ["COMBO", {"image_upload": true, "image_folder": "output"}]}), json!(["IMAGE"])
            ),
            "OwnReader": class(
                json!({"file": ["COMBO", {"remote": {"route": "/internal/files/temp"}}]}), json!(["IMAGE"])
            ),
            "LoadFromPath": class(json!({"path": ["STRING", text], "image": ["IMAGE"]}), json!(["IMAGE"])),
            "Preview3D": class(json!({"model_file": ["STRING,FILE_3D", text]}), json!([])),
            "PrimitiveString": class(json!({"value": ["STRING", text]}), json!(["STRING"])),
            "StringConcatenate": class(json!({"string_a": ["STRING"], "string_b": ["STRING"]}), json!(["STRING"])),
            "CLIPTextEncode": class(json!({"text": ["STRING"]}), json!(["CONDITIONING"])),
            "PaidMesh": {"input": {}, "output": ["STRING"], "api_node": true},
            "SaveImage": class(json!({"filename_prefix": ["STRING"]}), json!([])),
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap()
}

/// Lists what a node with this input names, as `folder:subfolder/name`, `folder?name` or `linked`.
fn names_of(class: &str, input: &str, value: &Value) -> Vec<String> {
    let graph = json!({
        "1": {"class_type": class, "inputs": {input: value}},
        "2": {"class_type": "PrimitiveString", "inputs": {"value": "p.png"}},
        "3": {"class_type": "PrimitiveString", "inputs": {"value": ["2", 0]}},
        "4": {"class_type": "StringConcatenate", "inputs": {"string_a": "a", "string_b": ".png"}},
        "5": {"class_type": "PaidMesh", "inputs": {}},
        "6": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    });
    names_in(&graph, None)
}

fn names_in(graph: &Value, replacements: Option<&Value>) -> Vec<String> {
    let workflow = Workflow::from_value(graph).unwrap();
    let shown = |named: Named| match named.file {
        File::Plain(file) => format!("{}:{}/{}", file.kind.as_str(), file.subfolder, file.filename),
        File::Odd { name, folder } => format!("{}?{name}", folder.as_str()),
        File::Linked => "linked".to_owned(),
    };
    named(&workflow, &catalogue(), replacements).into_iter().map(shown).collect()
}

#[test]
fn a_mark_is_read_as_comfyui_reads_it() {
    for (value, expected) in [
        (json!("x.png [output]"), "output:/x.png"),
        (json!("a/b/x.png [temp]"), "temp:a/b/x.png"),
        (json!("x.pngZ[output]"), "output:/x.png"),
        (json!(" \"x.png [output]\" "), "output:/x.png"),
        (json!({"__value__": "x.png [output]"}), "output:/x.png"),
        (json!("x.png\u{e9}[output]"), "output:/x.png"),
        (json!(". [output]"), "output?."),
        (json!("a/../x.png [output]"), "output?a/../x.png"),
        (json!("../output/x.png"), "input?../output/x.png"),
        (json!("/srv/comfy/output/x.png"), "input?/srv/comfy/output/x.png"),
        (json!("..\\output\\x.png [input]"), "input?..\\output\\x.png"),
    ] {
        assert_eq!(names_of("LoadImage", "image", &value), [expected], "{value}");
    }
    for value in [json!("x.png"), json!("sub/x.png"), json!("x.png [input]"), json!(5), json!(["6", 0])] {
        assert_eq!(names_of("LoadImage", "image", &value), [""; 0], "{value}");
    }
}

#[test]
fn inputs_of_the_output_folder_need_no_mark() {
    for (class, input, value, expected) in [
        ("LoadImageOutput", "image", "x.png", "output:/x.png"),
        ("LoadImageOutput", "image", "x.png [temp]", "temp:/x.png"),
        ("OwnReader", "file", "x.png", "temp:/x.png"),
        ("Preview3D", "model_file", "mesh/x.glb", "output:mesh/x.glb"),
        ("LoadTrainingDataset", "folder_name", "set", "output?set"),
        ("LoadFromPath", "path", "output/x.png", "output:/x.png"),
        ("LoadFromPath", "path", "/srv/comfy/temp/a/x.png", "temp:a/x.png"),
        ("NobodyKnowsLoader", "anything", "../output/x.png", "output:/x.png"),
    ] {
        assert_eq!(names_of(class, input, &json!(value)), [expected], "{class} {value}");
    }
    let replaced = json!({"OldReader": [{"new_node_id": "LoadImageOutput"}]});
    let graph = json!({"1": {"class_type": "OldReader", "inputs": {"picture": "x.png", "how": "fast"}}});
    assert_eq!(names_in(&graph, Some(&replaced)), ["output:/x.png"]);
    assert_eq!(names_in(&graph, None), [""; 0]);
}

#[test]
fn names_are_found_in_lists_in_text_and_in_graphs_inside_of_graphs() {
    let inner = json!({"8": {"class_type": "LoadImageOutput", "inputs": {"image": "x.png"}}});
    for value in [
        json!(["a", "x.png [output]"]),
        json!({"image": "x.png [output]", "mask": ""}),
        json!("[\"x.png [output]\"]"),
        json!("y.png\nx.png [output]\n"),
        json!({"graph": inner}),
        json!(inner.to_string()),
        json!(json!({"graph": inner.to_string()}).to_string()),
        inner["8"].clone(),
    ] {
        assert_eq!(names_of("Anything", "value", &value), ["output:/x.png"], "{value}");
    }
    let several = names_of("Anything", "value", &json!("x.png [output], y.png [temp]"));
    assert_eq!(several, ["temp:/x.png [output], y.png", "output:/x.png", "temp:/y.png"]);
}

#[test]
fn what_comes_over_a_link_is_followed_or_told_to_be_unknown() {
    for (source, expected) in [
        (json!(["2", 0]), &["output:/p.png"][..]),
        (json!(["3", 0]), &["output:/p.png"]),
        (json!(["4", 0]), &["linked"]),
        (json!(["5", 0]), &[]),
        (json!(["6", 0]), &[]),
    ] {
        assert_eq!(names_of("Preview3D", "model_file", &source), expected, "{source}");
    }
}

#[test]
fn words_are_no_names() {
    for (class, input, value) in [
        ("CLIPTextEncode", "text", "a machine with an [output]"),
        ("CLIPTextEncode", "text", "reads its input from disk, writes output/temp"),
        ("SaveImage", "filename_prefix", "output/x"),
        ("LoadFromPath", "path", "input/x.png"),
    ] {
        assert_eq!(names_of(class, input, &json!(value)), [""; 0], "{value}");
    }
}
