//! Remedies for a workflow that was refused, and for a node whose inputs are wrong.

use std::collections::HashMap;

use super::{
    super::{Call, findings::Finding, job_owners::RefusedWorkflow},
    verdict::{Diagnosis, Verdict},
};
use comfywarden_error::Kind;
use comfywarden_policy::display;
use comfywarden_workflow::{ObjectInfo, check::models, templates::pack_of};

/// The packs that bring a class, ready to be shown.
pub(super) type Packs = HashMap<String, Vec<String>>;

/// Maximum number of steps in an answer.
const MAX_STEPS: usize = 8;
/// Maximum number of packs that are named for one class.
const MAX_PACKS: usize = 3;

/// The diagnosis of a workflow that never ran.
pub(super) async fn of_refusal(call: &Call, refusal: &RefusedWorkflow) -> Diagnosis {
    let who = match refusal.kind {
        Kind::Denied => "the operator's rules, or the user, did not let the workflow run",
        Kind::Unavailable | Kind::Timeout => "ComfyUI could not be reached, so the workflow never ran",
        Kind::InvalidInput => "the workflow was not fit to be submitted",
        _ => "ComfyUI refused the workflow, so it never ran",
    };
    let summary = match refusal.findings.as_slice() {
        [] => who.to_owned(),
        [one] => format!("{who}: {}", one.message),
        [first, ..] => format!("{who} for {} reasons; the first: {}", refusal.findings.len(), first.message),
    };
    let object_info = call.backend().object_info().await.ok();
    let mut diagnosis = Diagnosis::new(Verdict::Refused, summary);
    diagnosis.message = refusal.findings.is_empty().then(|| refusal.message.clone());
    diagnosis.steps =
        steps(&refusal.findings, object_info.as_deref(), &packs_for(call, &refusal.findings).await);
    if diagnosis.steps.is_empty() {
        diagnosis.steps.extend(refusal.hint.clone());
    }
    if let Some(first) = refusal.findings.first() {
        (diagnosis.node_id, diagnosis.node_type) = (first.node_id.clone(), first.node_type.clone());
    }
    diagnosis.findings.clone_from(&refusal.findings);
    diagnosis
}

/// Lists one remedy for each finding, without repeats.
pub(super) fn steps(findings: &[Finding], object_info: Option<&ObjectInfo>, packs: &Packs) -> Vec<String> {
    let mut steps = Vec::new();
    for finding in findings {
        for step in of_finding(finding, object_info, packs) {
            if !steps.contains(&step) && steps.len() < MAX_STEPS {
                steps.push(step);
            }
        }
    }
    steps
}

fn of_finding(finding: &Finding, object_info: Option<&ObjectInfo>, packs: &Packs) -> Vec<String> {
    let node = finding.node_id.as_deref().unwrap_or("?");
    let class = finding.node_type.as_deref().unwrap_or_default();
    let input = finding.input.as_deref().unwrap_or_default();
    match finding.kind {
        "missing_model" => missing_model(finding, node, class, input),
        "missing_node" if object_info.is_some_and(|info| info.contains(class)) => {
            vec![format!("`{class}` is installed by now: submit the workflow again")]
        }
        "missing_node" => missing_node(finding, node, class, packs.get(class).map_or(&[], Vec::as_slice)),
        "missing_file" => vec![format!(
            "upload the file with comfyui_upload_image and put the name it returns into `{input}` of node {node}"
        )],
        "bad_value" | "out_of_range" => vec![match finding.nearest.first() {
            Some(nearest) => format!("set `{input}` of node {node} to `{nearest}`"),
            None => format!(
                "correct `{input}` of node {node}: comfyui_get_node_info `{class}` shows what it accepts"
            ),
        }],
        "missing_input" => vec![format!("connect or set `{input}` of node {node} (comfyui_modify_workflow)")],
        "bad_link" => {
            vec![format!("rewire node {node}: comfyui_validate_workflow names the outputs that fit")]
        }
        "cycle" => vec!["break the cycle: comfyui_validate_workflow names the nodes in it".to_owned()],
        "no_outputs" => vec!["add a node that saves or shows something, such as SaveImage".to_owned()],
        _ => vec![format!("look at node {node}: comfyui_get_node_info `{class}`")],
    }
}

fn missing_model(finding: &Finding, node: &str, class: &str, input: &str) -> Vec<String> {
    let folder = models::folder(class, input).unwrap_or("models");
    let mut steps = Vec::new();
    if !finding.nearest.is_empty() {
        steps.push(format!(
            "set `{input}` of node {node} to an installed file: {}",
            finding.nearest.join(", ")
        ));
    }
    let wanted = finding.received.as_deref().unwrap_or("the file");
    let or = if finding.nearest.is_empty() { "" } else { "or " };
    steps.push(format!(
        "{or}get `{wanted}` into the folder `{folder}`: comfyui_search_models finds its address, \
         comfyui_download_model fetches it"
    ));
    steps.push(format!("comfyui_list_models with folder `{folder}` shows what is installed"));
    steps
}

fn missing_node(finding: &Finding, node: &str, class: &str, packs: &[String]) -> Vec<String> {
    let mut steps = Vec::new();
    if packs.is_empty() {
        steps.push(format!(
            "find the node pack that brings `{class}`: comfyui_search_custom_nodes; then install it and restart ComfyUI"
        ));
    } else {
        steps.push(format!(
            "install the node pack {} (comfyui_install_custom_node), which brings `{class}`, and restart ComfyUI",
            packs.join(" or ")
        ));
    }
    if !finding.nearest.is_empty() {
        steps.push(format!("or use a class that is there in node {node}: {}", finding.nearest.join(", ")));
    }
    steps
}

/// The packs that bring each missing class: what a template knows, else what the Manager's registry knows.
pub(super) async fn packs_for(call: &Call, findings: &[Finding]) -> Packs {
    let mut packs = Packs::new();
    for finding in findings.iter().filter(|finding| finding.kind == "missing_node") {
        let Some(class) = &finding.node_type else { continue };
        let found = if let Some(pack) = pack_of(class) {
            vec![format!("`{pack}`")]
        } else {
            // Without a Manager, or when it does not answer, there is still the search.
            let known = call.backend().packs_of(class).await.unwrap_or_default();
            known.iter().take(MAX_PACKS).map(|pack| format!("`{}`", display::sanitize(&pack.id))).collect()
        };
        packs.insert(class.clone(), found);
    }
    packs
}
