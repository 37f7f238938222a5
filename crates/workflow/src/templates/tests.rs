use serde_json::{Value, json};

use super::*;
use crate::check::{self, ProblemKind, Severity};
use crate::recorded;
use comfywarden_error::JsonObject;

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

fn built(name: &str, params: Value) -> Built {
    build(name, &object(params), Some(recorded::object_info()), 7).expect(name)
}

fn refusal(name: &str, params: Value) -> (String, String) {
    let error = build(name, &object(params), Some(recorded::object_info()), 7).expect_err(name);
    (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
}

fn input(built: &Built, class: &str, name: &str) -> Option<Value> {
    let (_, node) = built.workflow.iter().find(|(_, node)| node.class_type == class)?;
    node.inputs.get(name).cloned()
}

#[test]
fn every_template_validates_or_names_what_the_server_lacks() {
    let mut summary = Vec::new();
    for template in catalogue() {
        match build(template.name, &JsonObject::new(), Some(recorded::object_info()), 7) {
            Err(error) => {
                assert!(!template.packs.is_empty(), "{}: {error}", template.name);
                summary.push(format!("{}: {}", template.name, error.hint_text().unwrap_or_default()));
            }
            Ok(built) => {
                let report = check::examine(&built.workflow, Some(recorded::object_info()));
                // Files are missing on the recorded server; nothing else may be wrong.
                let files = |problem: &check::Problem| {
                    matches!(problem.kind, ProblemKind::MissingModel | ProblemKind::UnlistedFile)
                };
                let wrong: Vec<_> = report.problems.iter().filter(|problem| !files(problem)).collect();
                assert!(wrong.is_empty(), "{}: {wrong:#?}", template.name);
                let missing = report.problems.iter().filter(|p| p.severity == Severity::Error).count();
                summary.push(format!("{}: {missing} files missing", template.name));
            }
        }
    }
    insta::assert_snapshot!(summary.join("\n"));
}

#[test]
fn every_parameter_reaches_the_graph() {
    for template in catalogue() {
        let plain = build(template.name, &JsonObject::new(), None, 7).expect(template.name);
        for parameter in &template.parameters {
            let value = match &parameter.kind {
                parameter::Kind::Integer { max, .. } => json!(max),
                parameter::Kind::Number { min, .. } => json!(min + 0.5 * f64::from(u8::from(*min < 0.25))),
                parameter::Kind::Seed => json!(u64::MAX),
                parameter::Kind::Choice { accepted } => json!(accepted[accepted.len() - 1]),
                parameter::Kind::Loras => json!([{"name": "x/y.safetensors", "strength": 0.3}]),
                parameter::Kind::Texts => json!(["x/y.safetensors"]),
                parameter::Kind::Numbers => json!([0.123]),
                _ => json!("folder/other name.safetensors"),
            };
            // FLUX does not look at the negative prompt at cfg 1; a note says so.
            let unheard = parameter.name == "negative_prompt" && template.name.starts_with("flux");
            if value == parameter.default || unheard {
                continue;
            }
            let params = object(json!({ parameter.name: value }));
            let changed = build(template.name, &params, None, 7).expect(template.name);
            assert_ne!(changed.workflow, plain.workflow, "{}: {}", template.name, parameter.name);
        }
    }
}

#[test]
fn keeps_the_defaults_of_the_contract() {
    let shown: Vec<String> = catalogue()
        .iter()
        .map(|template| {
            let used = build(template.name, &JsonObject::new(), None, 7).expect(template.name).used;
            let of = |name: &str| used.get(name).map(ToString::to_string).unwrap_or_default();
            let keys =
                ["width", "height", "steps", "cfg", "sampler_name", "scheduler", "denoise", "frames", "fps"];
            format!("{}: {}", template.name, keys.map(of).join(" "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn unknown_parameters_are_refused_with_the_nearest_name() {
    let (message, hint) = refusal("img2img", json!({ "denoize": 0.5 }));
    assert_eq!(message, "template `img2img` has no parameter `denoize`; did you mean `denoise`?");
    assert!(hint.starts_with("its parameters: image, prompt, negative_prompt, steps"), "{hint}");
    assert_eq!(
        refusal("txt2imgg", json!({})).0,
        "no template `txt2imgg`; did you mean `txt2img` or `sd35_txt2img` or `txt2vid_wan`?"
    );
}

#[test]
fn types_and_ranges_are_checked() {
    let message = |params| refusal("txt2img", params).0;
    assert_eq!(
        message(json!({ "steps": 0 })),
        "parameter `steps` is 0; it takes a whole number from 1 to 200"
    );
    assert_eq!(
        message(json!({ "width": "wide" })),
        "parameter `width` is `wide`; it takes a whole number from 64 to 4096"
    );
    assert_eq!(message(json!({ "prompt": 5 })), "parameter `prompt` is 5; it takes a text");
    assert_eq!(built("txt2img", json!({ "steps": 5.0 })).used["steps"], json!(5));
}

#[test]
fn a_seed_is_drawn_unless_given() {
    assert_eq!(built("txt2img", json!({})).used["seed"], json!(7));
    assert_eq!(built("txt2img", json!({ "seed": -1 })).used["seed"], json!(7));
    let largest = built("txt2img", json!({ "seed": u64::MAX }));
    assert_eq!(input(&largest, "KSampler", "seed"), Some(json!(u64::MAX)));
}

#[test]
fn installed_files_stand_for_absent_defaults() {
    let picture = built("txt2img", json!({}));
    assert_eq!(picture.used["model"], json!("sd15_random_fp16.safetensors"));
    assert_eq!(built("upscale", json!({})).used["model_name"], json!("rig_esrgan_x4.safetensors"));
    let stack = built("lora_stack", json!({ "lora_name": "RIG_lora" }));
    assert_eq!(input(&stack, "LoraLoader", "lora_name"), Some(json!("rig_lora.safetensors")));
    let wan = built("txt2vid_wan", json!({}));
    assert!(
        wan.notes[0].contains("is not installed in diffusion_models; installed: none"),
        "{:?}",
        wan.notes
    );
}

#[test]
fn names_with_folders_survive() {
    let built = build("txt2img", &object(json!({ "model": "SDXL/x.safetensors" })), None, 1).expect("built");
    assert_eq!(input(&built, "CheckpointLoaderSimple", "ckpt_name"), Some(json!("SDXL/x.safetensors")));
}

#[test]
fn a_mask_is_read_from_a_colour_channel() {
    let built = built("inpaint", json!({ "image": "a.png", "mask": "m.png" }));
    assert_eq!(input(&built, "LoadImageMask", "channel"), Some(json!("red")));
}

#[test]
fn says_when_a_given_value_has_no_effect_or_a_family_is_absent() {
    let flux = build("flux_txt2img", &object(json!({ "negative_prompt": "text" })), None, 1).expect("built");
    assert_eq!(flux.notes, ["negative_prompt has no effect with this model at cfg 1"]);
    let notes = built("sdxl_txt2img", json!({})).notes;
    assert_eq!(
        notes,
        [
            "no model of the family sdxl, illustrious, pony is installed; `sd15_random_fp16.safetensors` is used"
        ]
    );
}
