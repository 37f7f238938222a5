//! Files: uploads into ComfyUI's folders, and reading what lies there.

use std::fmt;

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Client, Error, FileType, OutputRef, Result, endpoint::Endpoint};
use comfywarden_policy::{
    display,
    path::{Subfolder, UploadName},
};

/// The only service whose `/view` may answer with a redirect.
const CLOUD: &str = "cloud.comfy.org";

/// A file to upload.
#[derive(Debug)]
pub struct UploadRequest<'a> {
    /// Its name.
    pub name: &'a UploadName,
    /// The folder below the root.
    pub subfolder: &'a Subfolder,
    /// The root.
    pub destination: FileType,
    /// Replace a file of the same name; otherwise ComfyUI picks another.
    pub overwrite: bool,
    /// The content.
    pub bytes: Bytes,
    /// Its media type.
    pub mime: &'a str,
}

/// Location of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Uploaded {
    /// The name ComfyUI chose.
    pub name: String,
    /// The folder below the root.
    #[serde(default)]
    pub subfolder: String,
    /// The root.
    #[serde(rename = "type", default)]
    pub file_type: FileType,
}

/// Options for reading a file.
#[derive(Debug, Clone, Copy)]
pub struct ViewOptions {
    /// Re-encoded by ComfyUI; pictures only.
    pub preview: Option<PreviewFormat>,
    /// Limit for the bytes to read; a larger file is an error.
    pub max_bytes: usize,
}

/// A picture made smaller by ComfyUI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewFormat {
    /// WebP with this quality, 1 to 100.
    Webp(u8),
    /// JPEG with this quality, 1 to 100; transparency is lost.
    Jpeg(u8),
}

impl fmt::Display for PreviewFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webp(quality) => write!(f, "webp;{quality}"),
            Self::Jpeg(quality) => write!(f, "jpeg;{quality}"),
        }
    }
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewed {
    /// The content.
    pub bytes: Bytes,
    /// Its media type, as ComfyUI says.
    pub content_type: Option<String>,
}

impl Client {
    /// Uploads a file. The name in the answer is the one to use in workflows.
    pub async fn upload_image(&self, upload: UploadRequest<'_>) -> Result<Uploaded> {
        let endpoint = Endpoint::UploadImage;
        let form = form(upload)?;
        self.inner.transport.post_form(&endpoint, form).await?.ok(&endpoint)?.object(&endpoint)
    }

    /// Uploads a copy of `original` with the transparency of `mask`. Both must have the same size.
    ///
    /// ComfyUI answers as if all were well when there is no original, and writes nothing: ask for it first.
    pub async fn upload_mask(&self, mask: UploadRequest<'_>, original: &OutputRef) -> Result<Uploaded> {
        let endpoint = Endpoint::UploadMask;
        let reference = serde_json::json!({
            "filename": original.filename.as_str(),
            "subfolder": original.subfolder.as_str(),
            "type": original.kind.as_str(),
        });
        let form = form(mask)?.text("original_ref", reference.to_string());
        self.inner.transport.post_form(&endpoint, form).await?.ok(&endpoint)?.object(&endpoint)
    }

    /// Reads a file.
    pub async fn view(&self, file: &OutputRef, options: ViewOptions) -> Result<Viewed> {
        let preview = options.preview.map(|format| format.to_string());
        let endpoint = Endpoint::View {
            filename: &file.filename,
            subfolder: &file.subfolder,
            kind: file.kind,
            preview: preview.as_deref(),
        };
        let mut answer = self.inner.transport.get_at_most(&endpoint, options.max_bytes).await?;
        if let Some(url) =
            cloud_redirect(&self.inner.config.base_url, answer.status, answer.location.as_deref())
        {
            answer = self.inner.transport.get_elsewhere(&endpoint, url, options.max_bytes).await?;
        }
        if answer.status == 404 {
            return Err(missing(file));
        }
        let answer = answer.ok(&endpoint)?;
        Ok(Viewed { bytes: answer.body, content_type: answer.content_type })
    }

    /// True when there is such a file. Next to nothing of it is read.
    pub async fn has_file(&self, file: &OutputRef) -> Result<bool> {
        let endpoint = Endpoint::View {
            filename: &file.filename,
            subfolder: &file.subfolder,
            kind: file.kind,
            preview: None,
        };
        match self.inner.transport.get_at_most(&endpoint, 1).await {
            Ok(answer) if answer.status == 404 => Ok(false),
            Ok(answer) => answer.ok(&endpoint).map(|_| true),
            Err(Error::TooLarge { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The address at which a person can open a file.
    pub fn view_url(&self, file: &OutputRef) -> Result<Url> {
        let target = view_endpoint(file).target()?;
        let mut url = self.public_url().clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), target.path);
        url.set_path(&path);
        url.set_query(Some(&target.query));
        url.set_fragment(None);
        Ok(url)
    }
}

/// A file as it is.
pub(super) fn view_endpoint(file: &OutputRef) -> Endpoint<'_> {
    Endpoint::View { filename: &file.filename, subfolder: &file.subfolder, kind: file.kind, preview: None }
}

/// Hint about a file that is not there.
const LOOK_FOR_IT: &str =
    "comfyui_list_outputs shows what jobs made; pass its filename, subfolder and type on as they are";

/// The word for a file that is not there.
pub(crate) fn missing(file: &OutputRef) -> Error {
    missing_name(file.subfolder.as_str(), file.filename.as_str(), file.kind)
}

/// Builds the error for a name that no checked one can be made of.
pub(crate) fn missing_name(folder: &str, name: &str, kind: FileType) -> Error {
    let (name, root) = (display::sanitize(name), kind.as_str());
    let message = match folder {
        "" => format!("no file `{name}` in ComfyUI's {root} folder"),
        folder => format!("no file `{name}` in `{folder}` of ComfyUI's {root} folder"),
    };
    Error::NotFound { message, next: LOOK_FOR_IT }
}

/// The raw UTF-8 name goes on the wire: ComfyUI keeps a percent-encoded one as it stands.
fn form(upload: UploadRequest<'_>) -> Result<Form> {
    let length = u64::try_from(upload.bytes.len()).unwrap_or(u64::MAX);
    let part = Part::stream_with_length(upload.bytes, length)
        .file_name(upload.name.as_str().to_owned())
        .mime_str(upload.mime)
        .map_err(|_| Error::InvalidInput(format!("`{}` is not a media type", upload.mime)))?;
    let mut form = Form::new().percent_encode_noop().part("image", part);
    if !upload.subfolder.as_str().is_empty() {
        form = form.text("subfolder", upload.subfolder.as_str().to_owned());
    }
    if upload.destination != FileType::Input {
        form = form.text("type", upload.destination.as_str());
    }
    if upload.overwrite {
        form = form.text("overwrite", "true");
    }
    Ok(form)
}

/// Reads the address at which Comfy Cloud keeps the file: another https host with a name. Other redirects are refused.
pub(super) fn cloud_redirect(base: &Url, status: u16, location: Option<&str>) -> Option<Url> {
    if status != 302 || base.scheme() != "https" || base.host_str() != Some(CLOUD) {
        return None;
    }
    let url = Url::parse(location?).ok()?;
    let named = matches!(url.host(), Some(Host::Domain(host)) if host.contains('.'));
    let plain = url.username().is_empty() && url.password().is_none();
    (url.scheme() == "https" && named && plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(base: &str, status: u16, location: &str) -> Option<String> {
        cloud_redirect(&Url::parse(base).unwrap(), status, Some(location)).map(String::from)
    }

    #[test]
    fn follows_only_the_clouds_own_redirect_to_a_named_https_host() {
        let (cloud, there) = ("https://cloud.comfy.org/api", "https://storage.example.org/x?sig=1");
        assert_eq!(redirect(cloud, 302, there).as_deref(), Some(there));
        for (base, status, location) in [
            ("http://cloud.comfy.org/api", 302, there),
            ("https://comfy.example.org", 302, there),
            (cloud, 301, there),
            (cloud, 302, "http://storage.example.org/x"),
            (cloud, 302, "https://127.0.0.1/x"),
            (cloud, 302, "https://[::1]/x"),
            (cloud, 302, "https://localhost/x"),
            (cloud, 302, "https://u:p@storage.example.org/x"),
            (cloud, 302, "/login"),
        ] {
            assert_eq!(redirect(base, status, location), None, "{base} {status} {location}");
        }
    }
}
