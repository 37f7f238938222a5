//! Summarises a workflow for people: as a few lines of text, or as a Mermaid flowchart.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::analyze::{Analysis, analyze, class_name, display_name};
use super::{Node, ObjectInfo, Workflow};

/// The most characters of a prompt in a flowchart.
const MAX_PROMPT_CHARS: usize = 48;
/// The most steps that the text names before it counts the rest.
const MAX_STEPS: usize = 40;

/// Writes a few lines: size, pipeline, models, flow, prompts, settings.
pub fn text(workflow: &Workflow, object_info: Option<&ObjectInfo>) -> String {
    let analysis = analyze(workflow, object_info);
    let mut lines = vec![
        format!("Workflow with {} nodes", analysis.node_count),
        format!("Pipeline: {}", analysis.pipeline),
    ];
    if !analysis.models.is_empty() {
        let models: Vec<String> =
            analysis.models.iter().map(|model| format!("{} ({})", model.name, model.folder)).collect();
        lines.push(format!("Models: {}", models.join(", ")));
    }
    lines.push(format!("Flow: {}", flow(&analysis)));
    for (name, nodes) in [("Prompt", &analysis.prompt_nodes), ("Negative", &analysis.negative_nodes)] {
        if !nodes.is_empty() {
            lines.push(format!("{name}: node {}", nodes.join(", ")));
        }
    }
    if !analysis.parameters.is_empty() {
        let shown: Vec<String> =
            analysis.parameters.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
        lines.push(format!("Parameters: {}", shown.join(", ")));
    }
    lines.join("\n")
}

fn flow(analysis: &Analysis) -> String {
    let steps: Vec<String> = analysis
        .flow
        .iter()
        .take(MAX_STEPS)
        .map(|step| {
            let value = |name: &str| step.inputs.get(name).filter(|value| !value.is_array()).map(plain);
            let mut notes = Vec::new();
            if let (Some(width), Some(height)) = (value("width"), value("height")) {
                notes.push(format!("{width}x{height}"));
            }
            notes.extend(value("steps").map(|steps| format!("{steps} steps")));
            notes.extend(value("cfg").map(|cfg| format!("cfg {cfg}")));
            if notes.is_empty() {
                step.display_name.clone()
            } else {
                format!("{} ({})", step.display_name, notes.join(", "))
            }
        })
        .collect();
    let rest = analysis.flow.len().saturating_sub(MAX_STEPS);
    let more = if rest == 0 { String::new() } else { format!(" -> … {rest} more") };
    format!("{}{more}", steps.join(" -> "))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Writes a Mermaid flowchart, left to right, nodes coloured by their role.
pub fn mermaid(workflow: &Workflow, object_info: Option<&ObjectInfo>) -> String {
    let names = mermaid_names(workflow);
    let mut lines = vec!["flowchart LR".to_owned()];
    for (id, node) in workflow.iter() {
        let Some(name) = names.get(id.as_str()) else { continue };
        let title = escape(&display_name(node, object_info));
        let label = match subtitle(node, object_info) {
            Some(subtitle) => format!("{title}<br/>{}", escape(&subtitle)),
            None => title,
        };
        lines.push(format!("    {name}[\"{label}\"]:::{}", role(node)));
    }
    for (id, node) in workflow.iter() {
        for (input, link) in node.links() {
            let (Some(from), Some(to)) = (names.get(link.node_id.as_str()), names.get(id.as_str())) else {
                continue;
            };
            let label = edge_label(workflow, &link, input, object_info);
            lines.push(format!("    {from} -->|{}| {to}", escape(&label)));
        }
    }
    lines.extend(CLASSES.iter().map(|class| format!("    classDef {class}")));
    lines.join("\n")
}

const CLASSES: [&str; 5] = [
    "loader fill:#dbeafe,stroke:#2563eb,color:#111",
    "sampler fill:#fde68a,stroke:#d97706,color:#111",
    "encoder fill:#dcfce7,stroke:#16a34a,color:#111",
    "output fill:#fecaca,stroke:#dc2626,color:#111",
    "default fill:#f3f4f6,stroke:#6b7280,color:#111",
];

/// Makes unique names that Mermaid takes for node ids: `n3`, `n57_12`.
pub(crate) fn mermaid_names(workflow: &Workflow) -> HashMap<&str, String> {
    let mut taken = HashSet::new();
    let mut names = HashMap::with_capacity(workflow.len());
    for (count, (id, _)) in workflow.iter().enumerate() {
        let safe: String =
            id.as_str().chars().take(64).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let mut name = format!("n{safe}");
        if !taken.insert(name.clone()) {
            name = format!("n{safe}__{count}");
            taken.insert(name.clone());
        }
        names.insert(id.as_str(), name);
    }
    names
}

fn edge_label(
    workflow: &Workflow,
    link: &super::Link,
    input: &str,
    object_info: Option<&ObjectInfo>,
) -> String {
    const KNOWN: [&str; 6] = ["MODEL", "CLIP", "VAE", "CONDITIONING", "LATENT", "IMAGE"];
    let class = workflow
        .get(link.node_id.as_str())
        .and_then(|node| object_info.and_then(|catalogue| catalogue.get(&node.class_type)));
    let ty = class
        .and_then(|class| class.outputs.get(usize::try_from(link.output).ok()?))
        .map(|output| output.ty.as_str())
        .filter(|ty| KNOWN.contains(ty));
    let by_name = match input {
        "model" => "MODEL",
        "clip" => "CLIP",
        "vae" => "VAE",
        "positive" | "negative" | "conditioning" => "CONDITIONING",
        "samples" | "latent_image" => "LATENT",
        "image" | "images" | "pixels" => "IMAGE",
        _ => "",
    };
    match (ty, by_name) {
        (Some(ty), _) => ty.to_owned(),
        (None, "") => input.to_uppercase(),
        (None, name) => name.to_owned(),
    }
}

fn role(node: &Node) -> &'static str {
    let class = node.class_type.as_str();
    let has = |words: &[&str]| words.iter().any(|word| class.contains(word));
    if has(&["Loader", "LoadImage", "LoadAudio", "LoadVideo"]) {
        "loader"
    } else if has(&["Sampler"]) {
        "sampler"
    } else if has(&["Encode"]) {
        "encoder"
    } else if class.starts_with("Save") || class.starts_with("Preview") {
        "output"
    } else {
        "default"
    }
}

/// Returns the one value that tells most about a node.
fn subtitle(node: &Node, object_info: Option<&ObjectInfo>) -> Option<String> {
    let value = |name: &str| node.inputs.get(name).filter(|value| !value.is_array()).map(plain);
    let text = value("text").or_else(|| value("prompt")).or_else(|| value("tags"));
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        let cut: String = text.chars().take(MAX_PROMPT_CHARS).collect();
        let more = if text.chars().count() > MAX_PROMPT_CHARS { "…" } else { "" };
        return Some(format!("{cut}{more}"));
    }
    if let (Some(width), Some(height)) = (value("width"), value("height")) {
        return Some(format!("{width}x{height}"));
    }
    if let Some(steps) = value("steps") {
        let cfg = value("cfg").map(|cfg| format!(", cfg {cfg}")).unwrap_or_default();
        return Some(format!("{steps} steps{cfg}"));
    }
    let file = node.inputs.iter().find(|(name, value)| {
        (name.ends_with("_name") || *name == "image" || *name == "filename_prefix") && value.is_string()
    });
    let shown = file.map(|(_, value)| plain(value).chars().take(MAX_PROMPT_CHARS).collect());
    // A node with its own title also shows its class.
    shown.or_else(|| node.title().is_some().then(|| class_name(&node.class_type, object_info)))
}

/// Escapes text, so that neither HTML nor Mermaid reads it as markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '|' => escaped.push_str("&#124;"),
            '`' => escaped.push_str("&#96;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
