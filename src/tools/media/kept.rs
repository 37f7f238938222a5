//! A file of ComfyUI, on this machine for a moment: programs that look at films need to jump in them.

use std::path::Path;

use tokio::io::AsyncWriteExt as _;

use crate::comfy::{Client, OutputRef};
use comfywarden_error::{Error, Result};

/// The largest file that is fetched to make a picture of it, in bytes. It goes to disk, never into memory.
pub(crate) const MAX_KEPT: u64 = 1024 * 1024 * 1024;

/// A private file that is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct TemporaryCopy {
    file: tempfile::NamedTempFile,
}

impl TemporaryCopy {
    /// Fetches a file, straight to disk.
    pub(crate) async fn fetch(comfy: &Client, file: &OutputRef) -> Result<Self> {
        let trouble = |error: std::io::Error| {
            Error::internal("no temporary file can be made here")
                .hint("see whether the disk is full")
                .source(error)
        };
        let kept = tokio::task::spawn_blocking(|| tempfile::Builder::new().prefix("comfywarden-").tempfile())
            .await
            .map_err(|error| Error::internal("no temporary file was made").source(error))?
            .map_err(trouble)?;
        let mut to = tokio::fs::File::from_std(kept.as_file().try_clone().map_err(trouble)?);
        comfy.view_into(file, &mut to, MAX_KEPT).await?;
        to.shutdown().await.map_err(trouble)?;
        Ok(Self { file: kept })
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}
