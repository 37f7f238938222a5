//! Looking at a file: a small picture of it inline, and where the whole of it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drawn::{self, Drawn};
use crate::{
    comfy::{FileType, OutputKind, OutputRef, PreviewFormat, media_kind, media_type},
    tools::{Answer, Block, Call, Handled, resources::output_uri},
};
use comfywarden_error::{Error, Result};
use comfywarden_policy::path::{OutputName, Subfolder};

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

/// Location of a file, and its inline preview.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Shown {
    filename: String,
    subfolder: String,
    r#type: FileType,
    kind: OutputKind,
    /// Resource of the full file
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    /// picture, contact_sheet or waveform
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<&'static str>,
    /// True when the inline picture is smaller than the file
    #[serde(skip_serializing_if = "Option::is_none")]
    reduced: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(super) async fn get_image(call: Call, params: GetImage) -> Handled<Shown> {
    if params.preview_quality.is_some() && params.preview_format.is_none() {
        return Err(Error::invalid_input("`preview_quality` needs `preview_format`")
            .hint("set preview_format to webp or jpeg, or leave preview_quality out")
            .into());
    }
    let quality = params.preview_quality.unwrap_or(90);
    let file = OutputRef { filename: params.filename, subfolder: params.subfolder, kind: params.file_type };
    call.must_read(&file).await?;
    let mut shown = bare(&file);
    if params.response_format == ResponseFormat::Url {
        let base = base_url(&call, params.base_url_override.as_deref())?;
        shown.url = Some(link(&call.backend().view_url(&file)?, base));
        return Ok(shown.into());
    }
    if params.base_url_override.is_some() {
        return Err(Error::invalid_input("`base_url_override` is only for response_format `url`").into());
    }
    if call.settings.external_url.is_some() {
        shown.url = Some(link(&call.backend().view_url(&file)?, None));
    }
    let wanted = params.preview_format.map(|format| match format {
        Reencoding::Webp => PreviewFormat::Webp(quality),
        Reencoding::Jpeg => PreviewFormat::Jpeg(quality),
    });
    let drawn = match shown.kind {
        OutputKind::Image => drawn::picture(&call, &file, wanted, quality).await?,
        OutputKind::Video => drawn::film(&call, &file).await?,
        OutputKind::Audio => drawn::sound(&call, &file).await?,
        _ => drawn::nothing(&call, &file).await?,
    };
    Ok(tell(shown, drawn))
}

fn bare(file: &OutputRef) -> Shown {
    let name = file.filename.as_str();
    Shown {
        filename: name.to_owned(),
        subfolder: file.subfolder.as_str().to_owned(),
        r#type: file.kind,
        kind: media_kind(name),
        uri: output_uri(file.kind, file.subfolder.as_str(), name),
        url: None,
        mime_type: None,
        bytes: None,
        width: None,
        height: None,
        duration_seconds: None,
        preview: None,
        reduced: None,
        note: None,
    }
}

/// The link to the whole file first, then the small picture, where there is one.
fn tell(mut shown: Shown, drawn: Drawn) -> Answer<Shown> {
    shown.bytes = drawn.bytes;
    (shown.width, shown.height) = (drawn.measures.width, drawn.measures.height);
    shown.duration_seconds = drawn.measures.seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0);
    shown.note = drawn.note;
    let full = Block::Link {
        uri: shown.uri.clone(),
        name: shown.filename.clone(),
        mime_type: media_type(&shown.filename).map(str::to_owned),
        size: drawn.bytes,
    };
    let Some((what, picture)) = drawn.preview else { return Answer::from(shown).block(full) };
    shown.mime_type = Some(picture.mime_type.to_owned());
    shown.preview = Some(what);
    if what == drawn::PICTURE {
        shown.reduced = Some(Some((picture.width, picture.height)) != shown.width.zip(shown.height));
    }
    let block = Block::Image { bytes: picture.bytes, mime_type: picture.mime_type.to_owned() };
    Answer::from(shown).block(full).block(block)
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
    if !call.settings.files.url_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
        return Err(refused(&format!("names `{host}`, which is not in files.url_hosts")));
    }
    Ok(Some(url))
}
