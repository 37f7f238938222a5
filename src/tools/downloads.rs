//! Progress of downloads, and stopping them.

use std::{io::Read as _, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Call, Handled, Hints, Tool};
use crate::{
    comfy::{Client, DownloadTask, Downloader, Hash, NotedDownload, TaskEnd},
    gate::Class,
};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::{display, path::ModelFolder};

/// Maximum number of downloads in an answer.
const MAX_ENTRIES: usize = 100;
/// Time that a look waits for a hash that is being computed.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn tools() -> Vec<Tool> {
    vec![
        super::download::tool(),
        Tool::new(
            "comfyui_get_download_tasks",
            Class::Read,
            "Downloads",
            "Shows the model downloads of the server: state, progress, speed, and whether the file's hash is right.",
            get_download_tasks,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true }),
        Tool::new(
            "comfyui_cancel_download",
            Class::File,
            "Cancel a download",
            "Stops a model download, or clears one that is over from the list.",
            cancel_download,
        )
        .hints(Hints { read_only: false, destructive: true, idempotent: false, open_world: true }),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// DownloadState of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum DownloadState {
    Waiting,
    Running,
    Paused,
    Failed,
    Done,
    /// Neither task nor file is there
    Gone,
}

/// Downloads, newest first.
#[derive(Debug, Serialize, JsonSchema)]
struct Downloads {
    tasks: Vec<Task>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Task {
    #[serde(rename = "task_id")]
    id: String,
    state: DownloadState,
    folder: String,
    filename: String,
    /// Percent
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_mb_s: Option<f64>,
    /// In the extension's word
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    hash: Hash,
}

async fn get_download_tasks(call: Call, _: NoParams) -> Handled<Downloads> {
    let noted = call.noted_downloads().await;
    let present = call.backend().model_manager_folders().await?.is_some();
    let listed = if present { call.backend().download_tasks().await? } else { Vec::new() };
    if !present && noted.is_empty() && call.backend().manager().await?.is_none() {
        return Err(Error::new(Kind::Unavailable, "this server has no extension that downloads models")
            .hint("install https://github.com/hayden-fr/ComfyUI-Model-Manager and restart ComfyUI")
            .into());
    }
    let mut tasks: Vec<Task> = Vec::new();
    for download in noted.iter().filter(|download| !listed.iter().any(|task| task.task_id == download.id)) {
        tasks.push(unlisted(&call, download).await?);
    }
    tasks.extend(listed.iter().map(|task| read(task, &noted)));
    tasks.truncate(MAX_ENTRIES);
    for task in tasks.iter_mut().filter(|task| task.state == DownloadState::Done) {
        if let Some(download) = noted.iter().find(|download| download.id == task.id) {
            task.hash = hash_of(call.backend(), download).await;
        }
    }
    Ok(Downloads { tasks }.into())
}

/// A task of the extension. What is over stays `pause` with 100 percent.
fn read(task: &DownloadTask, noted: &[NotedDownload]) -> Task {
    let error = task.error.as_deref().filter(|error| !error.is_empty());
    let state = match task.status.as_str() {
        _ if error.is_some() => DownloadState::Failed,
        "doing" => DownloadState::Running,
        "waiting" => DownloadState::Waiting,
        _ if task.progress >= 100.0 => DownloadState::Done,
        _ => DownloadState::Paused,
    };
    let hash =
        noted.iter().find(|download| download.id == task.task_id).map_or(Hash::Unchecked, |it| it.hash);
    Task {
        state,
        folder: sanitized(task.folder.as_deref().unwrap_or_default()),
        filename: sanitized(task.fullname.as_deref().unwrap_or_default()),
        progress: Some(tenth(task.progress.clamp(0.0, 100.0))),
        size_mb: (task.total_size > 0.0).then(|| tenth(task.total_size / 1e6)),
        speed_mb_s: (state == DownloadState::Running).then(|| tenth(task.bps.max(0.0) / 1e6)),
        status: Some(sanitized(&task.status)),
        error: error.map(sanitized),
        id: sanitized(&task.task_id),
        hash,
    }
}

/// A download of ours that the extension does not list: over, or a task of ComfyUI-Manager.
async fn unlisted(call: &Call, download: &NotedDownload) -> Result<Task> {
    let (state, error) = match &download.downloader {
        Downloader::ModelManager => (on_disk(call, download).await?, None),
        Downloader::Manager(queued) => match call.backend().manager().await? {
            None => (DownloadState::Gone, None),
            Some(manager) => match call.backend().task_state(&manager, queued).await? {
                TaskEnd::Running => (DownloadState::Running, None),
                TaskEnd::Failed(why) => (DownloadState::Failed, Some(why)),
                TaskEnd::Done | TaskEnd::Skipped | TaskEnd::Over => (on_disk(call, download).await?, None),
            },
        },
    };
    Ok(Task {
        id: download.id.clone(),
        state,
        folder: download.folder.clone(),
        filename: download.filename.clone(),
        progress: (state == DownloadState::Done).then_some(100.0),
        size_mb: None,
        speed_mb_s: None,
        status: None,
        error: error.as_deref().map(sanitized),
        hash: download.hash,
    })
}

async fn on_disk(call: &Call, download: &NotedDownload) -> Result<DownloadState> {
    let models = call.backend().models(&ModelFolder::parse(&download.folder)?).await?;
    Ok(if models.contains(&download.filename) { DownloadState::Done } else { DownloadState::Gone })
}

/// Computes the hash of a file that came, once, where there is something to compare it with.
async fn hash_of(comfy: &Client, download: &NotedDownload) -> Hash {
    let (Some(expected), Some(place)) = (&download.sha256, &download.place) else { return Hash::Unchecked };
    if download.hash != Hash::Unchecked {
        return download.hash;
    }
    comfy.note_hash(&download.id, Hash::Checking);
    let (client, id) = (comfy.clone(), download.id.clone());
    let (place, expected) = (place.clone(), expected.clone());
    let work = tokio::task::spawn_blocking(move || {
        let hash = match sha256_of(&place) {
            Ok(found) if found == expected => Hash::Verified,
            Ok(_) => Hash::Mismatch,
            Err(_) => Hash::Unchecked,
        };
        client.note_hash(&id, hash);
        hash
    });
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(hash)) => hash,
        Ok(Err(_)) => Hash::Unchecked,
        Err(_) => Hash::Checking,
    }
}

fn sha256_of(place: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(place)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelDownload {
    /// Id from comfyui_get_download_tasks
    #[schemars(length(min = 1, max = 100))]
    task_id: String,
}

/// Outcome of the request to stop.
#[derive(Debug, Serialize, JsonSchema)]
struct CancelledDownload {
    success: bool,
    task_id: String,
    /// One sentence
    result: String,
}

async fn cancel_download(call: Call, params: CancelDownload) -> Handled<CancelledDownload> {
    let id = params.task_id;
    let noted = call.noted_downloads().await.into_iter().find(|download| download.id == id);
    if let Some(NotedDownload { downloader: Downloader::Manager(_), .. }) = &noted {
        return Err(Error::new(Kind::Conflict, "ComfyUI-Manager cannot stop a download that it began")
            .hint("wait for its end; with ComfyUI-Model-Manager downloads can be stopped")
            .into());
    }
    let listed = match call.backend().model_manager_folders().await? {
        Some(_) => call.backend().download_tasks().await?,
        None => Vec::new(),
    };
    let Some(task) = listed.into_iter().find(|task| task.task_id == id) else {
        if noted.is_some() {
            call.forget_download(&id).await;
            let result = "the download was over already; it is no longer listed".to_owned();
            return Ok(CancelledDownload { success: true, task_id: id, result }.into());
        }
        return Err(Error::not_found(format!("there is no download `{}`", sanitized(&id)))
            .hint("comfyui_get_download_tasks lists them")
            .detail("task_id", sanitized(&id))
            .into());
    };
    call.backend().delete_download(&id).await?;
    // What the extension says is not yet what is so.
    let gone = !call.backend().download_tasks().await?.iter().any(|task| task.task_id == id);
    call.forget_download(&id).await;
    let name = sanitized(task.fullname.as_deref().unwrap_or_default());
    let result = match (gone, task.progress >= 100.0) {
        (true, true) => format!("the download of `{name}` was over and is no longer listed"),
        (true, false) => format!("the download of `{name}` was stopped, and what was there of it is deleted"),
        (false, _) => format!("the download of `{name}` was told to stop and is still listed; look again"),
    };
    Ok(CancelledDownload { success: gone, task_id: id, result }.into())
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn sanitized(text: &str) -> String {
    let cut: String = text.chars().take(300).collect();
    display::sanitize(&cut).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extensions_words_become_states() {
        let state = |status: &str, progress: f64, error: Option<&str>| {
            let task = DownloadTask {
                status: status.into(),
                progress,
                error: error.map(str::to_owned),
                ..DownloadTask::default()
            };
            read(&task, &[]).state
        };
        assert_eq!(state("pause", 100.0, None), DownloadState::Done);
        assert_eq!(state("pause", 40.0, None), DownloadState::Paused);
        assert_eq!(state("pause", 100.0, Some("status code: 403")), DownloadState::Failed);
        assert_eq!(state("doing", 100.0, None), DownloadState::Running);
        assert_eq!(state("waiting", 0.0, None), DownloadState::Waiting);
    }
}
