//! A workflow as a tool: its schema and words, and running it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    entry::{Entry, Graph},
    from_template,
    listing::Listed,
};
use crate::{
    gate::Class,
    tools::{
        Call, Handled, Hints, Stop, Tool,
        envelope::Envelope,
        params::Seed,
        reading::said,
        submit::{Submit, submit},
    },
};
use comfywarden_error::{Error, JsonObject};
use comfywarden_policy::display::sanitize;
use comfywarden_workflow::{
    self, ObjectInfo, Workflow, analyze,
    check::{Problem, ProblemKind, examine},
    nearest,
    parameters::{Parameters, find},
    templates::refuse_absent,
};

const RUN: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };
/// Maximum size of a tool in every list, in bytes: as much as the built-in ones of its class.
const VISIBLE: usize = 2_200;
/// Share of `wait` and `wait_seconds` in that size.
const WAITING: usize = 230;
const MAX_TITLE: usize = 60;
const MAX_DESCRIPTION: usize = 200;

/// The tool of an entry, and its line in listings.
pub(super) fn offer(
    entry: &Arc<Entry>,
    object_info: Option<&ObjectInfo>,
) -> Result<(Tool, Listed), comfywarden_workflow::Error> {
    let (mut schema, facts) = match &entry.graph {
        Graph::Template(template) => {
            if let Some(catalogue) = object_info {
                refuse_absent("", template.classes.iter().map(String::as_str), catalogue)?;
            }
            let schema = from_template::schema(template, &entry.sidecar)?;
            (schema, Facts { pipeline: template.description.to_owned(), notes: Vec::new() })
        }
        _ => match entry.workflow(object_info)? {
            Some((workflow, _)) => {
                if let Some(catalogue) = object_info {
                    let classes = workflow.iter().map(|(_, node)| node.class_type.as_str());
                    refuse_absent("", classes, catalogue)?;
                    refuse_broken(&workflow, catalogue)?;
                }
                let parameters = find(&workflow, &entry.sidecar, object_info)?;
                let room = VISIBLE.saturating_sub(WAITING + entry.tool.len() + MAX_DESCRIPTION);
                let facts = Facts { pipeline: kind_of(&workflow), notes: parameters.notes.clone() };
                (parameters.schema(room), facts)
            }
            None => (unknown_yet(), Facts { pipeline: String::new(), notes: vec![NOT_YET.to_owned()] }),
        },
    };
    let names = properties(&schema);
    add_waiting(&mut schema);
    let description = describe(entry, &facts.pipeline);
    let tool = Tool::new::<JsonObject, Envelope, _, _>(
        entry.tool.as_str(),
        Class::Generation,
        &title(entry),
        &description,
        {
            let entry = Arc::clone(entry);
            move |call, arguments| run(Arc::clone(&entry), call, arguments)
        },
    )
    .taking(schema)
    .hints(RUN);
    let everyday = entry.sidecar.profiles.iter().any(|profile| profile == "core");
    let listed = Listed {
        file: sanitize(&entry.file).into_owned(),
        tool: Some(entry.tool.clone()),
        description,
        format: entry.format,
        parameters: names,
        problem: None,
        hint: None,
        notes: entry
            .notes
            .iter()
            .chain(&entry.sidecar.notes())
            .chain(&facts.notes)
            .map(|note| sanitize(note).into_owned())
            .collect(),
    };
    Ok((if everyday { tool.everyday() } else { tool }, listed))
}

const NOT_YET: &str =
    "its parameters are known when ComfyUI answers: the editor's format needs its node catalogue";

struct Facts {
    pipeline: String,
    notes: Vec<String>,
}

/// Runs a workflow of the folder with these arguments.
async fn run(entry: Arc<Entry>, call: Call, mut arguments: JsonObject) -> Handled<Envelope> {
    let wait = arguments.shift_remove("wait").is_some_and(|wait| wait == true);
    let seconds =
        arguments.shift_remove("wait_seconds").and_then(|seconds| u32::try_from(seconds.as_u64()?).ok());
    let object_info = call.backend().object_info().await?;
    let draw = Seed::resolve(None, call.resumed_seed());
    let made = make(&entry, &arguments, &object_info, draw)?;
    // The question that a finding may lead to carries the draw, so that the same workflow runs on a yes.
    let how = Submit { seed: Some(draw), ..Submit::waiting(&call, wait, seconds) };
    let mut answer = submit(&call, made.workflow, how).await?;
    let mut warnings = made.warnings;
    warnings.append(&mut answer.output.warnings);
    answer.output.warnings = warnings;
    answer.output.seed = made.seed;
    answer.output.model = made.used.get("model").and_then(Value::as_str).map(str::to_owned);
    answer.output.settings = Some(made.used).filter(|used| !used.is_empty());
    Ok(answer)
}

/// A workflow that is ready to be vetted.
pub(super) struct Made {
    pub(super) workflow: Workflow,
    pub(super) used: JsonObject,
    pub(super) seed: Option<u64>,
    pub(super) warnings: Vec<String>,
}

fn make(entry: &Entry, given: &JsonObject, object_info: &ObjectInfo, draw: u64) -> Result<Made, Stop> {
    if let Graph::Template(template) = &entry.graph {
        return Ok(from_template::make(template, &entry.sidecar, given, object_info, draw)?);
    }
    let Some((workflow, report)) = entry.workflow(Some(object_info))? else {
        return Err(Error::internal("a workflow file lost its workflow").into());
    };
    let parameters = find(&workflow, &entry.sidecar, Some(object_info))?;
    refuse_unknown(&parameters, given)?;
    let filled = parameters.fill(&workflow, given, draw)?;
    let lost = report.dropped.iter().map(|remark| said("dropped", remark));
    let warnings = lost.chain(report.assumed.iter().map(|remark| said("assumed", remark))).collect();
    Ok(Made { workflow: filled.workflow, used: filled.used, seed: filled.seed, warnings })
}

/// The schema may be older than the file or the server; then it let through what is not known here.
fn refuse_unknown(parameters: &Parameters, given: &JsonObject) -> Result<(), Error> {
    let known: Vec<&str> = parameters
        .list
        .iter()
        .filter(|parameter| !parameter.hidden)
        .map(|parameter| parameter.name.as_str())
        .collect();
    let Some(unknown) = given.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let near = nearest::did_you_mean(unknown, known.iter().copied());
    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
    let shown: String = unknown.chars().take(64).collect();
    Err(Error::invalid_input(format!("the arguments: unknown argument `{shown}`{near}"))
        .hint(format!("accepted: {}, wait, wait_seconds", known.join(", ")))
        .detail("field", shown))
}

/// A graph that ComfyUI would refuse whatever its parameters are is no tool.
fn refuse_broken(workflow: &Workflow, catalogue: &ObjectInfo) -> Result<(), comfywarden_workflow::Error> {
    let report = examine(workflow, Some(catalogue));
    let of_the_graph = |problem: &&Problem| {
        matches!(
            problem.kind,
            ProblemKind::PromptNoOutputs
                | ProblemKind::MissingNode
                | ProblemKind::SlotOutOfRange
                | ProblemKind::ReturnTypeMismatch
                | ProblemKind::BadLinkedInput
                | ProblemKind::DependencyCycle
                | ProblemKind::LinkExpected
        )
    };
    let Some(first) = report.errors().find(of_the_graph) else { return Ok(()) };
    let others = report.errors().filter(of_the_graph).count() - 1;
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    Err(comfywarden_workflow::Error::new(format!("ComfyUI would refuse it: {}{more}", first.message))
        .hint("mend it in ComfyUI's editor and save it again; comfyui_validate_workflow names everything"))
}

/// Schema that is offered while the parameters cannot be known. The run checks the arguments itself.
fn unknown_yet() -> JsonObject {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": true});
    schema.as_object().cloned().unwrap_or_default()
}

fn properties(schema: &JsonObject) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

fn add_waiting(schema: &mut JsonObject) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    let wait = json!({"description": "Wait for the end", "type": "boolean", "default": false});
    let seconds = json!({
        "description": "Longest wait (default 50)", "type": "integer", "minimum": 0, "maximum": 3600
    });
    properties.insert("wait".into(), wait);
    properties.insert("wait_seconds".into(), seconds);
}

fn title(entry: &Entry) -> String {
    let own = entry.sidecar.title.clone().unwrap_or_else(|| format!("Workflow {}", entry.stem));
    cut(&own, MAX_TITLE)
}

fn describe(entry: &Entry, pipeline: &str) -> String {
    if let Some(own) = &entry.sidecar.description {
        return cut(own, MAX_DESCRIPTION);
    }
    if matches!(entry.graph, Graph::Template(_)) {
        return cut(pipeline, MAX_DESCRIPTION);
    }
    let kind = if pipeline.is_empty() { String::new() } else { format!(" ({pipeline})") };
    cut(
        &format!(
            "Runs the user's workflow file {}{kind}. Returns its prompt_id, or its outputs with wait.",
            entry.file
        ),
        MAX_DESCRIPTION,
    )
}

fn kind_of(workflow: &Workflow) -> String {
    let classes: Vec<String> = workflow.iter().map(|(_, node)| node.class_type.clone()).collect();
    let pipeline = analyze::pipeline(&classes);
    if pipeline == "unknown" { format!("{} nodes", workflow.len()) } else { pipeline }
}

/// Words of a file as one line of at most `most` bytes.
fn cut(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = sanitize(&line);
    if line.len() <= most {
        return line.into_owned();
    }
    let mut short = String::new();
    for letter in line.chars() {
        if short.len() + letter.len_utf8() + '…'.len_utf8() > most {
            break;
        }
        short.push(letter);
    }
    short + "…"
}
