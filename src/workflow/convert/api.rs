//! UI format → API format.

use super::{Converted, Moment, Report, emit, expand::Expanded, loaded::Loaded, sync};
use crate::workflow::{ObjectInfo, Result, UiWorkflow};

/// What the editor's Run button would submit for this workflow, and how faithful the result is.
///
/// An error names the node: the workflow needs a class that the server lacks, or is one that the editor itself
/// cannot run, or something would be lost or guessed. `%date:…%` in file names stays; see [`to_api_at`].
pub fn to_api(workflow: &UiWorkflow, info: &ObjectInfo) -> Result<Converted> {
    convert(workflow, info, None)
}

/// As [`to_api`], with the local time for `%date:…%` in file names.
pub fn to_api_at(workflow: &UiWorkflow, info: &ObjectInfo, now: &Moment) -> Result<Converted> {
    convert(workflow, info, Some(now))
}

fn convert(workflow: &UiWorkflow, info: &ObjectInfo, now: Option<&Moment>) -> Result<Converted> {
    let mut report = Report::default();
    let mut loaded = Loaded::new(workflow, info, &mut report)?;
    sync::apply(&mut loaded, &mut report);
    let expanded = Expanded::new(&loaded)?;
    let workflow = emit::workflow(&expanded, now, &mut report)?;
    Ok(Converted { workflow, report })
}
