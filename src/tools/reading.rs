//! Workflows from callers, in any form that can be read: API format, the editor's format, a script, or a file that
//! ComfyUI saved.

use serde_json::Value;

use super::{Call, Stop, media::Pieces, params::WorkflowArg, resources};
use comfywarden_error::Error;
use comfywarden_policy::strip_credentials;
use comfywarden_workflow::{
    Remark, Workflow,
    convert::{Moment, Report, file_to_api},
    read::{self, Part, WorkflowFile},
    script,
};

/// A workflow and where it came from.
#[derive(Debug)]
pub(crate) struct Readable {
    /// Workflow in API format.
    pub(crate) workflow: Workflow,
    /// `api`, `ui`, `script`, `png`, …
    pub(crate) format: &'static str,
    /// Report of what the conversion from the editor's format dropped or assumed.
    pub(crate) report: Report,
}

impl Readable {
    /// The report as warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let lost = self.report.dropped.iter().map(|remark| said("dropped", remark));
        lost.chain(self.report.assumed.iter().map(|remark| said("assumed", remark))).collect()
    }
}

/// One remark as a warning.
pub(super) fn said(what: &str, remark: &Remark) -> String {
    match &remark.node_id {
        Some(node) => format!("Conversion {what} in node {node}: {}", remark.message),
        None => format!("Conversion {what}: {}", remark.message),
    }
}

/// The same for an answer that shows the workflow: what a file on the server holds is not the caller's own, so its
/// credentials stay behind, and the report says so.
pub(crate) async fn read_to_show(call: &Call, argument: WorkflowArg) -> Result<Readable, Stop> {
    let from_server = argument.is_reference();
    let mut readable = read(call, argument).await?;
    if from_server
        && let Some(sentence) =
            strip_credentials::sentence(&strip_credentials::strip_workflow(&mut readable.workflow))
    {
        readable.report.dropped.push(Remark::general(sentence));
    }
    Ok(readable)
}

/// Reads the argument. Only the editor's format and a file on the server need ComfyUI to answer.
pub(crate) async fn read(call: &Call, argument: WorkflowArg) -> Result<Readable, Stop> {
    let reference = argument.is_reference();
    let text = match argument.into_value() {
        Value::String(text) => text,
        value => return api_of(call, read::read_value(value)?, Part::Prompt).await,
    };
    let start = text.trim_start();
    if reference {
        let (uri, part) = part_of(start.trim_end());
        let file = resources::parse(uri)?;
        call.must_read(&file).await?;
        let pieces = Pieces::read(call.backend(), &file).await?;
        let container = pieces.container(call.backend(), &file).await?;
        return api_of(call, read::read(&container)?, part).await;
    }
    if read::starts_as_json(start.as_bytes()) {
        return api_of(call, read::read(text.as_bytes())?, Part::Prompt).await;
    }
    let object_info = call.backend().object_info().await.ok();
    let parsed = match &object_info {
        Some(object_info) => script::parse_checked(&text, object_info),
        None => script::parse(&text, None),
    };
    let parsed = parsed.map_err(|error| Error::from(comfywarden_workflow::Error::from(error)))?;
    Ok(Readable { workflow: parsed.workflow, format: "script", report: Report::default() })
}

/// Splits off which half of a file a reference names: `#workflow` is the graph that the editor shows.
fn part_of(uri: &str) -> (&str, Part) {
    match uri.rsplit_once('#') {
        Some((uri, "workflow")) => (uri, Part::Workflow),
        Some((uri, "prompt")) => (uri, Part::Prompt),
        _ => (uri, Part::Prompt),
    }
}

/// The API format of what was found; what the conversion from the editor's format lost is in the report.
pub(crate) async fn api_of(call: &Call, found: WorkflowFile, part: Part) -> Result<Readable, Stop> {
    // Only the editor's format needs the catalogue.
    let object_info = match (&found.prompt, &found.workflow) {
        (Some(_), Some(_)) if part == Part::Workflow => Some(call.backend().object_info().await?),
        (None, Some(_)) => Some(call.backend().object_info().await?),
        _ => None,
    };
    // The editor puts the date into file names when the user runs the workflow.
    let now = Moment::of(&chrono::Local::now());
    let converted = file_to_api(&found, part, object_info.as_deref(), Some(&now))?;
    Ok(Readable { workflow: converted.workflow, format: found.format.as_str(), report: converted.report })
}
