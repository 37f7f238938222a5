use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::recorded;
use crate::{Workflow, order, templates};

fn read(text: &str) -> Value {
    parse(text, None).expect("script").workflow.to_value()
}

fn refusal(text: &str) -> String {
    let error = match parse_checked(text, recorded::object_info()) {
        Ok(parsed) => panic!("accepted: {:?}", parsed.workflow),
        Err(error) => error,
    };
    match &error.hint {
        Some(hint) => format!("{error} | {hint}"),
        None => error.to_string(),
    }
}

#[test]
fn prints_one_call_per_node_with_named_outputs() {
    let workflow = templates::build("txt2img", &Map::new(), None, 7).expect("built").workflow;
    insta::assert_snapshot!(print(&workflow));
}

#[test]
fn every_template_survives_both_ways() {
    for template in templates::catalogue() {
        let workflow = templates::build(template.name, &Map::new(), None, 7).expect("built").workflow;
        let text = print(&workflow);
        let parsed = parse(&text, None).expect("script");
        assert_eq!(parsed.workflow.to_value(), workflow.to_value(), "{text}");
        assert_eq!(print(&parsed.workflow), text);
    }
}

#[test]
fn reads_what_people_and_models_write() {
    let text = r#"
# a comment
(model, clip, vae) = CheckpointLoaderSimple(ckpt_name='x.safetensors')  # with a comment
samples = KSampler(
    model=model,
    positive=CLIPTextEncode(clip=clip, text="""two
lines"""),
    steps=2_0, cfg=-1.5, seed=18446744073709551615, add=True, none=None,
)
images = node("Load Text File", **{"a b": samples, "x.y": [1, {"k": "v"}]}, extra.dotted=1)
loader = CheckpointLoaderSimple(ckpt_name="a" "b")
SaveImage(images=images, other=loader[2], _id="save", _title="End"); PreviewAny(source=loader)
"#;
    assert_eq!(
        read(text),
        json!({
            "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
            "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "two\nlines"}},
            "3": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["2", 0], "steps": 20, "cfg": -1.5, "seed": u64::MAX, "add": true, "none": null}},
            "4": {"class_type": "Load Text File", "inputs": {"a b": ["3", 0], "x.y": [1, {"k": "v"}], "extra.dotted": 1}},
            "5": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "ab"}},
            "save": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "other": ["5", 2]}, "_meta": {"title": "End"}},
            "7": {"class_type": "PreviewAny", "inputs": {"source": ["5", 0]}},
        })
    );
}

#[test]
fn takes_outputs_by_name_when_the_catalogue_is_at_hand() {
    let text =
        "c = CheckpointLoaderSimple(ckpt_name=\"sd15_tiny_random.safetensors\")\nPreviewAny(source=c.vae)\n";
    let parsed = parse_checked(text, recorded::object_info()).expect("script");
    assert_eq!(parsed.workflow.to_value()["2"]["inputs"]["source"], json!(["1", 2]));
    assert_eq!(parsed.position("2", Some("source")), Some((2, 12)));
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    let shown: Vec<String> = [
        "x = KSamplr(steps=1)",
        "x = EmptyLatentImage(widht=64)",
        "x = EmptyLatentImage(width=1)",
        "s = KSamplerSelect(sampler_name=\"eulr\")",
        "model = UNETLoader()\nKSampler(model=modle)",
        "a, b = EmptyLatentImage(width=64, height=64, batch_size=1)",
        "l = EmptyLatentImage(width=64)\nVAEDecode(vae=l)",
        "c = CheckpointLoaderSimple()\nPreviewAny(source=c.image)",
        "x = KSampler(20)",
        "x = KSampler(steps=f\"{a}\")",
        "x = KSampler(text=\"open",
        "x = \"text\"",
        "KSampler",
        "KSampler(steps=1) KSampler()",
        "KSampler(a=1, a=2)",
        "A(_id=\"1\")\nB(_id=\"1\")",
        "import os",
        "A(x=1 + 2)",
        "A(x=[B()])",
        "A(x=$)",
        "A(x=12abc)",
    ]
    .into_iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn odd_names_circles_and_dangling_links_survive() {
    let value = json!({
        "57:12": {"class_type": "node", "inputs": {"class": 1, "_id": "x", "": ["99", 0]}, "_meta": {}},
        "b": {"class_type": "Any Thing | (x)", "inputs": {"a": ["c", 0]}, "_meta": {"title": "ü\n\"", "more": 1}},
        "c": {"class_type": "True", "inputs": {"a": ["b", 0], "self": ["c", 7], "big": ["b", 4_000_000_000u32]}},
    });
    let workflow = Workflow::from_value(&value).expect("workflow");
    let text = print(&workflow);
    assert_eq!(read(&text), value, "{text}");
}

#[test]
fn deep_nesting_is_an_error_not_an_overflow() {
    let deep = format!("A(x={})", "[".repeat(100_000));
    assert_eq!(parse(&deep, None).map(|_| ()).expect_err("deep").message, "nested more than 160 deep");
    let calls = "A(x=".repeat(100_000);
    assert!(parse(&calls, None).is_err());
}

proptest! {
    #[test]
    fn workflow_to_script_and_back_is_the_identity(workflow in recorded::any_workflow()) {
        let text = print(&workflow);
        let parsed = parse(&text, None).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(parsed.workflow.to_value(), workflow.to_value(), "{}", text);
        prop_assert_eq!(print(&parsed.workflow), text, "cyclic: {}", order::is_cyclic(&workflow));
    }

    #[test]
    fn any_text_gives_a_workflow_or_an_error(text in "\\PC{0,40}|([a-z_]{1,3}|[\\(\\)=,.*\\[\\]{}\"'#\\\\\n :;-]|[0-9.e]{1,3}){0,30}") {
        if let Ok(parsed) = parse(&text, Some(recorded::object_info())) {
            let again = print(&parsed.workflow);
            prop_assert_eq!(parse(&again, None).map(|p| p.workflow.to_value()).ok(), Some(parsed.workflow.to_value()));
        }
    }
}
