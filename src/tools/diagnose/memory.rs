//! The ladder of things to try when memory ran out: what costs least in quality comes first.

use serde_json::Value;

use crate::comfy::NodeFailure;
use comfywarden_workflow::{Node, NodeId, ObjectInfo, Workflow};

/// Sides below this are not worth making smaller.
const SMALL_SIDE: u64 = 512;
/// Maximum number of steps of a ladder.
const MAX_STEPS: usize = 9;

/// Lists what to try, in order.
pub(super) fn ladder(
    failure: &NodeFailure,
    workflow: Option<&Workflow>,
    object_info: Option<&ObjectInfo>,
) -> Vec<String> {
    let mut steps = Vec::new();
    let nodes = || workflow.into_iter().flat_map(Workflow::iter);
    let in_decoder = failure.node_type.starts_with("VAE") || failure.node_type.contains("Decode");
    if in_decoder {
        steps.extend(nodes().filter_map(|(id, node)| tiled(id, node, object_info)));
    }
    steps.extend(nodes().filter_map(|(id, node)| smaller_batch(id, node)));
    steps.extend(nodes().filter_map(|(id, node)| fewer_frames(id, node)));
    steps.extend(nodes().filter_map(|(id, node)| smaller_side(id, node)));
    steps.extend(nodes().filter_map(|(id, node)| smaller_factor(id, node)));
    if !in_decoder {
        steps.extend(nodes().filter_map(|(id, node)| tiled(id, node, object_info)));
    }
    steps.extend(nodes().filter_map(|(id, node)| lower_precision(id, node, object_info)));
    if steps.is_empty() {
        steps.push("use a smaller width and height, batch_size 1, and fewer frames".to_owned());
    }
    steps.truncate(MAX_STEPS - 2);
    steps.push(
        "run it once more as it is: ComfyUI unloads its models after such a failure, and other programs may have \
         given memory back"
            .to_owned(),
    );
    steps
        .push("start ComfyUI with --lowvram, or with --novram or --cpu-vae if that is not enough".to_owned());
    steps
}

fn number(node: &Node, input: &str) -> Option<u64> {
    node.inputs.get(input).and_then(Value::as_u64)
}

fn place(id: &NodeId, node: &Node) -> String {
    format!("node {} ({})", id.as_str(), node.class_type)
}

/// Decoding in tiles takes a fraction of the memory and nearly the same picture.
fn tiled(id: &NodeId, node: &Node, object_info: Option<&ObjectInfo>) -> Option<String> {
    let replacement = match node.class_type.as_str() {
        "VAEDecode" => "VAEDecodeTiled",
        "VAEEncode" => "VAEEncodeTiled",
        _ => return None,
    };
    if object_info.is_some_and(|info| !info.contains(replacement)) {
        return None;
    }
    Some(format!(
        "{}: replace it by {replacement} with tile_size 512 (comfyui_modify_workflow, op replace_node)",
        place(id, node)
    ))
}

fn smaller_batch(id: &NodeId, node: &Node) -> Option<String> {
    let count = number(node, "batch_size").filter(|count| *count > 1)?;
    Some(format!("{}: batch_size {count} → 1, and run it {count} times", place(id, node)))
}

/// Video families take 4n+1 frames; so does half of them.
fn fewer_frames(id: &NodeId, node: &Node) -> Option<String> {
    let names = ["length", "frames", "num_frames", "video_frames", "frame_count"];
    let (input, frames) = names.iter().find_map(|name| Some((name, number(node, name)?)))?;
    if frames < 9 {
        return None;
    }
    let half = frames / 2 / 4 * 4 + 1;
    Some(format!("{}: {input} {frames} → {half}", place(id, node)))
}

fn smaller_side(id: &NodeId, node: &Node) -> Option<String> {
    let (width, height) = (number(node, "width")?, number(node, "height")?);
    if width.max(height) <= SMALL_SIDE {
        return None;
    }
    // Seven tenths of each side are half the pixels; all families take multiples of 64.
    let less = |side: u64| (side * 7 / 10 / 64 * 64).max(64);
    let (less_wide, less_high) = (less(width), less(height));
    Some(format!(
        "{}: {width}×{height} → {less_wide}×{less_high}, about half the pixels; enlarge the result afterwards \
         (comfyui_upscale_image)",
        place(id, node)
    ))
}

fn smaller_factor(id: &NodeId, node: &Node) -> Option<String> {
    if node.class_type == "ImageUpscaleWithModel" {
        return Some(format!(
            "{}: use an upscale model with a smaller factor (x2), or make the picture smaller before it",
            place(id, node)
        ));
    }
    let scale = node.inputs.get("scale_by").and_then(Value::as_f64).filter(|scale| *scale > 1.25)?;
    let less = (1.0 + (scale - 1.0) / 2.0 * 100.0).round() / 100.0;
    let less = if less > 1.0 && less < scale { less } else { 1.25 };
    Some(format!("{}: scale_by {scale} → {less}", place(id, node)))
}

fn lower_precision(id: &NodeId, node: &Node, object_info: Option<&ObjectInfo>) -> Option<String> {
    let text = |input: &str| node.inputs.get(input).and_then(Value::as_str);
    if node.class_type == "UNETLoader" && text("weight_dtype") == Some("default") {
        let choices =
            object_info.and_then(|info| info.get("UNETLoader")?.input("weight_dtype")?.choices.clone());
        let offered = choices.is_none_or(|choices| choices.iter().any(|choice| choice == "fp8_e4m3fn"));
        return offered.then(|| format!("{}: weight_dtype default → fp8_e4m3fn", place(id, node)));
    }
    let inputs = ["ckpt_name", "unet_name", "clip_name", "clip_name1", "clip_name2", "clip_name3"];
    let heavy = inputs.iter().find_map(|input| {
        let name = text(input)?;
        let lower = name.to_lowercase();
        let full = ["fp16", "bf16", "fp32"].iter().any(|word| lower.contains(word));
        full.then_some(name)
    })?;
    Some(format!("{}: use an fp8 or GGUF version of `{heavy}`", place(id, node)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(node_type: &str, workflow: &Value) -> Vec<String> {
        let failure = NodeFailure { node_type: node_type.to_owned(), ..NodeFailure::default() };
        ladder(&failure, Some(&Workflow::from_value(workflow).unwrap()), None)
    }

    #[test]
    fn a_sampler_gets_smaller_work_first_and_a_decoder_tiles() {
        let workflow = json!({
            "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"}},
            "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 2048, "height": 1024, "batch_size": 4}},
            "3": {"class_type": "VAEDecode", "inputs": {}},
            "4": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "clip_l.safetensors", "clip_name2": "t5xxl_fp16.safetensors"}},
        });
        let heads = |steps: Vec<String>| -> Vec<String> {
            steps
                .iter()
                .map(|step| step.split([',', ';']).next().unwrap().chars().take(58).collect())
                .collect()
        };
        let sampler = heads(of("KSampler", &workflow));
        assert_eq!(
            sampler,
            [
                "node 2 (EmptyLatentImage): batch_size 4 → 1",
                "node 2 (EmptyLatentImage): 2048×1024 → 1408×704",
                "node 3 (VAEDecode): replace it by VAEDecodeTiled with tile",
                "node 1 (UNETLoader): weight_dtype default → fp8_e4m3fn",
                "node 4 (DualCLIPLoader): use an fp8 or GGUF version of `t5",
                "run it once more as it is: ComfyUI unloads its models afte",
                "start ComfyUI with --lowvram",
            ]
        );
        assert!(
            heads(of("VAEDecode", &workflow))[0]
                .starts_with("node 3 (VAEDecode): replace it by VAEDecodeTiled")
        );
    }

    #[test]
    fn films_get_shorter_in_steps_of_four_frames() {
        let workflow = json!({"1": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"length": 81, "width": 320, "height": 320}}});
        assert_eq!(of("KSampler", &workflow)[0], "node 1 (EmptyHunyuanLatentVideo): length 81 → 41");
    }

    #[test]
    fn without_a_graph_there_is_still_a_ladder() {
        let steps = ladder(&NodeFailure::default(), None, None);
        assert!(steps.len() == 3 && steps[0].contains("smaller width"));
    }
}
