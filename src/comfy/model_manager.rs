//! ComfyUI-Model-Manager: an extension that downloads models. Its answers are `{success, data}` or
//! `{success: false, error}`, always with status 200.

use reqwest::multipart::Form;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};

use super::{Client, Error, Result, endpoint::Endpoint, http::Answer, trim};

/// Limit for tasks that are read.
const MAX_TASKS: usize = 1_000;

/// Model folders that were found last, with their paths on the server's disk.
type Folders = Vec<(String, Vec<String>)>;

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct ModelManagerProbe {
    known: Mutex<Option<(Instant, Option<Folders>)>>,
}

/// A download to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewDownload<'a> {
    /// The folder.
    pub folder: &'a str,
    /// The file's name there.
    pub filename: &'a str,
    /// Address of the file. It must not redirect, so that this is what is fetched.
    pub url: &'a str,
    /// Its size in bytes, or 0.
    pub size: u64,
}

/// A download as the extension tells it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownloadTask {
    /// Its id.
    pub task_id: String,
    /// The folder.
    #[serde(rename = "type")]
    pub folder: Option<String>,
    /// The file's name.
    pub fullname: Option<String>,
    /// `pause`, `waiting` or `doing`.
    pub status: String,
    /// Bytes so far.
    pub downloaded_size: f64,
    /// Bytes in all, or 0.
    pub total_size: f64,
    /// Percent.
    pub progress: f64,
    /// Bytes per second.
    pub bps: f64,
    /// Reason for which it stopped.
    pub error: Option<String>,
}

impl Client {
    /// The model folders that the extension knows, with their places on the server. `None` without the extension,
    /// which is asked again after a few seconds.
    pub async fn model_manager_folders(&self) -> Result<Option<Folders>> {
        let mut known = self.inner.model_manager.known.lock().await;
        if let Some((asked, folders)) = known.as_ref() {
            let fresh = asked.elapsed() < self.inner.config.timing.forget_absence;
            if folders.is_some() || fresh {
                return Ok(folders.clone());
            }
        }
        let endpoint = Endpoint::ModelManagerFolders;
        let answer = self.inner.transport.get(&endpoint).await?;
        let folders = match answer.status {
            404 | 405 => None,
            _ => Some(read_folders(&data(answer, &endpoint)?)),
        };
        *known = Some((Instant::now(), folders.clone()));
        Ok(folders)
    }

    /// Begins a download and gives the id of its task.
    pub async fn begin_download(&self, download: &NewDownload<'_>) -> Result<String> {
        let endpoint = Endpoint::ModelManagerCreate;
        // Without `previewFile` the task is dropped; without `description` the file never reaches its folder. As
        // another platform than Civitai or Hugging Face, so that no key of the server goes to the delivering host.
        let form = Form::new()
            .text("type", download.folder.to_owned())
            .text("pathIndex", "0")
            .text("fullname", download.filename.to_owned())
            .text("downloadPlatform", "other")
            .text("downloadUrl", download.url.to_owned())
            .text("sizeBytes", download.size.to_string())
            .text("previewFile", "")
            .text("description", "");
        let answer = self.inner.transport.post_form(&endpoint, form).await?;
        let task = data(answer, &endpoint)?;
        let id = task.get("taskId").and_then(Value::as_str);
        id.map(str::to_owned)
            .ok_or_else(|| Error::Malformed { what: endpoint.name(), reason: "it names no task".into() })
    }

    /// The downloads that run, wait, or stopped.
    pub async fn download_tasks(&self) -> Result<Vec<DownloadTask>> {
        let endpoint = Endpoint::ModelManagerTasks;
        let tasks = data(self.inner.transport.get(&endpoint).await?, &endpoint)?;
        let mut tasks: Vec<DownloadTask> = serde_json::from_value(tasks)
            .map_err(|e| Error::Malformed { what: endpoint.name(), reason: e.to_string() })?;
        tasks.truncate(MAX_TASKS);
        Ok(tasks)
    }

    /// Stops a download and takes its task away.
    pub async fn delete_download(&self, id: &str) -> Result<()> {
        let endpoint = Endpoint::ModelManagerDelete(id);
        data(self.inner.transport.delete(&endpoint).await?, &endpoint).map(drop)
    }
}

fn data(answer: Answer, endpoint: &Endpoint<'_>) -> Result<Value> {
    let mut answer: Value = answer.ok(endpoint)?.json(endpoint)?;
    if answer.get("success").and_then(Value::as_bool) == Some(true) {
        return Ok(answer.get_mut("data").map(Value::take).unwrap_or_default());
    }
    let text = answer.get("error").and_then(Value::as_str).unwrap_or("it does not say why");
    Err(Error::Refused { what: endpoint.name(), text: trim::message(text) })
}

fn read_folders(data: &Value) -> Folders {
    let empty = Map::new();
    let folders = data.as_object().unwrap_or(&empty);
    let places = |places: &Value| {
        places.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    folders.iter().map(|(folder, paths)| (folder.clone(), places(paths))).collect()
}
