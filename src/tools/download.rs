//! A model fetched onto the server: we check the URL and walk its redirects, the server's extension fetches.

use std::{path::PathBuf, time::Duration};

use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Stop, Tool,
    hubs::{hub_token, hubs},
};
use crate::{
    comfy::{Downloader, Hash, Manager, ManagerTask, NewDownload, NotedDownload},
    gate::Class,
    web::{FetchRules, Hops, ModelFile, Traced},
};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::{
    download::{Download, DownloadRules, MAX_HOPS},
    path::ModelFolder,
    settings::Mode,
    strict_url::StrictUrl,
};
use comfywarden_workflow::nearest::list;

/// Time limit for following redirects.
const WALK: Duration = Duration::from_secs(30);

pub(super) fn tool() -> Tool {
    Tool::new(
        "comfyui_download_model",
        Class::File,
        "Download a model",
        "Downloads a model from Hugging Face or Civitai into a model folder; comfyui_get_download_tasks \
         follows it.",
        download_model,
    )
    .hints(Hints { read_only: false, destructive: false, idempotent: false, open_world: true })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DownloadModel {
    /// Direct https URL, as comfyui_search_models gives it
    #[schemars(length(min = 1, max = 2048))]
    url: String,
    /// Model folder, such as checkpoints or loras
    folder: ModelFolder,
    /// Name to store it under; empty = the provider's
    #[serde(default)]
    #[schemars(length(max = 255))]
    filename: String,
}

/// A download that began.
#[derive(Debug, Serialize, JsonSchema)]
struct Begun {
    /// For comfyui_get_download_tasks and comfyui_cancel_download
    task_id: String,
    folder: String,
    filename: String,
    /// The host that delivers
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    hash: Hash,
    /// The extension that fetches
    via: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The extension that fetches.
enum Fetching {
    /// Through the model manager, with the paths of the folder on the server's disk.
    ModelManager(Vec<String>),
    Manager(Manager),
}

async fn download_model(call: Call, params: DownloadModel) -> Handled<Begun> {
    let rules = DownloadRules::new(&call.settings.security);
    let told = Some(params.filename.trim()).filter(|name| !name.is_empty());
    let (download, published) = named(&call, &rules, params.url.trim(), told).await?;
    let folder = params.folder.as_str();
    free_place(&call, &params.folder, &download).await?;
    let fetching = fetching(&call, folder).await?;
    let warnings = agreed(&call, folder, &download)?;
    call.progress.report(10.0, "checking where the URL leads");
    let traced = walk(&call, &rules, &download).await?;
    let delivering = traced.hops.last().ok_or_else(|| Error::internal("a download without a request"))?;
    let size = size_of(&traced);
    let sha256 = published.and_then(|file| file.sha256).or_else(|| linked_hash(&traced));
    call.progress.report(60.0, "handing the download to the server");
    let (noted, via) = begin(&call, fetching, folder, &download, delivering, size, sha256.clone()).await?;
    let begun = Begun {
        task_id: noted.id.clone(),
        folder: folder.to_owned(),
        filename: download.name.as_str().to_owned(),
        from: delivering.host().to_owned(),
        size_mb: megabytes(size),
        sha256,
        hash: Hash::Unchecked,
        via: via.to_owned(),
        warnings,
    };
    call.note_download(noted).await;
    call.progress.finish(format!("{} is being downloaded", begun.filename));
    Ok(begun.into())
}

/// The download under the name that was given, or that the provider has for it.
async fn named(
    call: &Call,
    rules: &DownloadRules,
    url: &str,
    told: Option<&str>,
) -> Result<(Download, Option<ModelFile>)> {
    let parsed = StrictUrl::parse(url)?;
    // The host is checked before anything is sent; a placeholder stands in for a name not yet known.
    let first = rules.check(url, told);
    let nameless = told.is_none() && parsed.host() == "civitai.com";
    if !nameless {
        let file = if first.is_ok() { hubs(call).file_of(parsed.as_url()).await } else { None };
        return Ok((first?, file));
    }
    rules.check(url, Some("model.safetensors"))?;
    let file = hubs(call).file_of(parsed.as_url()).await;
    match &file {
        Some(known) => Ok((rules.check(url, Some(&known.filename))?, file)),
        None => Err(Error::invalid_input("`filename`: Civitai does not tell the name of this file")
            .hint("give `filename` as well, or take the URL from comfyui_search_models")
            .detail("field", "filename")),
    }
}

/// The folder is one for models, and has no file of this name.
async fn free_place(call: &Call, folder: &ModelFolder, download: &Download) -> Result<()> {
    let folders = call.backend().model_folders().await?;
    if !folders.iter().any(|known| known == folder.as_str()) {
        return Err(Error::invalid_input(format!("`folder`: this server has no model folder `{folder}`"))
            .hint(format!("there are: {}", list(&folders, 40)))
            .detail("field", "folder"));
    }
    let name = download.name.as_str();
    if call.backend().models(folder).await?.iter().any(|known| known == name) {
        return Err(Error::new(Kind::Conflict, format!("`{name}` is already in `{folder}`"))
            .hint("use it as it is, or give another `filename`"));
    }
    Ok(())
}

async fn fetching(call: &Call, folder: &str) -> Result<Fetching> {
    if let Some(folders) = call.backend().model_manager_folders().await? {
        let places = folders.into_iter().find(|(name, _)| name == folder).map(|(_, places)| places);
        return Ok(Fetching::ModelManager(places.unwrap_or_default()));
    }
    match call.backend().manager().await? {
        Some(manager) => Ok(Fetching::Manager(manager)),
        None => Err(Error::new(
            Kind::Unavailable,
            "this server has no extension that downloads models: neither ComfyUI-Model-Manager nor ComfyUI-Manager",
        )
        .hint("install https://github.com/hayden-fr/ComfyUI-Model-Manager into custom_nodes and restart ComfyUI")),
    }
}

/// Asks the policy: pickles warn and ask where the user can be asked; `enforce` asks in any case.
fn agreed(call: &Call, folder: &str, download: &Download) -> std::result::Result<Vec<String>, Stop> {
    let name = download.name.as_str();
    let risk = format!("`{name}` has a format that can carry code, which runs when the model is loaded");
    let enforced = call.caller.is_enforced() || call.settings.security.mode == Mode::Enforce;
    if enforced || (download.pickle && call.consent.can_ask) || call.consent.said_no() {
        let question = format!(
            "Download `{name}` from {} into `{folder}` on the ComfyUI server?{}",
            download.url.host(),
            if download.pickle { format!(" {risk}.") } else { String::new() }
        );
        call.confirm(&question, &format!("{}\n{folder}\n{name}", download.url.as_url()))?;
    }
    Ok(if download.pickle { vec![format!("{risk}; prefer .safetensors")] } else { Vec::new() })
}

async fn walk(call: &Call, rules: &DownloadRules, download: &Download) -> Result<Traced> {
    let rules = FetchRules {
        max_redirects: MAX_HOPS,
        hops: Hops::Download(rules.clone()),
        token: hub_token(call, download.url.host()),
        ..FetchRules::new(0, WALK)
    };
    let traced = call.web.trace(&download.url, &rules).await?;
    let kind = traced.headers.last().and_then(|headers| text_of(headers, "content-type"));
    if kind.is_some_and(|kind| kind.starts_with("text/html")) {
        return Err(Error::new(Kind::Upstream, format!("`{}` delivers a web page, not a file", download.url.host()))
            .hint("the model may want an account: set the token under `model_search`, and accept its terms on its page"));
    }
    Ok(traced)
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Hugging Face tells size and hash of large files with its first redirect; delivering hosts tell the size.
fn size_of(traced: &Traced) -> Option<u64> {
    let linked = traced.headers.iter().find_map(|headers| text_of(headers, "x-linked-size")?.parse().ok());
    let last = traced.headers.last();
    let ranged =
        || last.and_then(|headers| text_of(headers, "content-range")?.rsplit('/').next()?.parse().ok());
    linked.or_else(ranged)
}

fn linked_hash(traced: &Traced) -> Option<String> {
    traced.headers.iter().find_map(|headers| {
        let tag = text_of(headers, "x-linked-etag")?.trim_matches('"');
        let plain = tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| tag.to_ascii_lowercase())
    })
}

#[expect(clippy::cast_precision_loss, reason = "megabytes with one decimal")]
fn megabytes(bytes: Option<u64>) -> Option<f64> {
    bytes.map(|bytes| (bytes as f64 / 1e5).round() / 10.0)
}

/// Hands the last hop to the server, so that what it fetches is what we looked at.
async fn begin(
    call: &Call,
    fetching: Fetching,
    folder: &str,
    download: &Download,
    delivering: &StrictUrl,
    size: Option<u64>,
    sha256: Option<String>,
) -> Result<(NotedDownload, &'static str)> {
    let (url, filename) = (delivering.as_url().as_str(), download.name.as_str());
    let noted = |id: String, downloader, place| NotedDownload {
        id,
        folder: folder.to_owned(),
        filename: filename.to_owned(),
        sha256,
        place,
        downloader,
        hash: Hash::Unchecked,
    };
    Ok(match fetching {
        Fetching::ModelManager(places) => {
            let new = NewDownload { folder, filename, url, size: size.unwrap_or(0) };
            let id = call.backend().begin_download(&new).await?;
            let place = places.first().map(|place| PathBuf::from(place).join(filename));
            (
                noted(id, Downloader::ModelManager, place.filter(|_| on_this_machine(call))),
                "ComfyUI-Model-Manager",
            )
        }
        Fetching::Manager(manager) => {
            let task = ManagerTask::Model {
                folder: folder.to_owned(),
                filename: filename.to_owned(),
                url: url.to_owned(),
            };
            let queued = call.backend().queue_task(&manager, &task).await?;
            (noted(queued.id.clone(), Downloader::Manager(queued), None), "ComfyUI-Manager")
        }
    })
}

/// Only then a path of the server means anything here.
fn on_this_machine(call: &Call) -> bool {
    match call.settings.comfyui_url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
