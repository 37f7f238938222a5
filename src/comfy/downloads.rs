//! The downloads that this process asked for: the extensions forget a task once it is done.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{Client, QueuedTask};

/// Limit for remembered downloads.
const MAX_ENTRIES: usize = 200;

/// Extension that fetches a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Downloader {
    /// ComfyUI-Model-Manager, under the id of the download.
    ModelManager,
    /// A task of ComfyUI-Manager.
    Manager(QueuedTask),
}

/// Result of checking a file against its published hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Hash {
    /// There is no published hash, or the file is on another machine.
    Unchecked,
    /// The file is being read.
    Checking,
    /// It is the published one.
    Verified,
    /// It is another one: the file is not what the hub published.
    Mismatch,
}

/// A download that was asked for.
#[derive(Debug, Clone)]
pub struct NotedDownload {
    /// The id that callers know.
    pub id: String,
    /// The folder.
    pub folder: String,
    /// The file's name there.
    pub filename: String,
    /// The published hash.
    pub sha256: Option<String>,
    /// Path on this machine, if ComfyUI is on this machine.
    pub place: Option<PathBuf>,
    /// Extension that fetches it.
    pub downloader: Downloader,
    /// Result of the check of the file that came.
    pub hash: Hash,
}

/// The notes.
#[derive(Debug, Default)]
pub(crate) struct Downloads(Mutex<VecDeque<NotedDownload>>);

impl Client {
    /// Remembers a download.
    pub fn note_download(&self, download: NotedDownload) {
        let mut notes = self.inner.downloads.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.truncate(MAX_ENTRIES - 1);
        notes.push_front(download);
    }

    /// Remembers a download that was asked for earlier than all that are remembered.
    pub fn note_older_download(&self, download: NotedDownload) {
        let mut notes = self.inner.downloads.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < MAX_ENTRIES {
            notes.push_back(download);
        }
    }

    /// The downloads that were asked for, newest first.
    pub fn noted_downloads(&self) -> Vec<NotedDownload> {
        let notes = self.inner.downloads.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.iter().cloned().collect()
    }

    /// Remembers what was found out about a file's hash.
    pub fn note_hash(&self, id: &str, hash: Hash) {
        let mut notes = self.inner.downloads.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(download) = notes.iter_mut().find(|download| download.id == id) {
            download.hash = hash;
        }
    }

    /// Forgets a download.
    pub fn forget_download(&self, id: &str) {
        let mut notes = self.inner.downloads.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|download| download.id != id);
    }
}
