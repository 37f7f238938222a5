use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Form, Kind, Origin, Parameters, Sidecar, find, marker};
use crate::{Error, Workflow, recorded};
use comfywarden_error::JsonObject;

fn workflow(value: impl std::borrow::Borrow<Value>) -> Workflow {
    Workflow::from_value(value.borrow()).unwrap()
}

fn found(value: Value) -> Parameters {
    find(&workflow(value), &Sidecar::default(), Some(recorded::object_info())).unwrap()
}

fn refused(value: Value) -> Error {
    find(&workflow(value), &Sidecar::default(), Some(recorded::object_info())).unwrap_err()
}

fn with_sidecar(value: Value, sidecar: &Value) -> Result<Parameters, Error> {
    find(&workflow(value), &Sidecar::from_value(sidecar)?, Some(recorded::object_info()))
}

fn args(value: impl std::borrow::Borrow<Value>) -> JsonObject {
    value.borrow().as_object().unwrap().clone()
}

fn names(parameters: &Parameters) -> Vec<&str> {
    parameters.list.iter().map(|parameter| parameter.name.as_str()).collect()
}

/// A text-to-image graph with `values` put into its sampler and its first text.
fn picture(sampler: Value, text: &str) -> Value {
    let mut graph = json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15_tiny_random.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {
            "seed": 5, "steps": 20, "cfg": 7.5, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}}
    });
    let inputs = graph["3"]["inputs"].as_object_mut().unwrap();
    inputs.extend(args(sampler));
    graph
}

#[test]
fn param_marks_take_their_type_from_the_catalogue() {
    let marks = json!({"seed": "PARAM_INT_SEED", "steps": "PARAM_STEPS", "cfg": "PARAM_FLOAT_CFG",
        "sampler_name": "PARAM_SAMPLER", "denoise": "PARAM_denoise"});
    let parameters = found(picture(marks, "PARAM_STR_PROMPT"));
    assert_eq!(names(&parameters), ["prompt", "seed", "steps", "cfg", "sampler", "denoise"]);
    let get = |name| parameters.get(name).unwrap();
    assert_eq!(get("steps").kind, Kind::Integer { min: 1, max: 10_000, step: 1 });
    assert_eq!((get("steps").default.clone(), get("steps").required), (Some(json!(20)), false));
    assert_eq!(get("seed").kind, Kind::Seed { max: u64::MAX });
    assert_eq!(get("cfg").kind, Kind::Number { min: 0.0, max: 100.0, step: None });
    assert!(matches!(&get("sampler").kind, Kind::Choice { options } if options.contains(&json!("euler"))));
    assert!(get("prompt").required && get("prompt").default.is_none());
}

#[test]
fn param_grammar_reads_types_only_before_an_underscore() {
    let read = |text: &str| marker::param(text).map(|mark| (mark.name, mark.word.is_some()));
    assert_eq!(read("PARAM_PROMPT"), Some(("prompt".into(), false)));
    assert_eq!(read("PARAM_INT_STEPS"), Some(("steps".into(), true)));
    assert_eq!(read("PARAM_int_steps"), Some(("steps".into(), true)));
    assert_eq!(read("PARAM_INT"), Some(("int".into(), false)));
    assert_eq!(read("PARAM_INTENSITY"), Some(("intensity".into(), false)));
    assert_eq!(read("PARAM_TEXT_My Name!"), Some(("my_name".into(), true)));
    assert_eq!(read("a PARAM_PROMPT"), None);
    assert_eq!(read("param_prompt"), None);
}

#[test]
fn braces_are_typed_when_whole_and_text_when_within() {
    let parameters = found(picture(
        json!({"steps": "{{steps}}", "seed": "{{ seed }}"}),
        "a {{animal}} in {{place}}, {{animal}} {style|x}",
    ));
    assert_eq!(names(&parameters), ["animal", "place", "seed", "steps"]);
    assert_eq!(parameters.get("animal").unwrap().paths[0].form, Form::Within);
    let graph = workflow(picture(
        json!({"steps": "{{steps}}", "seed": "{{ seed }}"}),
        "a {{animal}} in {{place}}, {{animal}} {style|x}",
    ));
    let given =
        args(json!({"animal": "{{place}} \"quoted\" \\", "place": "PARAM_X", "steps": 4, "seed": -1}));
    let filled = parameters.fill(&graph, &given, 77).unwrap();
    let text = &filled.workflow.get("6").unwrap().inputs["text"];
    assert_eq!(text, "a {{place}} \"quoted\" \\ in PARAM_X, {{place}} \"quoted\" \\ {style|x}");
    let sampler = &filled.workflow.get("3").unwrap().inputs;
    assert_eq!((&sampler["steps"], filled.seed), (&json!(4), sampler["seed"].as_u64()));
}

#[test]
fn one_name_at_many_places_is_one_parameter() {
    let mut graph = picture(json!({"steps": "PARAM_N"}), "PARAM_PROMPT");
    graph["5"]["inputs"]["width"] = json!("PARAM_N");
    graph["9"]["inputs"]["filename_prefix"] = json!("PARAM_N");
    let parameters = found(graph.clone());
    let number = parameters.get("n").unwrap();
    assert_eq!(number.kind, Kind::Integer { min: 16, max: 10_000, step: 8 });
    let filled = parameters.fill(&workflow(graph), &args(json!({"n": 64, "prompt": "x"})), 0).unwrap();
    assert_eq!(filled.workflow.get("3").unwrap().inputs["steps"], 64);
    assert_eq!(filled.workflow.get("5").unwrap().inputs["width"], 64);
    assert_eq!(filled.workflow.get("9").unwrap().inputs["filename_prefix"], "64");
}

#[test]
fn places_that_share_no_value_are_refused() {
    let mut graph = picture(json!({"sampler_name": "PARAM_X"}), "y");
    graph["5"]["inputs"]["width"] = json!("PARAM_X");
    let error = refused(graph);
    assert!(error.to_string().starts_with("parameter `x`: one place takes"), "{error}");
}

#[test]
fn titles_name_an_input_and_may_require_it() {
    let mut graph = picture(json!({}), "a cat");
    graph["6"]["_meta"] = json!({"title": "$prompt.text!:What to draw"});
    graph["5"]["_meta"] = json!({"title": "$width.width"});
    graph["9"]["_meta"] = json!({"title": "$output.result"});
    graph["3"]["_meta"] = json!({"title": "costs $5.00 a run"});
    let parameters = found(graph);
    assert_eq!(names(&parameters), ["width", "prompt"]);
    let (prompt, width) = (parameters.get("prompt").unwrap(), parameters.get("width").unwrap());
    assert_eq!((prompt.required, prompt.default.clone()), (true, None));
    assert_eq!(prompt.description, "What to draw");
    assert_eq!((width.required, width.default.clone()), (false, Some(json!(512))));
    assert_eq!(width.origin, Origin::Title);
}

#[test]
fn title_that_points_to_a_link_or_to_nothing_is_refused_with_a_way_out() {
    let mut graph = picture(json!({}), "a cat");
    graph["3"]["_meta"] = json!({"title": "$model.model"});
    let error = refused(graph.clone());
    assert_eq!(error.to_string(), "parameter `model`: input `model` of node 3 is linked to node 4");
    graph["3"]["_meta"] = json!({"title": "$steps.step"});
    assert!(refused(graph).to_string().contains("did you mean `steps`"));
}

#[test]
fn file_without_marks_offers_what_is_usually_set() {
    let parameters = found(picture(json!({"denoise": 0.6}), "a cat"));
    let expected = [
        "prompt",
        "negative_prompt",
        "model",
        "width",
        "height",
        "batch_size",
        "seed",
        "steps",
        "cfg",
        "denoise",
    ];
    assert_eq!(names(&parameters), expected);
    assert!(parameters.list.iter().all(|parameter| !parameter.required), "the file has values for all");
    assert_eq!(parameters.get("prompt").unwrap().default, Some(json!("a cat")));
    assert_eq!(parameters.get("seed").unwrap().default, None, "the file's seed is not the next run's");
}

#[test]
fn model_that_is_not_installed_is_no_default() {
    let mut graph = picture(json!({}), "a cat");
    graph["4"]["inputs"]["ckpt_name"] = json!("gone.safetensors");
    let parameters = found(graph);
    let model = parameters.get("model").unwrap();
    assert!(model.required && model.default.is_none());
    assert!(parameters.notes[0].contains("`gone.safetensors`"), "{:?}", parameters.notes);
}

#[test]
fn sidecar_decides_over_marks_and_marks_over_inference() {
    let sidecar = json!({"parameters": {
        "prompt": {"at": "6.text", "default": "a dog"},
        "steps": {"node": 3, "input": "steps", "min": 2, "max": 8, "default": "4", "description": "How long"},
        "style": {"at": ["7.text"], "type": "string", "choices": ["plain", "wild"]},
        "cfg": {"hide": true, "at": [["3", "cfg"]]},
    }});
    let graph = picture(json!({"steps": "PARAM_OTHER"}), "PARAM_PROMPT");
    let parameters = with_sidecar(graph.clone(), &sidecar).unwrap();
    assert_eq!(names(&parameters), ["prompt", "steps", "style", "cfg"]);
    let steps = parameters.get("steps").unwrap();
    assert_eq!(
        (steps.kind.clone(), steps.default.clone()),
        (Kind::Integer { min: 2, max: 8, step: 1 }, Some(json!(4)))
    );
    assert_eq!(steps.description, "How long");
    let filled = parameters.fill(&workflow(graph), &args(json!({"cfg": 99.0})), 0).unwrap();
    assert_eq!(filled.workflow.get("3").unwrap().inputs["cfg"], 7.5, "a hidden parameter cannot be given");
    assert_eq!(filled.workflow.get("6").unwrap().inputs["text"], "a dog");
    assert_eq!(filled.used.keys().collect::<Vec<_>>(), ["prompt", "steps", "style"]);
}

#[test]
fn foreign_sidecars_are_understood() {
    let joined = json!({"name": "Portrait", "updated_at": "x", "hash": "y",
        "defaults": {"steps": "12", "no_such_parameter": 1}, "constraints": {"steps": {"min": 4, "max": 40, "step": 4}},
        "override_mappings": {"steps": [["3", "steps"]], "prompt": [["6", "text"]]}});
    let sidecar = Sidecar::from_foreign(&joined).unwrap();
    let parameters =
        find(&workflow(picture(json!({}), "x")), &sidecar, Some(recorded::object_info())).unwrap();
    assert_eq!(parameters.get("steps").unwrap().kind, Kind::Integer { min: 4, max: 40, step: 4 });
    assert_eq!(parameters.get("steps").unwrap().default, Some(json!(12)));

    let gateway = json!({"inputSchema": {"type": "object", "fields": {
        "steps": {"type": "number", "min": 1, "max": 30, "required": true}}}, "defaultParams": {"n": 3}});
    assert!(Sidecar::from_foreign(&gateway).unwrap().about("n").is_some());

    let services = json!({"parameters": [{"name": "text", "type": "string", "required": true,
        "comfyui_node_id": "6", "comfyui_widget_name": "text"}]});
    let sidecar = Sidecar::from_foreign(&services).unwrap();
    let parameters = find(&workflow(picture(json!({}), "x")), &sidecar, None).unwrap();
    assert!(parameters.get("text").unwrap().required);
}

#[test]
fn sidecar_mistakes_name_what_is_meant() {
    let graph = || picture(json!({"steps": "PARAM_STEPS"}), "x");
    let message = |sidecar: Value| with_sidecar(graph(), &sidecar).unwrap_err().to_string();
    assert_eq!(message(json!({"titel": "x"})), "the sidecar has no key `titel`; did you mean `title`?");
    let stray = message(json!({"parameters": {"stpes": {"default": 3}}}));
    assert!(stray.contains("`stpes`, which the workflow does not have; did you mean `steps`?"), "{stray}");
    let value = message(json!({"parameters": {"steps": {"default": 0}}}));
    assert_eq!(value, "parameter `steps`: its default is 0; it takes a whole number from 1 to 10000");
    assert!(
        message(json!({"parameters": {"a": {"at": "77.text"}}})).contains("node `77`, which is not there")
    );
    assert!(message(json!({"parameters": {"a": {"at": 5}}})).contains("does not say where"));
    assert!(message(json!({"parameters": {"steps": {"type": "colour"}}})).contains("`colour` is no type"));
    assert!(message(json!([1])).contains("not a map"));
}

#[test]
fn hostile_names_are_refused() {
    for name in ["__proto__", "constructor", "prototype", "wait", "wait_seconds", "toString"] {
        let error = refused(picture(json!({}), &format!("{{{{{name}}}}}")));
        assert!(error.to_string().contains(name), "{error}");
        let map = json!({"parameters": {name: {"at": "6.text"}}});
        assert!(with_sidecar(picture(json!({}), "x"), &map).is_err(), "{name}");
    }
    assert!(refused(picture(json!({}), "PARAM_")).to_string().contains("no name"));
    assert!(refused(picture(json!({}), "PARAM_WAIT")).to_string().contains("`wait` is taken"));
    assert!(
        refused(picture(json!({}), &format!("PARAM_{}", "A".repeat(65)))).to_string().contains("no name for")
    );
    assert_eq!(names(&found(picture(json!({}), "PARAM___PROTO__"))), ["proto"]);
}

#[test]
fn missing_and_wrong_values_name_the_parameter_and_nothing_is_filled() {
    let graph = picture(json!({"steps": "PARAM_STEPS", "sampler_name": "{{sampler}}"}), "PARAM_PROMPT");
    let parameters = found(graph.clone());
    let graph = workflow(graph);
    let message = |given: Value| parameters.fill(&graph, &args(given), 0).unwrap_err().to_string();
    assert_eq!(message(json!({})), "`prompt` is required");
    assert_eq!(message(json!({"prompt": null})), "`prompt` is required");
    assert_eq!(message(json!({"prompt": 3})), "`prompt` is 3; it takes a text");
    let steps = message(json!({"prompt": "x", "steps": 0}));
    assert_eq!(steps, "`steps` is 0; it takes a whole number from 1 to 10000");
    let sampler = message(json!({"prompt": "x", "sampler": "eulr"}));
    assert!(sampler.contains("did you mean `euler`"), "{sampler}");
}

#[test]
fn steps_of_whole_numbers_are_enforced_unless_the_file_breaks_them() {
    let graph = |width: Value| {
        let mut graph = picture(json!({}), "x");
        graph["5"]["inputs"]["width"] = width;
        graph
    };
    let off = found(graph(json!(512))).get("width").unwrap().kind.accept(&json!(65)).unwrap_err();
    assert_eq!(off, "is 65; it takes whole numbers from 16 in steps of 8");
    let broken = found(graph(json!(513)));
    assert!(broken.get("width").unwrap().kind.accept(&json!(65)).is_ok());
}

#[test]
fn places_that_take_no_plain_value_are_refused() {
    let mut graph = picture(json!({}), "x");
    graph["8"]["inputs"]["samples"] = json!("PARAM_X");
    assert!(refused(graph).to_string().contains("takes LATENT, which is no plain value"));
    let combo = json!({"1": {"class_type": "ResizeImageMaskNode", "inputs": {
        "input": ["2", 0], "resize_type": "PARAM_HOW", "resize_type.width": 64, "scale_method": "area"}}});
    assert!(refused(combo).to_string().contains("decides which other inputs"));
    let inner = json!({"1": {"class_type": "ResizeImageMaskNode", "inputs": {
        "input": ["2", 0], "resize_type": "scale dimensions", "resize_type.width": "PARAM_W",
        "resize_type.height": 64, "scale_method": "area"}}});
    assert_eq!(found(inner).get("w").unwrap().kind, Kind::Integer { min: 0, max: 16384, step: 1 });
}

#[test]
fn deep_values_are_filled_at_their_place() {
    let graph = workflow(json!({"1": {"class_type": "Unknown", "inputs": {
        "a/b~c": {"list": [1, "PARAM_INT_N"], "PARAM_KEY": "kept"}, "t": "{{ t }}"}}}));
    let parameters = find(&graph, &Sidecar::default(), Some(recorded::object_info())).unwrap();
    let filled = parameters.fill(&graph, &args(json!({"n": 7, "t": "{\"a\":[1]}"})), 0).unwrap();
    let inputs = &filled.workflow.get("1").unwrap().inputs;
    assert_eq!(inputs["a/b~c"], json!({"list": [1, 7], "PARAM_KEY": "kept"}));
    assert_eq!(inputs["t"], "{\"a\":[1]}");
}

#[test]
fn without_a_catalogue_names_and_marks_are_still_known() {
    let graph = picture(json!({"seed": "PARAM_INT_SEED", "sampler_name": "PARAM_S"}), "PARAM_PROMPT");
    let parameters = find(&workflow(graph), &Sidecar::default(), None).unwrap();
    assert_eq!(names(&parameters), ["prompt", "seed", "s"]);
    assert!(parameters.list.iter().all(|parameter| !parameter.required));
    let schema = Value::Object(parameters.schema(2_000));
    assert_eq!(schema["properties"]["prompt"]["type"], "string");
    assert!(schema["properties"]["s"].get("enum").is_none());
}

#[test]
fn schema_writes_short_lists_and_leaves_long_ones_to_the_run() {
    let parameters =
        found(picture(json!({"sampler_name": "PARAM_SAMPLER", "scheduler": "PARAM_SCHEDULER"}), "PARAM_P"));
    let schema = Value::Object(parameters.schema(600));
    assert!(schema["properties"]["scheduler"]["enum"].is_array());
    assert!(schema["properties"]["sampler"].get("enum").is_none());
    assert_eq!(schema["required"], json!(["p"]));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn seeds_are_drawn_inside_their_range_and_differ() {
    let graph = json!({"1": {"class_type": "A", "inputs": {"seed": "{{a}}"}}, "2": {"class_type": "B", "inputs": {"x": "{{b}}"}}});
    let sidecar = json!({"parameters": {"a": {"type": "seed", "max": 9}, "b": {"type": "seed"}}});
    let parameters = with_sidecar(graph.clone(), &sidecar).unwrap();
    let filled = parameters.fill(&workflow(graph), &JsonObject::new(), u64::MAX - 3).unwrap();
    assert!(filled.used["a"].as_u64().unwrap() <= 9);
    assert!(filled.used["b"].as_u64().unwrap() < 1 << 53);
    assert_ne!(filled.used["a"], filled.used["b"]);
}

proptest! {
    #[test]
    fn any_workflow_is_searched_without_a_panic(graph in recorded::any_workflow(), with in any::<bool>()) {
        let catalogue = with.then(recorded::object_info);
        if let Ok(parameters) = find(&graph, &Sidecar::default(), catalogue) {
            parameters.schema(2_000);
            parameters.fill(&graph, &JsonObject::new(), 1).ok();
        }
    }

    #[test]
    fn any_text_is_put_in_as_it_is(value in "\\PC{0,40}", around in "[^{}]{0,8}") {
        let graph = workflow(picture(json!({}), &format!("{around}{{{{x}}}}{around}")));
        let parameters = find(&graph, &Sidecar::default(), None).unwrap();
        let filled = parameters.fill(&graph, &args(json!({"x": value})), 0).unwrap();
        let expected = if around.trim().is_empty() { value } else { format!("{around}{value}{around}") };
        prop_assert_eq!(&filled.workflow.get("6").unwrap().inputs["text"], &json!(expected));
        let others = |graph: &Workflow| graph.iter().filter(|(id, _)| id.as_str() != "6").map(|(_, n)| n.clone()).collect::<Vec<_>>();
        prop_assert_eq!(others(&filled.workflow), others(&graph));
    }

    #[test]
    fn any_sidecar_is_read_or_refused(value in recorded::any_json()) {
        Sidecar::from_value(&value).ok();
        Sidecar::from_foreign(&value).ok();
    }
}

#[test]
fn braces_are_found_after_stray_brackets_and_need_a_name() {
    assert_eq!(
        marker::braces("{{{a}} {{ b\t}} {{1c}} {{}} {{d} } {{e"),
        (vec!["a".into(), "b".into()], false)
    );
    assert_eq!(marker::braces(" {{ a }} "), (vec!["a".into()], true));
    assert_eq!(
        marker::render("{{{a}} {{x}}{{a}}", |name| (name == "a").then(|| "{{a}}".into())),
        "{{{a}} {{x}}{{a}}"
    );
}

#[test]
fn titles_take_a_description_and_spaces_before_the_sign() {
    let read =
        |text: &str| marker::title(text).map(|mark| (mark.name, mark.input, mark.required, mark.description));
    let mark = |name: &str, input: &str, required, description: &str| {
        Some((name.to_owned(), input.to_owned(), required, description.to_owned()))
    };
    assert_eq!(read(" $size.width !: pixels "), mark("size", "width", true, "pixels"));
    assert_eq!(read("$size.~width"), mark("size", "width", false, ""));
    for other in
        ["size.width", "$size", "$.width", "$1.width", "$size.:x", "$size.width more", "$output.images"]
    {
        assert_eq!(read(other), None, "{other}");
    }
}
