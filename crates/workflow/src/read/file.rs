//! Reads a document: its format, and the workflows in it.

use std::fmt;

use serde_json::Value;

use super::{exif, mp4, png, sound, texts::Texts, webm};
use crate::{Error, Remark, Result, UiWorkflow, Workflow, graph::kind_of, json};

/// The format of a document that holds a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Text in API format.
    Api,
    /// Text with the API format under `prompt`, as it is posted to ComfyUI, or the editor's under `workflow`.
    Envelope,
    /// Text in the editor's format.
    Ui,
    /// A PNG picture.
    Png,
    /// A WebP picture.
    Webp,
    /// A JPEG picture.
    Jpeg,
    /// An MP4 or Quicktime video.
    Mp4,
    /// A `WebM` or Matroska video.
    Webm,
    /// FLAC sound.
    Flac,
    /// Ogg sound (Opus or Vorbis).
    Ogg,
    /// MP3 sound.
    Mp3,
}

impl FileFormat {
    /// Returns the word for results and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Envelope => "envelope",
            Self::Ui => "ui",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Jpeg => "jpeg",
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Mp3 => "mp3",
        }
    }

    /// Detects a container by its first bytes; `None` for anything else, text included.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        let riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
        match bytes {
            _ if bytes.starts_with(png::SIGNATURE) => Some(Self::Png),
            _ if riff => Some(Self::Webp),
            _ if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) => Some(Self::Jpeg),
            _ if mp4::is_mp4(bytes) => Some(Self::Mp4),
            _ if bytes.starts_with(webm::SIGNATURE) => Some(Self::Webm),
            _ if bytes.starts_with(b"fLaC") => Some(Self::Flac),
            _ if bytes.starts_with(b"OggS") => Some(Self::Ogg),
            _ if bytes.starts_with(b"ID3") => Some(Self::Mp3),
            _ => None,
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The workflows in a text or file: at least one of the two.
#[derive(Debug, Clone)]
pub struct WorkflowFile {
    /// The format of the document.
    pub format: FileFormat,
    /// The API format, if it is there. In a media file it is the prompt that ran.
    pub prompt: Option<Workflow>,
    /// The editor's format, if it is there.
    pub workflow: Option<UiWorkflow>,
    /// Notes on parts that could not be read.
    pub notes: Vec<Remark>,
}

impl WorkflowFile {
    /// Lists the formats that were found: `prompt`, `workflow`, or both.
    pub fn formats(&self) -> Vec<&'static str> {
        let prompt = self.prompt.as_ref().map(|_| "prompt");
        let workflow = self.workflow.as_ref().map(|_| "workflow");
        prompt.into_iter().chain(workflow).collect()
    }
}

/// Reads a workflow from text or from a file's bytes. The content decides what it is.
pub fn read(bytes: &[u8]) -> Result<WorkflowFile> {
    let Some(source) = FileFormat::detect(bytes) else {
        let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(byte));
        if bytes.len() > 4
            && !matches!(start, Some(b'{' | b'[' | b'"'))
            && std::str::from_utf8(bytes).is_err()
        {
            return Err(Error::new("the content is no text and no file type that holds workflows").hint(
                "give JSON, or a PNG, WebP, JPEG, MP4, WebM, FLAC, Ogg or MP3 file that ComfyUI saved",
            ));
        }
        return read_value(json::parse(bytes)?);
    };
    let texts = match source {
        FileFormat::Png => png::texts(bytes)?,
        FileFormat::Webp => exif::webp_texts(bytes)?,
        FileFormat::Jpeg => exif::jpeg_texts(bytes)?,
        FileFormat::Mp4 => mp4::texts(bytes)?,
        FileFormat::Webm => webm::texts(bytes)?,
        FileFormat::Flac => sound::flac_texts(bytes)?,
        FileFormat::Ogg => sound::ogg_texts(bytes)?,
        FileFormat::Mp3 => sound::mp3_texts(bytes)?,
        FileFormat::Api | FileFormat::Envelope | FileFormat::Ui => Texts::default(),
    };
    from_texts(source, &texts)
}

fn from_texts(format: FileFormat, texts: &Texts<'_>) -> Result<WorkflowFile> {
    if texts.is_empty() {
        return Err(Error::new(format!("the {format} file holds no workflow"))
            .hint("use the original file: messengers, editors and web sites remove the metadata"));
    }
    let prompt = texts.prompt.as_deref().map(|text| Workflow::from_owned(embedded(text)?));
    let workflow = texts.workflow.as_deref().map(|text| UiWorkflow::from_value(embedded(text)?));
    let mut found = WorkflowFile { format, prompt: None, workflow: None, notes: Vec::new() };
    let mut failed = None;
    let mut note = |name: &str, error: Error| {
        found.notes.push(Remark::general(format!("`{name}` of the file cannot be read: {error}")));
        failed = failed.take().or(Some(error));
    };
    match prompt {
        Some(Ok(prompt)) => found.prompt = Some(prompt),
        Some(Err(error)) => note("prompt", error),
        None => {}
    }
    match workflow {
        Some(Ok(workflow)) => found.workflow = Some(workflow),
        Some(Err(error)) => note("workflow", error),
        None => {}
    }
    match failed {
        Some(error) if found.prompt.is_none() && found.workflow.is_none() => Err(error),
        _ => Ok(found),
    }
}

/// Parses JSON of a file; some programs write it as the text of a JSON string.
fn embedded(text: &[u8]) -> Result<Value> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    match json::parse(text)? {
        Value::String(inner) => json::parse(inner.as_bytes()),
        value => Ok(value),
    }
}

/// Reads a workflow from JSON that is already parsed.
///
/// The text's own rules (duplicate keys, depth) are those of [`json::parse`] and were checked there or not at all.
pub fn read_value(value: Value) -> Result<WorkflowFile> {
    let found = |format, prompt, workflow| WorkflowFile { format, prompt, workflow, notes: Vec::new() };
    if UiWorkflow::looks_like(&value) {
        return Ok(found(FileFormat::Ui, None, Some(UiWorkflow::from_value(value)?)));
    }
    let Value::Object(mut map) = value else {
        return Err(Error::new(format!("the text is {}, not a workflow", kind_of(&value)))
            .hint("give the API format, or what the editor saves"));
    };
    if map.get("workflow").is_some_and(UiWorkflow::looks_like) && !map.contains_key("prompt") {
        let workflow = map.shift_remove("workflow").unwrap_or_default();
        return Ok(found(FileFormat::Envelope, None, Some(UiWorkflow::from_value(workflow)?)));
    }
    if !map.get("prompt").is_some_and(is_graph) {
        return Ok(found(FileFormat::Api, Some(Workflow::from_owned(Value::Object(map))?), None));
    }
    let prompt = map.shift_remove("prompt").unwrap_or_default();
    if UiWorkflow::looks_like(&prompt) {
        return Ok(found(FileFormat::Envelope, None, Some(UiWorkflow::from_value(prompt)?)));
    }
    let embedded = map
        .shift_remove("extra_data")
        .and_then(|mut extra| extra.get_mut("extra_pnginfo")?.get_mut("workflow").map(Value::take))
        .filter(UiWorkflow::looks_like);
    let workflow = embedded.map(UiWorkflow::from_value).transpose()?;
    Ok(found(FileFormat::Envelope, Some(Workflow::from_owned(prompt)?), workflow))
}

/// True for an object that is not itself a node: a node may well have the id `prompt`.
fn is_graph(value: &Value) -> bool {
    value.is_object() && value.get("class_type").is_none()
}
