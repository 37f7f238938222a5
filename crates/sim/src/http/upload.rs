//! `/upload/image` and `/upload/mask`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, Multipart, Request, State},
    response::Response,
};
use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};

use super::answer;
use crate::{
    picture,
    server::{Server, lock},
    store::FileStore,
};

/// The longest file name a file system takes.
const MAX_NAME: usize = 255;

/// The fields of one upload.
#[derive(Debug, Default)]
struct Form {
    image: Option<(String, Bytes)>,
    kind: Option<String>,
    subfolder: String,
    overwrite: bool,
    original: Option<Value>,
}

/// The reason that an upload was turned away.
enum UploadError {
    /// 400.
    Bad,
    /// The handler raised.
    Crash,
}

impl From<UploadError> for Response {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Bad => answer::empty(400),
            UploadError::Crash => answer::crash(),
        }
    }
}

/// Takes a picture in.
pub(super) async fn image(State(server): State<Arc<Server>>, request: Request) -> Response {
    let form = read(request).await;
    accept(&server, &form, |_, bytes| Ok(Some(bytes))).map_or_else(Into::into, |saved| answer::ok(&saved))
}

/// Takes a mask in: its alpha goes into a copy of the original, when there is one.
pub(super) async fn mask(State(server): State<Arc<Server>>, request: Request) -> Response {
    let form = read(request).await;
    let Some(original) = form.original.clone() else { return answer::crash() };
    let save = |files: &FileStore, bytes: Bytes| {
        let text = |key: &str| original.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = if text("type").is_empty() { "output" } else { text("type") };
        match files.get(kind, text("subfolder"), text("filename")) {
            Some(below) => {
                merge(&below.bytes, &bytes).map(|merged| Some(merged.into())).ok_or(UploadError::Crash)
            }
            None => Ok(None),
        }
    };
    accept(&server, &form, save).map_or_else(Into::into, |saved| answer::ok(&saved))
}

async fn read(request: Request) -> Form {
    let mut form = Form::default();
    let Ok(mut parts) = Multipart::from_request(request, &()).await else { return form };
    while let Ok(Some(field)) = parts.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        // A quoted string may escape a backslash or a quote by a backslash.
        let file_name = field.file_name().map(|name| name.replace("\\\\", "\\").replace("\\\"", "\""));
        let Ok(bytes) = field.bytes().await else { return form };
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            "image" => form.image = file_name.map(|name| (name, bytes.clone())),
            "type" => form.kind = Some(text()),
            "subfolder" => form.subfolder = text(),
            "overwrite" => form.overwrite = matches!(text().as_str(), "true" | "1"),
            "original_ref" => form.original = serde_json::from_slice(&bytes).ok(),
            _ => {}
        }
    }
    form
}

/// Resolves `.` and `..` in a path below one of the three folders. `None` when it leaves the folder.
///
/// The folder's own name counts as inside: `a/../../input/b` is `b` in `input`.
fn resolve(kind: &str, path: &str) -> Option<String> {
    let mut parts = vec![kind];
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return None;
        }
    }
    let (first, rest) = parts.split_first()?;
    (*first == kind).then(|| rest.join("/"))
}

fn accept(
    server: &Server,
    form: &Form,
    save: impl FnOnce(&FileStore, Bytes) -> Result<Option<Bytes>, UploadError>,
) -> Result<Value, UploadError> {
    let kind = form.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("input");
    let (name, bytes) = form.image.as_ref().ok_or(UploadError::Bad)?;
    if !matches!(kind, "input" | "output" | "temp") || name.is_empty() {
        return Err(UploadError::Crash);
    }
    let folder = resolve(kind, &form.subfolder).ok_or(UploadError::Bad)?;
    if form.subfolder.starts_with('/') {
        return Err(UploadError::Bad);
    }
    if name.starts_with('/') {
        return Err(UploadError::Crash);
    }
    let full = resolve(kind, &format!("{folder}/{name}")).ok_or(UploadError::Bad)?;
    let (file_folder, file_name) = full.rsplit_once('/').unwrap_or(("", full.as_str()));
    let mut files = lock(&server.files);
    let is_folder = file_name.is_empty() || full == folder;
    let folder_missing = file_folder != folder && !files.has_folder(kind, file_folder);
    if is_folder || folder_missing || file_name.len() > MAX_NAME {
        return Err(UploadError::Crash);
    }
    let free = free_name(&files, kind, file_folder, file_name, bytes, form.overwrite);
    let shown = match name.rsplit_once('/') {
        Some((head, _)) => format!("{head}/{free}"),
        None => free.clone(),
    };
    if let Some(bytes) = save(&files, bytes.clone())? {
        files.put(kind, file_folder, &free, bytes);
    }
    Ok(json!({"name": shown, "subfolder": form.subfolder, "type": kind}))
}

/// The name itself, or with a number when other bytes have it.
fn free_name(
    files: &FileStore,
    kind: &str,
    folder: &str,
    name: &str,
    bytes: &Bytes,
    overwrite: bool,
) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut candidate = name.to_owned();
    for number in 1.. {
        match files.get(kind, folder, &candidate) {
            Some(file) if !overwrite && file.bytes != *bytes => {
                candidate = format!("{stem} ({number}){extension}");
            }
            _ => break,
        }
    }
    candidate
}

/// The original with the alpha of the mask. ComfyUI raises when the two differ in size.
fn merge(original: &[u8], mask: &[u8]) -> Option<Vec<u8>> {
    let mut out = picture::decode(original)?.to_rgba8();
    let mask = picture::decode(mask)?.to_rgba8();
    if mask.dimensions() != out.dimensions() {
        return None;
    }
    for (pixel, mask) in out.pixels_mut().zip(mask.pixels()) {
        pixel.0[3] = mask.0[3];
    }
    picture::encode(&DynamicImage::ImageRgba8(out), ImageFormat::Png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_as_a_file_system_does() {
        assert_eq!(resolve("input", "rig/../x"), Some("x".into()));
        assert_eq!(resolve("input", "a/../../input/b"), Some("b".into()));
        assert_eq!(resolve("input", "../input_evil"), None);
        assert_eq!(resolve("input", "../../x"), None);
    }
}
