//! Content of node packs beside nodes: workflow templates and subgraphs.

use std::{collections::BTreeMap, fmt::Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Tool,
    params::{Page, Paging},
    shown::shown,
};
use crate::{comfy::Subgraph, gate::Class};
use comfywarden_policy::{display, path::PathSegment};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// The longest name that a result shows.
const MAX_NAME: usize = 200;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_list_workflows",
            Class::Read,
            "Workflow files and templates",
            "Lists the user's workflow files with the tool that runs each, or why none does, then the \
             templates of node packs.",
            list_workflows,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_list_subgraphs",
            Class::Read,
            "Subgraphs",
            "Lists the reusable subgraphs of the server by id.",
            list_subgraphs,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_subgraph",
            Class::Read,
            "Subgraph",
            "Returns one subgraph of comfyui_list_subgraphs with its graph as JSON text.",
            get_subgraph,
        )
        .hints(LOOK),
    ]
}

/// One page of workflows that are there already.
#[derive(Debug, Serialize, JsonSchema)]
struct Workflows {
    items: Vec<Listed>,
    #[serde(flatten)]
    page: Page,
    /// Why the server's part is missing
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// WorkflowSource of a workflow.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WorkflowSource {
    /// A file in the folder of workflow files.
    Local,
    /// A node pack on ComfyUI registered it.
    Server,
}

/// The workflows of one package, or one local file.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    source: WorkflowSource,
    package: String,
    templates: Vec<String>,
    /// The tool that runs a local file
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// Why a local file is no tool
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

async fn list_workflows(call: Call, paging: Paging) -> Handled<Workflows> {
    let mut listed = local(&call);
    let note = match on_server(&call).await {
        Ok(mut server) => {
            listed.append(&mut server);
            None
        }
        // The files are here, whatever the server does.
        Err(error) if !listed.is_empty() => Some(format!("the server's templates are missing: {error}")),
        Err(error) => return Err(error.into()),
    };
    let (items, page) = paging.cut(listed);
    Ok(Workflows { items, page, note }.into())
}

/// The files of the workflow folder.
fn local(call: &Call) -> Vec<Listed> {
    let short = |text: &String| shown(text, 400);
    let line = |file: &crate::tools::workflow_files::Listed| Listed {
        source: WorkflowSource::Local,
        package: "local".to_owned(),
        templates: vec![shown(&file.file, MAX_NAME)],
        tool: file.tool.clone(),
        problem: file.problem.as_ref().map(short),
        hint: file.hint.as_ref().map(short),
        notes: file.notes.iter().take(5).map(short).collect(),
    };
    call.library.listed().iter().map(line).collect()
}

/// Lists ComfyUI's templates, package by package.
async fn on_server(call: &Call) -> comfywarden_error::Result<Vec<Listed>> {
    const MAX_ENTRIES: usize = 200;
    let packages = call.backend().workflow_templates().await?;
    let listed = packages.into_iter().map(|(package, templates)| Listed {
        source: WorkflowSource::Server,
        package: shown(&package, MAX_NAME),
        templates: templates.iter().take(MAX_ENTRIES).map(|name| shown(name, MAX_NAME)).collect(),
        tool: None,
        problem: None,
        hint: None,
        notes: Vec::new(),
    });
    Ok(listed.collect())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// Subgraphs by id.
#[derive(Debug, Serialize, JsonSchema)]
struct Subgraphs {
    subgraphs: BTreeMap<String, Described>,
    /// All there are, also beyond the first 100
    count: usize,
}

/// One subgraph without its graph.
#[derive(Debug, Serialize, JsonSchema)]
struct Described {
    name: String,
    source: String,
    info: Pack,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Pack {
    node_pack: String,
}

impl Described {
    fn of(subgraph: &Subgraph) -> Self {
        Self {
            name: shown(&subgraph.name, MAX_NAME),
            source: shown(&subgraph.source, MAX_NAME),
            info: Pack { node_pack: shown(&subgraph.info.node_pack, MAX_NAME) },
        }
    }
}

async fn list_subgraphs(call: Call, _: NoParams) -> Handled<Subgraphs> {
    const MAX_ENTRIES: usize = 100;
    let found = call.backend().subgraphs().await?;
    let count = found.len();
    let listed =
        found.iter().take(MAX_ENTRIES).map(|(id, subgraph)| (shown(id, MAX_NAME), Described::of(subgraph)));
    Ok(Subgraphs { subgraphs: listed.collect(), count }.into())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetSubgraph {
    /// Id from comfyui_list_subgraphs
    #[schemars(length(min = 1))]
    subgraph_id: PathSegment,
    /// Characters of the graph to skip, when it came in parts
    #[serde(default)]
    #[schemars(range(max = 67_108_864))]
    offset: usize,
}

/// One subgraph.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct FoundSubgraph {
    available: bool,
    #[serde(flatten)]
    described: Option<Described>,
    /// The graph as JSON text
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Where the next part begins
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
}

async fn get_subgraph(call: Call, params: GetSubgraph) -> Handled<FoundSubgraph> {
    let Some(subgraph) = call.backend().subgraph(&params.subgraph_id).await? else {
        return Ok(FoundSubgraph::default().into());
    };
    let described = Some(Described::of(&subgraph));
    let (part, next_offset) = part(&subgraph.data.unwrap_or_default(), params.offset);
    let found = FoundSubgraph { available: true, described, data: Some(part), next_offset };
    Ok(super::Answer::from(found).verbatim())
}

/// The characters of `text` from `offset` that fit one answer, and where the next part begins.
fn part(text: &str, offset: usize) -> (String, Option<usize>) {
    /// Maximum size of a part as a JSON string, in bytes.
    const BUDGET: usize = 30_000;
    let mut room = BUDGET;
    let mut taken = 0;
    let rest = text.chars().skip(offset);
    let fitting = rest.take_while(|character| {
        let cost = match character {
            '"' | '\\' | '\n' | '\t' | '\r' => 2,
            character if display::is_hidden(*character) => 14,
            character => character.len_utf8(),
        };
        let fits = cost <= room;
        room = room.saturating_sub(cost);
        taken += usize::from(fits);
        fits
    });
    let part = escaped(fitting);
    let next = offset.saturating_add(taken);
    (part, (text.chars().count() > next).then_some(next))
}

/// JSON text with its hidden characters as JSON escapes, so that it is visible and still the same JSON.
fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut safe = String::new();
    for character in text {
        if display::is_hidden(character) && !matches!(character, '\n' | '\t' | '\r') {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_of_json_text_become_escapes() {
        let text = "{\"title\": \"a\u{202e}b\u{e0041}é\"}";
        let safe = escaped(text.chars());
        assert_eq!(safe, "{\"title\": \"a\\u202eb\\udb40\\udc41é\"}");
        let (before, after): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(text).unwrap(), serde_json::from_str(&safe).unwrap());
        assert_eq!(before, after);
    }
}
