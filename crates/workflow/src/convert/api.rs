//! Converts the editor's format to the API format.

use super::{Converted, Moment, Report, emit, expand::Expanded, loaded::Loaded, sync};
use crate::{
    Error, ObjectInfo, Remark, Result, UiWorkflow,
    read::{Part, WorkflowFile},
};

/// Converts a workflow to the prompt that the editor's Run button would submit, with a fidelity report.
///
/// An error names the node: the workflow needs a class that the server lacks, or is one that the editor itself
/// cannot run, or something would be lost or guessed. `%date:…%` in file names stays; see [`to_api_at`].
pub fn to_api(workflow: &UiWorkflow, info: &ObjectInfo) -> Result<Converted> {
    convert(workflow, info, None)
}

/// Converts like [`to_api`], with the local time for `%date:…%` in file names.
pub fn to_api_at(workflow: &UiWorkflow, info: &ObjectInfo, now: &Moment) -> Result<Converted> {
    convert(workflow, info, Some(now))
}

/// Returns the API format of a file: the prompt that ran, or the converted workflow when `part` asks for it or the file
/// has no prompt.
pub fn file_to_api(
    file: &WorkflowFile,
    part: Part,
    info: Option<&ObjectInfo>,
    now: Option<&Moment>,
) -> Result<Converted> {
    let from_prompt = file.prompt.as_ref().filter(|_| part == Part::Prompt || file.workflow.is_none());
    let mut converted = match (from_prompt, &file.workflow) {
        (Some(prompt), _) => Converted { workflow: prompt.clone(), report: Report::default() },
        (None, None) => return Err(Error::new(format!("the {} holds no workflow", file.format))),
        (None, Some(workflow)) => {
            let info = info.ok_or_else(|| {
                Error::new("this is the editor's format, and converting it needs the server's node catalogue")
                    .hint("connect to a ComfyUI, or give the API format (“Export (API)” in ComfyUI)")
            })?;
            convert(workflow, info, now)?
        }
    };
    let report = &mut converted.report;
    report.notes.extend(file.notes.iter().cloned());
    if !file.differences.is_empty() {
        let (taken, other) = match from_prompt {
            Some(_) => ("the prompt that ran was taken", "`#workflow` behind its reference takes the graph"),
            None => ("the graph that the editor shows was taken", "`#prompt` takes the prompt that ran"),
        };
        let differences = file.differences.join(", ");
        let message = format!("the file holds two workflows that differ ({differences}); {taken}; {other}");
        report.assumed.push(Remark::general(message));
    }
    Ok(converted)
}

fn convert(workflow: &UiWorkflow, info: &ObjectInfo, now: Option<&Moment>) -> Result<Converted> {
    let mut report = Report::default();
    let mut loaded = Loaded::new(workflow, info, &mut report)?;
    sync::apply(&mut loaded, &mut report);
    let expanded = Expanded::new(&loaded)?;
    let workflow = emit::workflow(&expanded, now, &mut report)?;
    Ok(Converted { workflow, report })
}
