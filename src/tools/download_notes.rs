//! The downloads that were asked for, kept in a file: ComfyUI-Manager lists none, and both extensions forget those
//! that are over.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    Call,
    defaults::file::{Versioned, read, update},
};
use crate::comfy::{Downloader, Hash, NotedDownload, QueuedTask};

/// Maximum number of notes.
const MAX_ENTRIES: usize = 100;
/// The file, beside that of the defaults.
const NAME: &str = "downloads.json";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    /// Newest first.
    downloads: Vec<Note>,
}

impl Versioned for Saved {
    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// The server that was asked.
    comfyui: String,
    id: String,
    folder: String,
    filename: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<PathBuf>,
    /// ComfyUI-Manager fetches it, and not ComfyUI-Model-Manager.
    by_manager: bool,
}

impl Note {
    fn of(download: &NotedDownload, comfyui: String) -> Self {
        Self {
            comfyui,
            id: download.id.clone(),
            folder: download.folder.clone(),
            filename: download.filename.clone(),
            sha256: download.sha256.clone(),
            place: download.place.clone(),
            by_manager: matches!(download.downloader, Downloader::Manager(_)),
        }
    }

    fn noted(self) -> NotedDownload {
        let downloader = if self.by_manager {
            Downloader::Manager(QueuedTask::under(self.id.clone()))
        } else {
            Downloader::ModelManager
        };
        NotedDownload {
            id: self.id,
            folder: self.folder,
            filename: self.filename,
            sha256: self.sha256,
            place: self.place,
            downloader,
            hash: Hash::Unchecked,
        }
    }
}

impl Call {
    fn notes_file(&self) -> PathBuf {
        self.settings.defaults_file.with_file_name(NAME)
    }

    /// Remembers a download beyond the life of this process. A file that cannot be written is told to the log: the
    /// download itself goes on.
    pub(super) async fn note_download(&self, download: NotedDownload) {
        let note = Note::of(&download, self.settings.comfyui_url.to_string());
        self.backend().note_download(download);
        change(self.notes_file(), move |downloads| {
            downloads.insert(0, note);
            downloads.truncate(MAX_ENTRIES);
        })
        .await;
    }

    /// Forgets a download.
    pub(super) async fn forget_download(&self, id: &str) {
        self.backend().forget_download(id);
        let id = id.to_owned();
        change(self.notes_file(), move |downloads| downloads.retain(|note| note.id != id)).await;
    }

    /// The downloads from this server that were asked for, newest first, also those of other processes.
    pub(super) async fn noted_downloads(&self) -> Vec<NotedDownload> {
        let here = self.settings.comfyui_url.to_string();
        let mut noted = self.backend().noted_downloads();
        let kept = kept(self.notes_file()).await;
        for note in kept.into_iter().filter(|note| note.comfyui == here) {
            if !noted.iter().any(|known| known.id == note.id) {
                let download = note.noted();
                // So that a hash is computed once.
                self.backend().note_older_download(download.clone());
                noted.push(download);
            }
        }
        noted
    }
}

async fn kept(path: PathBuf) -> Vec<Note> {
    let reading = tokio::task::spawn_blocking(move || {
        let saved = read::<Saved>(&path).map_err(|reason| told(&path, &reason));
        saved.unwrap_or_default().downloads
    });
    reading.await.unwrap_or_default()
}

async fn change(path: PathBuf, change: impl FnOnce(&mut Vec<Note>) + Send + 'static) {
    let writing = tokio::task::spawn_blocking(move || {
        update(&path, |saved: &mut Saved| change(&mut saved.downloads)).map_err(|reason| told(&path, &reason))
    });
    writing.await.ok();
}

fn told(path: &Path, reason: &str) {
    tracing::warn!(file = %path.display(), reason, "the downloads are not kept over a restart");
}
