use super::*;
use serde_json::Value;

fn request(model: Model) -> Txt2Img {
    Txt2Img {
        positive: "a fox".into(),
        negative: "blurry".into(),
        width: 512,
        height: 768,
        steps: 20,
        cfg: 7.0,
        sampler_name: "euler".into(),
        scheduler: "normal".into(),
        denoise: 1.0,
        seed: u64::MAX,
        batch_size: 1,
        model,
        loras: Vec::new(),
        vae: None,
        prefix: "comfyui-mcp".into(),
        clip_skip: 1,
        guidance: None,
    }
}

fn checkpoint() -> Model {
    Model::Checkpoint { name: "SD/dreamshaper_8.safetensors".into() }
}

fn classes(workflow: &Workflow) -> Vec<&str> {
    workflow.iter().map(|(_, node)| node.class_type.as_str()).collect()
}

#[test]
fn a_checkpoint_makes_the_seven_node_graph() {
    let workflow = request(checkpoint()).build();
    insta::assert_json_snapshot!(workflow.to_value(), @r#"
    {
      "1": {
        "class_type": "CheckpointLoaderSimple",
        "inputs": {
          "ckpt_name": "SD/dreamshaper_8.safetensors"
        }
      },
      "2": {
        "class_type": "CLIPTextEncode",
        "inputs": {
          "clip": [
            "1",
            1
          ],
          "text": "a fox"
        },
        "_meta": {
          "title": "Positive prompt"
        }
      },
      "3": {
        "class_type": "CLIPTextEncode",
        "inputs": {
          "clip": [
            "1",
            1
          ],
          "text": "blurry"
        },
        "_meta": {
          "title": "Negative prompt"
        }
      },
      "4": {
        "class_type": "EmptyLatentImage",
        "inputs": {
          "width": 512,
          "height": 768,
          "batch_size": 1
        }
      },
      "5": {
        "class_type": "KSampler",
        "inputs": {
          "model": [
            "1",
            0
          ],
          "positive": [
            "2",
            0
          ],
          "negative": [
            "3",
            0
          ],
          "latent_image": [
            "4",
            0
          ],
          "seed": 18446744073709551615,
          "steps": 20,
          "cfg": 7.0,
          "sampler_name": "euler",
          "scheduler": "normal",
          "denoise": 1.0
        }
      },
      "6": {
        "class_type": "VAEDecode",
        "inputs": {
          "samples": [
            "5",
            0
          ],
          "vae": [
            "1",
            2
          ]
        }
      },
      "7": {
        "class_type": "SaveImage",
        "inputs": {
          "images": [
            "6",
            0
          ],
          "filename_prefix": "comfyui-mcp"
        }
      }
    }
    "#);
}

#[test]
fn loras_are_chained_in_order_and_a_vae_replaces_the_models_own() {
    let mut request = request(checkpoint());
    request.loras = vec![("a.safetensors".into(), 0.5), ("b.safetensors".into(), -1.0)];
    request.vae = Some("v.safetensors".into());
    let workflow = request.build();
    let input = |id: &str, name: &str| workflow.get(id).and_then(|node| node.inputs.get(name)).cloned();
    assert_eq!(classes(&workflow)[..4], ["CheckpointLoaderSimple", "VAELoader", "LoraLoader", "LoraLoader"]);
    assert_eq!(input("4", "model"), Some(serde_json::json!(["3", 0])));
    assert_eq!(input("4", "strength_model"), Some(Value::from(-1.0)));
    assert_eq!(input("5", "clip"), Some(serde_json::json!(["4", 1])));
    assert_eq!(input("9", "vae"), Some(serde_json::json!(["2", 0])));
}

#[test]
fn flux_from_separate_files_uses_guidance_and_no_negative() {
    let mut request = request(Model::Diffusion {
        name: "flux1-dev.safetensors".into(),
        family: Family::Flux,
        text_encoders: vec!["clip_l.safetensors".into(), "t5xxl.safetensors".into()],
        vae: "ae.safetensors".into(),
    });
    request.cfg = 1.0;
    assert_eq!(
        classes(&request.build()),
        [
            "UNETLoader",
            "DualCLIPLoader",
            "VAELoader",
            "CLIPTextEncode",
            "ConditioningZeroOut",
            "FluxGuidance",
            "EmptySD3LatentImage",
            "KSampler",
            "VAEDecode",
            "SaveImage"
        ]
    );
}
