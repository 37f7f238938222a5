use serde_json::json;

use super::*;
use crate::recorded;
use crate::templates;

fn analyzed(template: &str) -> Analysis {
    let built = templates::build(template, &Map::new(), None, 7).expect(template);
    analyze(&built.workflow, Some(recorded::object_info()))
}

#[test]
fn tells_the_settings_models_and_prompts_of_a_plain_graph() {
    let analysis = analyzed("txt2img");
    assert_eq!(
        serde_json::to_value(&analysis.parameters).expect("json"),
        json!({"width": 512, "height": 512, "steps": 20, "cfg": 7.0, "sampler": "euler", "scheduler": "normal", "denoise": 1.0, "seed": 7})
    );
    assert_eq!(
        analysis.models,
        [ModelUse { name: "v1-5-pruned-emaonly.safetensors".into(), folder: "checkpoints" }]
    );
    assert_eq!(
        (analysis.prompt_nodes, analysis.negative_nodes),
        (vec!["2".to_owned()], vec!["3".to_owned()])
    );
    assert_eq!(analysis.flow.first().map(|step| step.display_name.as_str()), Some("Load Checkpoint"));
}

#[test]
fn follows_prompts_through_controlnets_and_guidance() {
    let titled = |template: &str| {
        let built = templates::build(template, &Map::new(), None, 7).expect(template);
        let of = |ids: Vec<String>| -> Vec<String> {
            ids.iter().filter_map(|id| built.workflow.get(id)?.title().map(str::to_owned)).collect()
        };
        let analysis = analyzed(template);
        (of(analysis.prompt_nodes), of(analysis.negative_nodes))
    };
    let positive = vec!["Positive prompt".to_owned()];
    let negative = vec!["Negative prompt".to_owned()];
    assert_eq!(titled("controlnet_canny"), (positive.clone(), negative.clone()));
    assert_eq!(titled("img2vid_wan"), (positive.clone(), negative.clone()));
    assert_eq!(titled("ltx_video"), (positive.clone(), negative));
    assert_eq!(titled("flux_txt2img"), (positive, vec![]));
}

#[test]
fn names_the_pipeline_of_every_template() {
    let shown: Vec<String> =
        templates::catalogue().iter().map(|t| format!("{}: {}", t.name, pipeline(&t.classes))).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn lists_every_text_encoder() {
    let names: Vec<String> = analyzed("sd35_txt2img").models.into_iter().map(|model| model.name).collect();
    assert_eq!(
        names,
        [
            "sd3.5_large.safetensors",
            "clip_l.safetensors",
            "clip_g.safetensors",
            "t5xxl_fp8_e4m3fn.safetensors",
            "sd3_vae.safetensors"
        ]
    );
}
