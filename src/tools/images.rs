//! Files in and out: upload a picture, look at one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Block, Call, Handled, Hints, Stop, Tool, preview, resources::output_uri};
use crate::{
    comfy::{FileType, OutputRef, PreviewFormat, UploadRequest, ViewOptions},
    error::{Error, Result},
    security::{
        Class,
        path::{OutputName, Subfolder, UploadName},
        upload,
    },
};

/// The largest file that is fetched to make a preview, in bytes.
const MAX_ORIGINAL: usize = 64 * 1024 * 1024;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_image",
            Class::File,
            "Look at a picture",
            "Shows a picture that ComfyUI holds: a preview of at most 512 pixels inline, the full file as a \
             resource link. Give filename, subfolder and type as a result gave them.",
            get_image,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true })
        .always_load(),
        Tool::new(
            "comfyui_upload_image",
            Class::File,
            "Upload a picture",
            "Puts a picture into ComfyUI's input folder and returns the name that ComfyUI chose; use that name \
             in LoadImage.",
            upload_image,
        )
        .hints(Hints { read_only: false, destructive: false, idempotent: false, open_world: true }),
    ]
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ResponseFormat {
    #[default]
    DataUri,
    Url,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reencoding {
    Webp,
    Jpeg,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetImage {
    /// File name as a result gave it
    filename: OutputName,
    /// Its folder below the root
    #[serde(default)]
    subfolder: Subfolder,
    /// Its root
    #[serde(default, rename = "type")]
    file_type: FileType,
    /// Default data_uri: the picture inline; url: only where it is
    #[serde(default)]
    response_format: ResponseFormat,
    /// Base of the url, from files.url_hosts
    #[serde(default)]
    #[schemars(length(max = 2048))]
    base_url_override: Option<String>,
    /// Let ComfyUI re-encode it first
    #[serde(default)]
    preview_format: Option<Reencoding>,
    /// With preview_format
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    preview_quality: Option<u8>,
}

/// Where a picture is, and what of it travels inline.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    filename: String,
    subfolder: String,
    r#type: FileType,
    /// Resource of the full file
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// True when the inline picture is smaller than the file
    #[serde(skip_serializing_if = "Option::is_none")]
    reduced: Option<bool>,
}

async fn get_image(call: Call, params: GetImage) -> Handled<Shown> {
    if params.preview_quality.is_some() && params.preview_format.is_none() {
        return Err(Error::invalid_input("`preview_quality` needs `preview_format`")
            .hint("set preview_format to webp or jpeg, or leave preview_quality out")
            .into());
    }
    let quality = params.preview_quality.unwrap_or(90);
    let file = OutputRef { filename: params.filename, subfolder: params.subfolder, kind: params.file_type };
    let uri = output_uri(file.kind, file.subfolder.as_str(), file.filename.as_str());
    let mut shown = Shown {
        filename: file.filename.as_str().to_owned(),
        subfolder: file.subfolder.as_str().to_owned(),
        r#type: file.kind,
        uri: uri.clone(),
        url: None,
        mime_type: None,
        bytes: None,
        width: None,
        height: None,
        reduced: None,
    };
    if params.response_format == ResponseFormat::Url {
        let base = base_url(&call, params.base_url_override.as_deref())?;
        shown.url = Some(link(&call.comfy.view_url(&file)?, base));
        return Ok(shown.into());
    }
    if params.base_url_override.is_some() {
        return Err(Error::invalid_input("`base_url_override` is only for response_format `url`").into());
    }
    let preview = params.preview_format.map(|format| match format {
        Reencoding::Webp => PreviewFormat::Webp(quality),
        Reencoding::Jpeg => PreviewFormat::Jpeg(quality),
    });
    let options = ViewOptions { preview, max_bytes: MAX_ORIGINAL };
    let viewed = call.comfy.view(&file, options).await?;
    shown.bytes = Some(viewed.bytes.len());
    let name = file.filename.as_str().to_owned();
    let size = options.preview.is_none().then_some(viewed.bytes.len() as u64);
    let picture = tokio::task::spawn_blocking(move || preview::inline(&viewed.bytes, quality))
        .await
        .map_err(|e| Error::internal("the preview was not made").source(e))??;
    shown.mime_type = Some(picture.mime_type.to_owned());
    (shown.width, shown.height) = (Some(picture.original.0), Some(picture.original.1));
    shown.reduced = Some((picture.width, picture.height) != picture.original);
    let mime_type = crate::comfy::media_type(&name).map(str::to_owned);
    Ok(Answer::from(shown)
        .block(Block::Link { uri, name, mime_type, size })
        .block(Block::Image { bytes: picture.bytes, mime_type: picture.mime_type.to_owned() }))
}

/// The link, on another base where one is allowed.
fn link(url: &url::Url, base: Option<url::Url>) -> String {
    let Some(mut moved) = base else { return url.to_string() };
    let path = format!("{}/view", moved.path().trim_end_matches('/'));
    moved.set_path(&path);
    moved.set_query(url.query());
    moved.set_fragment(None);
    moved.to_string()
}

/// The base of a link that is handed out: only a host that the operator lists.
fn base_url(call: &Call, wanted: Option<&str>) -> Result<Option<url::Url>> {
    let Some(wanted) = wanted else { return Ok(None) };
    let refused = |why: &str| {
        Error::denied(format!("`base_url_override` {why}"))
            .hint("the operator lists the hosts that links may name in files.url_hosts")
    };
    let url = url::Url::parse(wanted).map_err(|_| refused("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must be http or https, without a user name"));
    }
    let host = url.host_str().unwrap_or_default();
    if !call.config.files.url_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
        return Err(refused(&format!("names `{host}`, which is not in files.url_hosts")));
    }
    Ok(Some(url))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UploadImage {
    /// Name for the file, with .png, .jpg, .jpeg, .webp or .gif
    filename: UploadName,
    /// The file in base64; this or path
    #[serde(default)]
    image_data: Option<String>,
    /// A local file inside files.allowed_roots; stdio only
    #[serde(default)]
    #[schemars(length(max = 4096))]
    path: Option<String>,
    /// Folder below the destination
    #[serde(default)]
    subfolder: Subfolder,
    /// ComfyUI root
    #[serde(default = "input")]
    destination: FileType,
    /// Replace a file of that name
    #[serde(default)]
    overwrite: bool,
}

fn input() -> FileType {
    FileType::Input
}

/// What ComfyUI made of an upload.
#[derive(Debug, Serialize, JsonSchema)]
struct UploadedImage {
    /// One sentence.
    result: String,
    name: String,
    subfolder: String,
    r#type: FileType,
}

async fn upload_image(call: Call, params: UploadImage) -> Handled<UploadedImage> {
    let limit = usize::try_from(call.config.security.max_upload_size_mb)
        .unwrap_or(usize::MAX)
        .saturating_mul(1024 * 1024);
    let bytes = match (&params.image_data, &params.path) {
        (Some(data), None) => upload::decode(data, limit)?,
        (None, Some(path)) => read_local(&call, path, limit).await?,
        _ => {
            return Err(Error::invalid_input("exactly one of `image_data` and `path` is wanted")
                .hint("image_data takes base64; path takes a file inside files.allowed_roots")
                .into());
        }
    };
    let mime_type = upload::check(&params.filename, &bytes)?;
    let uploaded = call
        .comfy
        .upload_image(UploadRequest {
            name: &params.filename,
            subfolder: &params.subfolder,
            destination: params.destination,
            overwrite: params.overwrite,
            bytes: bytes.into(),
            mime: mime_type,
        })
        .await?;
    Ok(UploadedImage {
        result: format!("uploaded as {}", uploaded.name),
        name: uploaded.name,
        subfolder: uploaded.subfolder,
        r#type: uploaded.file_type,
    }
    .into())
}

/// Reads a local file for a caller on this machine, if it lies inside a folder that the operator opened.
async fn read_local(call: &Call, path: &str, limit: usize) -> Result<Vec<u8>, Stop> {
    if !call.caller.is_local() {
        return Err(Error::denied("`path` is only for clients on this machine (stdio)")
            .hint("send the picture as image_data")
            .into());
    }
    let roots = call.config.files.allowed_roots.clone();
    let path = std::path::PathBuf::from(path);
    let read = tokio::task::spawn_blocking(move || upload::read_inside(&path, &roots, limit));
    Ok(read.await.map_err(|e| Error::internal("the file was not read").source(e))??)
}
