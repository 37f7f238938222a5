//! Resources of this server: documents, and the files of ComfyUI at `comfyui://outputs/{type}/{subfolder…}/{filename}`.

pub mod documents;

use crate::comfy::{self, Client, FileType, OutputRef, ViewOptions};
use comfywarden_error::{Error, Result};
use comfywarden_policy::path::{OutputName, Subfolder};

const SCHEME: &str = "comfyui://outputs/";
const RESULTS: &str = "comfyui://results/";
/// The largest file that is read as a resource, in bytes. Larger ones are fetched from ComfyUI itself.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Content of an address.
#[derive(Debug)]
pub enum Resource {
    /// A document.
    Document(serde_json::Value),
    /// A text.
    Text {
        /// The text.
        text: String,
        /// Its type.
        mime_type: &'static str,
    },
    /// A file.
    File(ResourceFile),
}

/// The bytes behind a resource.
#[derive(Debug)]
pub struct ResourceFile {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its type, as far as its content or name tells.
    pub mime_type: String,
}

/// The resource of a result that is kept.
pub(crate) fn result_uri(id: &str) -> String {
    format!("{RESULTS}{id}")
}

/// The resource of an output. Every segment is percent-encoded.
pub(crate) fn output_uri(file_type: FileType, subfolder: &str, filename: &str) -> String {
    let mut uri = format!("{SCHEME}{}", file_type.as_str());
    for segment in subfolder.split('/').chain([filename]).filter(|segment| !segment.is_empty()) {
        uri.push('/');
        for byte in segment.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
                _ => uri.extend(escape(byte)),
            }
        }
    }
    uri
}

fn escape(byte: u8) -> [char; 3] {
    let digit =
        |value: u8| char::from_digit(value.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase());
    ['%', digit(byte >> 4), digit(byte & 15)]
}

/// Reads an output URI back into the file it names. The same rules as for tool arguments apply.
pub(crate) fn parse(uri: &str) -> Result<OutputRef> {
    let rest = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
    let (file_type, path) = rest.split_once('/').ok_or_else(unknown)?;
    let kind = match file_type {
        "output" => FileType::Output,
        "input" => FileType::Input,
        "temp" => FileType::Temp,
        _ => return Err(unknown()),
    };
    let segments: Vec<String> = path.split('/').map(decode).collect::<Option<_>>().ok_or_else(unknown)?;
    let (filename, folders) = segments.split_last().ok_or_else(unknown)?;
    if folders.iter().any(|folder| folder.contains('/')) {
        return Err(unknown());
    }
    let (filename, subfolder) = (OutputName::parse(filename)?, Subfolder::parse(&folders.join("/"))?);
    Ok(OutputRef { filename, subfolder, kind })
}

/// Makes the error for an address that leads nowhere.
fn unknown() -> Error {
    Error::not_found("there is no such resource").hint(
        "resources/list and resources/templates/list name them; outputs are \
         comfyui://outputs/{output|input|temp}/{subfolder}/{filename}",
    )
}

fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads the file behind a resource.
pub(crate) async fn read(comfy: &Client, file: &OutputRef) -> Result<ResourceFile> {
    let options = ViewOptions { preview: None, max_bytes: MAX_BYTES };
    let viewed = match comfy.view(file, options).await {
        Err(comfy::Error::TooLarge { limit, .. }) => {
            let message =
                format!("`{}` has more than {limit} bytes, too many for a resource", file.filename.as_str());
            let address = comfy.view_url(file)?;
            return Err(Error::denied(message)
                .hint(format!("open it at {address}, or look at it with comfyui_get_image"))
                .detail("limit_bytes", limit));
        }
        viewed => viewed?,
    };
    let mime_type = viewed.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    Ok(ResourceFile { mime_type, bytes: viewed.bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_there_and_back() {
        for (subfolder, filename) in
            [("", "a.png"), ("sub dir/ü", "100%25 #1.png"), ("a/b", "ComfyUI_00001_.png")]
        {
            let file = parse(&output_uri(FileType::Temp, subfolder, filename)).unwrap();
            assert_eq!((file.subfolder.as_str(), file.filename.as_str()), (subfolder, filename));
            assert_eq!(file.kind, FileType::Temp);
        }
    }

    #[test]
    fn a_uri_cannot_leave_its_root() {
        for uri in [
            "comfyui://outputs/output/../secret.png",
            "comfyui://outputs/output/%2e%2e/secret.png",
            "comfyui://outputs/output/a%2F..%2Fb.png",
            "comfyui://outputs/elsewhere/a.png",
            "file:///etc/passwd",
            "comfyui://outputs/output/%zz.png",
        ] {
            assert!(parse(uri).is_err(), "{uri} was taken");
        }
    }
}
