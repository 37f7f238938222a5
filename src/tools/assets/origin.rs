//! Origin of an asset: ComfyUI's history, or the metadata in the file itself.

use super::AssetId;
use crate::{
    comfy::{HistoryEntry, OutputRef},
    tools::{Call, Stop, media::Pieces, ownership, reading},
};
use comfywarden_error::{Error, Kind};
use comfywarden_workflow::{
    Workflow,
    read::{self, Part},
};

/// The workflow that made an asset.
#[derive(Debug)]
pub(super) struct Origin {
    /// Workflow in API format.
    pub(super) workflow: Workflow,
    /// The job's entry, when ComfyUI's history told.
    pub(super) entry: Option<HistoryEntry>,
    /// Notes about what was lost on the way.
    pub(super) notes: Vec<String>,
}

impl Origin {
    /// `history` or `file`.
    pub(super) fn read_from(&self) -> &'static str {
        if self.entry.is_some() { "history" } else { "file" }
    }
}

/// Looks in the history first, then into the file.
pub(super) async fn origin(call: &Call, asset: &AssetId) -> Result<Origin, Stop> {
    call.must_read(&asset.file()).await?;
    if let Some(found) = from_history(call, asset).await? {
        return Ok(found);
    }
    let file = asset.file();
    let pieces = Pieces::read(call.backend(), &file).await?;
    from_file(call, &file, &pieces).await
}

/// The job's entry, if history still holds it and it really made this file.
pub(super) async fn from_history(call: &Call, asset: &AssetId) -> Result<Option<Origin>, Stop> {
    let Some(prompt_id) = asset.prompt_id() else { return Ok(None) };
    let Some(record) = call.backend().record(prompt_id).await? else { return Ok(None) };
    if !call.may_see_entry(&record.entry) {
        return Err(ownership::unknown(prompt_id).into());
    }
    let made_it = record.entry.outputs.iter().any(|output| asset.is(output));
    let workflow = record.graph.as_ref().and_then(|graph| Workflow::from_value(graph).ok());
    match workflow {
        Some(workflow) if made_it => {
            Ok(Some(Origin { workflow, entry: Some(record.entry), notes: Vec::new() }))
        }
        _ => Ok(None),
    }
}

/// The workflow that ComfyUI wrote into the file.
pub(super) async fn from_file(call: &Call, file: &OutputRef, pieces: &Pieces) -> Result<Origin, Stop> {
    let nowhere = |error: Error| {
        Error::new(
            Kind::NotFound,
            format!(
                "nothing tells how `{}` was made: ComfyUI's history does not know its job any more, and in the file: {}",
                file.filename.as_str(),
                error.message()
            ),
        )
        .hint("save workflows as files before ComfyUI restarts, or start it without --disable-metadata")
    };
    let container = pieces.container(call.backend(), file).await?;
    let found = read::read(&container).map_err(|error| nowhere(error.into()))?;
    let readable = reading::api_of(call, found, Part::Prompt).await?;
    let notes = readable.warnings();
    Ok(Origin { workflow: readable.workflow, entry: None, notes })
}
