//! Reads the workflow files of the command line, in any form, with the catalogue that they need.

use std::path::Path;
use std::sync::Arc;

use super::arguments::Catalogue;
use crate::app::App;
use crate::config::Config;
use crate::gate::AuditLog;
use comfywarden_error::{Error, Result};
use comfywarden_workflow::{
    ObjectInfo, Workflow,
    convert::{Moment, Report, file_to_api},
    read::{self, Part},
    script,
};

/// The largest file in bytes; ComfyUI takes no larger workflow.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// A workflow from a file.
pub(super) struct WorkflowFile {
    pub(super) workflow: Workflow,
    /// The format: `api`, `ui`, `script`, `png`, …
    pub(super) format: &'static str,
    /// The losses and decisions of the conversion from the editor's format.
    pub(super) report: Report,
}

/// Reads the node catalogue from the named file, or from ComfyUI; none when ComfyUI does not answer.
pub(super) async fn object_info(wanted: &Catalogue, config: Config) -> Result<Option<Arc<ObjectInfo>>> {
    if let Some(file) = &wanted.object_info {
        let catalogue =
            ObjectInfo::parse(&read_file(file)?).map_err(|error| with_file_name(file, &error.into()))?;
        return Ok(Some(Arc::new(catalogue)));
    }
    // Looking at files is no call of a client: nothing is recorded, and nothing is sent but one question.
    let app = App::with_audit(config, AuditLog::memory())?;
    Ok(app.object_info().await.ok())
}

/// Reads a workflow in any readable form. Only the editor's format needs the catalogue.
pub(super) fn read_workflow(file: &Path, object_info: Option<&ObjectInfo>) -> Result<WorkflowFile> {
    read_bytes(&read_file(file)?, object_info).map_err(|error| with_file_name(file, &error))
}

fn read_bytes(bytes: &[u8], object_info: Option<&ObjectInfo>) -> Result<WorkflowFile> {
    let text = std::str::from_utf8(bytes).ok().filter(|_| !read::starts_as_json(bytes));
    if let Some(text) = text {
        let parsed = match object_info {
            Some(catalogue) => script::parse_checked(text, catalogue),
            None => script::parse(text, None),
        };
        let workflow = parsed.map_err(comfywarden_workflow::Error::from)?.workflow;
        return Ok(WorkflowFile { workflow, format: "script", report: Report::default() });
    }
    let found = read::read(bytes)?;
    if found.prompt.is_none() && found.workflow.is_some() && object_info.is_none() {
        // The command line has a remedy that other readers of workflows have not.
        return Err(Error::invalid_input(
            "the editor's format can only be read with the server's node catalogue",
        )
        .hint("start ComfyUI, or name a saved /object_info with --object-info FILE"));
    }
    let now = Moment::of(&chrono::Local::now());
    let converted = file_to_api(&found, Part::Prompt, object_info, Some(&now))?;
    Ok(WorkflowFile { workflow: converted.workflow, format: found.format.as_str(), report: converted.report })
}

fn read_file(file: &Path) -> Result<Vec<u8>> {
    let unreadable =
        |error: std::io::Error| Error::not_found(format!("{}: cannot be read: {error}", file.display()));
    if std::fs::metadata(file).map_err(unreadable)?.len() > MAX_FILE {
        return Err(Error::invalid_input(format!("{}: is larger than 64 MiB", file.display())));
    }
    std::fs::read(file).map_err(unreadable)
}

fn with_file_name(file: &Path, error: &Error) -> Error {
    let outer = Error::new(error.kind(), format!("{}: {}", file.display(), error.message()));
    match error.hint_text() {
        Some(hint) => outer.hint(hint),
        None => outer,
    }
}
