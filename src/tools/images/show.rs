//! Looking at a file: a small picture of it inline, and where the whole of it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    comfy::{FileType, OutputRef, PreviewFormat, ViewOptions},
    error::{Error, Result},
    security::path::{OutputName, Subfolder},
    tools::{Answer, Block, Call, Handled, preview, resources::output_uri},
};

/// The largest file that is fetched to make a preview, in bytes.
const MAX_ORIGINAL: usize = 64 * 1024 * 1024;

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
pub(super) struct GetImage {
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
pub(super) struct Shown {
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

pub(super) async fn get_image(call: Call, params: GetImage) -> Handled<Shown> {
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
