//! Workflows that the server refuses, wholly or in part.

use comfywarden::comfy::{Client, JobState};
use serde_json::json;

use super::check;
use crate::support::comfy::{TestResult, nonce, picture, submit, watch};

pub(super) async fn a_refusal_names_node_input_and_accepted_values(client: &Client) -> TestResult {
    let mut workflow = picture(0);
    workflow["1"]["inputs"]["width"] = json!(0);
    let Err(error) = submit(client, &workflow).await else { return Err("it was accepted".into()) };
    let text = error.to_string();
    check(text.contains("node 1 (EmptyImage), width") && text.contains("received 0; accepted 1 to "), &text)?;
    let mut workflow = picture(0);
    workflow["1"] = json!({"class_type": "LoadImage", "inputs": {"image": "no such.png"}});
    workflow["2"]["inputs"]["images"] = json!(["1", 0]);
    let Err(error) = submit(client, &workflow).await else { return Err("it was accepted".into()) };
    let text = error.to_string();
    check(text.contains("node 1 (LoadImage), image") && text.contains("no such.png"), &text)?;
    let Err(error) = submit(client, &json!({"1": {"class_type": "NoSuchNode", "inputs": {}}})).await else {
        return Err("it was accepted".into());
    };
    check(error.to_string().contains("NoSuchNode"), &error.to_string())
}

pub(super) async fn a_long_list_of_accepted_values_is_fetched(client: &Client) -> TestResult {
    let workflow = json!({
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "2": {"class_type": "LatentUpscale", "inputs": {"samples": ["1", 0], "upscale_method": "nope", "width": 64,
            "height": 64, "crop": "disabled"}},
        "3": {"class_type": "SaveLatent", "inputs": {"samples": ["2", 0], "filename_prefix": "contract"}},
    });
    let Err(error) = submit(client, &workflow).await else { return Err("it was accepted".into()) };
    let text = error.to_string();
    check(text.contains("node 2 (LatentUpscale), upscale_method") && text.contains("bilinear"), &text)
}

pub(super) async fn a_dropped_branch_is_reported(client: &Client) -> TestResult {
    let mut workflow = picture(nonce());
    workflow["3"] = json!({"class_type": "EmptyImage", "inputs": {"width": 0, "height": 64, "batch_size": 1, "color": 0}});
    workflow["4"] =
        json!({"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "contract"}});
    let submitted = submit(client, &workflow).await?;
    check(submitted.node_errors.keys().eq(["3"]), "no word of the dropped branch")?;
    check(watch(client, &submitted.prompt_id).await?.1.outcome == JobState::Succeeded, "the rest did not run")
}
