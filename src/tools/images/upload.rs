//! Pictures from the caller into ComfyUI's folders.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    comfy::{FileType, UploadRequest},
    tools::{Call, Handled, Stop},
    web::FetchRules,
};
use comfywarden_error::{Error, Result};
use comfywarden_policy::{
    path::{Subfolder, UploadName},
    strict_url::StrictUrl,
    upload,
};

/// Time limit for fetching a picture from the Internet.
const MAX_FETCH: Duration = Duration::from_mins(1);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadImage {
    /// Name for the file, with .png, .jpg, .jpeg, .webp or .gif
    filename: UploadName,
    /// The file in base64; this, path or url
    #[serde(default)]
    image_data: Option<String>,
    /// A local file inside files.allowed_roots; stdio only
    #[serde(default)]
    #[schemars(length(min = 1, max = 4096))]
    path: Option<String>,
    /// A public https address to fetch it from
    #[serde(default)]
    #[schemars(length(min = 9, max = 2048))]
    url: Option<String>,
    /// Below the destination
    #[serde(default)]
    subfolder: Subfolder,
    /// ComfyUI root
    #[serde(default = "input")]
    destination: FileType,
    /// Replace a file of that name
    #[serde(default)]
    overwrite: bool,
}

pub(super) fn input() -> FileType {
    FileType::Input
}

/// File that ComfyUI made of an upload.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UploadedImage {
    pub(super) result: String,
    pub(super) name: String,
    pub(super) subfolder: String,
    pub(super) r#type: FileType,
}

pub(super) async fn upload_image(call: Call, params: UploadImage) -> Handled<UploadedImage> {
    let most = largest(&call);
    let bytes: Bytes = match (params.image_data, &params.path, &params.url) {
        (Some(data), None, None) => upload::decode("image_data", &data, most)?.into(),
        (None, Some(path), None) => read_local(&call, path, most).await?.into(),
        (None, None, Some(url)) => fetch(&call, url, most).await?,
        _ => {
            return Err(Error::invalid_input("exactly one of `image_data`, `path` and `url` is wanted")
                .hint("image_data takes base64; path a file inside files.allowed_roots; url a public https address")
                .into());
        }
    };
    let picture = upload::check(&params.filename, &bytes)?;
    let uploaded = call
        .backend()
        .upload_image(UploadRequest {
            name: &params.filename,
            subfolder: &params.subfolder,
            destination: params.destination,
            overwrite: params.overwrite,
            bytes,
            mime: picture.mime_type,
        })
        .await?;
    let (wanted, got) = (params.filename.as_str(), uploaded.name.as_str());
    let size = format!("{}×{}", picture.width, picture.height);
    let result = if wanted == got {
        format!("uploaded as {got}, {size}")
    } else {
        format!("uploaded as {got}, {size}: another file is called {wanted}; set overwrite to replace it")
    };
    Ok(UploadedImage {
        result,
        name: uploaded.name,
        subfolder: uploaded.subfolder,
        r#type: uploaded.file_type,
    }
    .into())
}

/// The operator's limit in bytes.
pub(super) fn largest(call: &Call) -> usize {
    usize::try_from(call.settings.security.max_upload_size_mb)
        .unwrap_or(usize::MAX)
        .saturating_mul(1024 * 1024)
}

/// Reads a local file for a caller on this machine, if it lies inside a folder that the operator opened.
async fn read_local(call: &Call, path: &str, most: usize) -> Result<Vec<u8>, Stop> {
    if !call.caller.is_local() {
        return Err(Error::denied("`path` is only for clients on this machine (stdio)")
            .hint("send the picture as image_data")
            .into());
    }
    let roots = call.settings.files.allowed_roots.clone();
    let path = std::path::PathBuf::from(path);
    let read = tokio::task::spawn_blocking(move || upload::read_inside(&path, &roots, most));
    Ok(read.await.map_err(|e| Error::internal("the file was not read").source(e))??)
}

/// Fetches a picture from the public Internet, under the rules against requests into private networks.
async fn fetch(call: &Call, url: &str, most: usize) -> Result<Bytes, Stop> {
    let url = StrictUrl::parse(url)?;
    Ok(call.web.fetch(url.as_url(), &FetchRules::new(most, MAX_FETCH)).await?.bytes)
}
