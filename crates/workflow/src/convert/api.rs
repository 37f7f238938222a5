//! Converts the editor's format to the API format.

use super::{Converted, Moment, Report, emit, expand::Expanded, loaded::Loaded, sync};
use crate::{Error, ObjectInfo, Result, UiWorkflow, read::WorkflowFile};

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

/// Returns the API format of a document: the prompt that ran, if the file has it, else the converted workflow.
pub fn file_to_api(
    found: &WorkflowFile,
    info: Option<&ObjectInfo>,
    now: Option<&Moment>,
) -> Result<Converted> {
    if let Some(prompt) = &found.prompt {
        let report = Report { notes: found.notes.clone(), ..Report::default() };
        return Ok(Converted { workflow: prompt.clone(), report });
    }
    let Some(workflow) = &found.workflow else {
        return Err(Error::new(format!("the {} holds no workflow", found.format)));
    };
    let Some(info) = info else {
        return Err(Error::new(
            "this is the editor's format, and converting it needs the server's node catalogue",
        )
        .hint("connect to a ComfyUI, or give the API format (“Export (API)” in ComfyUI)"));
    };
    let mut converted = convert(workflow, info, now)?;
    converted.report.notes.extend(found.notes.iter().cloned());
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
