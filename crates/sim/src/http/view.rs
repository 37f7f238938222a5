//! `/view`: files of the three folders, as they are or changed.

use std::{io::Cursor, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage, codecs::jpeg::JpegEncoder};
use serde::Deserialize;

use super::answer;
use crate::{
    nodes::annotated,
    picture,
    server::{Server, lock},
    store::File,
};

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    filename: Option<String>,
    subfolder: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    preview: Option<String>,
    channel: Option<String>,
}

/// One file, or what was asked of it.
pub(super) async fn view(
    State(server): State<Arc<Server>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let (name, file) = match find(&server, &wanted) {
        Ok(found) => found,
        Err(status) => return answer::empty(status),
    };
    if let Some(preview) = &wanted.preview {
        return changed(&file, &name, |picture| small(picture, preview));
    }
    match wanted.channel.as_deref() {
        Some("rgb") => changed(&file, &name, |picture| {
            Some((
                "image/png",
                picture::encode(&DynamicImage::ImageRgb8(picture.to_rgb8()), ImageFormat::Png)?,
            ))
        }),
        Some("a") => changed(&file, &name, alpha),
        _ => whole(&file, &name, &headers),
    }
}

/// The file, or the status that says why not.
fn find(server: &Server, wanted: &Wanted) -> Result<(String, Arc<File>), u16> {
    let given = wanted.filename.as_deref().ok_or(404_u16)?;
    let (name, annotation) = annotated(given);
    if name.is_empty() || name.starts_with('/') || name.contains("..") {
        return Err(400);
    }
    let kind = annotation.or(wanted.kind.as_deref()).unwrap_or("output");
    if !matches!(kind, "input" | "output" | "temp") {
        return Err(400);
    }
    let subfolder = wanted.subfolder.as_deref().unwrap_or_default();
    if subfolder.starts_with('/') {
        return Err(403);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in subfolder.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return Err(403);
        }
    }
    let name = name.rsplit('/').next().unwrap_or(name);
    let file = lock(&server.files).get(kind, &parts.join("/"), name).ok_or(404_u16)?;
    Ok((name.to_owned(), file))
}

/// Quotes are not escaped, as in ComfyUI.
fn disposition(name: &str) -> HeaderValue {
    HeaderValue::from_bytes(format!("filename=\"{name}\"").as_bytes())
        .unwrap_or_else(|_| HeaderValue::from_static("filename=\"file\""))
}

fn changed(
    file: &File,
    name: &str,
    change: impl FnOnce(&DynamicImage) -> Option<(&'static str, Vec<u8>)>,
) -> Response {
    let Some((kind, bytes)) = picture::decode(&file.bytes).and_then(|picture| change(&picture)) else {
        return answer::crash();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    (headers, bytes).into_response()
}

fn small(picture: &DynamicImage, preview: &str) -> Option<(&'static str, Vec<u8>)> {
    let (format, quality) = preview.split_once(';').unwrap_or((preview, "90"));
    if format == "jpeg" {
        let rgb = picture.to_rgb8();
        let mut bytes = Vec::new();
        let quality = quality.parse::<u8>().unwrap_or(90).clamp(1, 100);
        rgb.write_with_encoder(JpegEncoder::new_with_quality(Cursor::new(&mut bytes), quality)).ok()?;
        return Some(("image/jpeg", bytes));
    }
    let picture = if picture.color().has_alpha() {
        DynamicImage::ImageRgba8(picture.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(picture.to_rgb8())
    };
    Some(("image/webp", picture::encode(&picture, ImageFormat::WebP)?))
}

/// Draws the alpha over black.
fn alpha(picture: &DynamicImage) -> Option<(&'static str, Vec<u8>)> {
    let rgba = picture.to_rgba8();
    let only =
        RgbaImage::from_fn(rgba.width(), rgba.height(), |x, y| Rgba([0, 0, 0, rgba.get_pixel(x, y).0[3]]));
    Some(("image/png", picture::encode(&DynamicImage::ImageRgba8(only), ImageFormat::Png)?))
}

/// Picks the content type by the extension, with everything a browser would run turned into a download.
fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "flac" => "audio/x-flac",
        "mp3" => "audio/mpeg",
        "opus" => "audio/opus",
        "wav" => "audio/x-wav",
        "glb" => "model/gltf-binary",
        "txt" => "text/plain",
        "json" => "application/json",
        "py" => "text/x-python",
        _ => "application/octet-stream",
    }
}

fn whole(file: &File, name: &str, headers: &HeaderMap) -> Response {
    let mut response = match range(headers, file.bytes.len()) {
        None => Response::new(Body::from(file.bytes.clone())),
        Some(Some((from, to))) => part(&file.bytes, from, to),
        Some(None) => past_the_end(file.bytes.len()),
    };
    let modified: DateTime<Utc> = file.modified.into();
    let text = |text: String| HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
    let given = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(name))),
        (header::CONTENT_DISPOSITION, disposition(name)),
        (header::ETAG, text(file.etag())),
        (header::LAST_MODIFIED, text(modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string())),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ];
    response.headers_mut().extend(given);
    response
}

/// `bytes=from-to`, both inclusive; `Some(None)` when it begins past the end.
#[expect(clippy::option_option, reason = "no range, one that fits, and one that does not")]
fn range(headers: &HeaderMap, size: usize) -> Option<Option<(usize, usize)>> {
    let text = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (from, to) = text.split_once('-')?;
    let from = from.parse().ok()?;
    let Some(last) = size.checked_sub(1) else { return Some(None) };
    let to = to.parse().unwrap_or(usize::MAX).min(last);
    Some((from <= to).then_some((from, to)))
}

fn past_the_end(size: usize) -> Response {
    let mut response = answer::empty(416);
    if let Ok(said) = HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, said);
    }
    response
}

fn part(bytes: &Bytes, from: usize, to: usize) -> Response {
    let mut response = Response::new(Body::from(bytes.slice(from..=to)));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let said = HeaderValue::from_str(&format!("bytes {from}-{to}/{}", bytes.len()));
    if let Ok(said) = said {
        response.headers_mut().insert(header::CONTENT_RANGE, said);
    }
    response
}
