//! Reads a document: its format, and the workflows in it.

use std::fmt;

use serde_json::Value;

use super::{compare::differences, exif, locate, mp4, png, sound, texts::Texts, webm};
use crate::{
    Error, Remark, Result, UiWorkflow, Workflow,
    graph::kind_of,
    json::{self, Dialect},
};

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

/// The workflow of a file that is taken when it holds two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// The prompt, which ran.
    #[default]
    Prompt,
    /// The workflow, which the editor shows.
    Workflow,
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
    /// Differences between the prompt and the workflow; empty when they agree or one is missing.
    pub differences: Vec<String>,
    /// Notes on the file and on parts that could not be read.
    pub notes: Vec<Remark>,
}

impl WorkflowFile {
    fn new(
        format: FileFormat,
        prompt: Option<Workflow>,
        workflow: Option<UiWorkflow>,
        notes: Vec<Remark>,
    ) -> Self {
        let both = prompt.as_ref().zip(workflow.as_ref());
        let differences = both.map_or_else(Vec::new, |(prompt, workflow)| differences(prompt, workflow));
        Self { format, prompt, workflow, differences, notes }
    }

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
        if bytes.len() > 4 && !starts_as_json(bytes) && std::str::from_utf8(bytes).is_err() {
            return Err(Error::new("the content is no text and no file type that holds workflows").hint(
                "give JSON, or a PNG, WebP, JPEG, MP4, WebM, FLAC, Ogg or MP3 file that ComfyUI saved",
            ));
        }
        return read_text(bytes);
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

/// True for text that begins like JSON, comments before it included; anything else may be a script.
pub fn starts_as_json(text: &[u8]) -> bool {
    if matches!(text, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        return true;
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    matches!(text, [b'{' | b'[' | b'"', ..] | [b'/', b'/' | b'*', ..])
}

fn read_text(bytes: &[u8]) -> Result<WorkflowFile> {
    let (value, dialect) = json::parse_relaxed(bytes)?;
    let mut file = read_value(value)?;
    file.notes.extend(dialect.describe().map(Remark::general));
    Ok(file)
}

fn from_texts(format: FileFormat, texts: &Texts<'_>) -> Result<WorkflowFile> {
    if texts.is_empty() {
        return Err(Error::new(format!("the {format} file holds no workflow"))
            .hint("use the original file: messengers, editors and web sites remove the metadata"));
    }
    let faults =
        texts.faults.iter().map(|fault| Remark::general(format!("the file is not quite sound: {fault}")));
    let mut notes: Vec<Remark> = faults.collect();
    let mut failed = None;
    let mut read = |name: &str, text: Option<&[u8]>| {
        let (value, dialect) = match embedded(text?) {
            Ok(read) => read,
            Err(error) => {
                notes.push(Remark::general(format!("`{name}` of the file cannot be read: {error}")));
                failed = failed.take().or(Some(error));
                return None;
            }
        };
        notes.extend(dialect.describe().map(Remark::general));
        Some(value)
    };
    let (prompt, workflow) =
        (read("prompt", texts.prompt.as_deref()), read("workflow", texts.workflow.as_deref()));
    let mut half = |name: &str, error: Error| {
        notes.push(Remark::general(format!("`{name}` of the file cannot be read: {error}")));
        failed = failed.take().or(Some(error));
    };
    let prompt =
        prompt.and_then(|value| Workflow::from_owned(value).map_err(|error| half("prompt", error)).ok());
    let workflow = workflow
        .and_then(|value| UiWorkflow::from_value(value).map_err(|error| half("workflow", error)).ok());
    match failed {
        Some(error) if prompt.is_none() && workflow.is_none() => Err(error),
        _ => Ok(WorkflowFile::new(format, prompt, workflow, notes)),
    }
}

/// Parses JSON of a file; some programs write it as the text of a JSON string.
fn embedded(text: &[u8]) -> Result<(Value, Dialect)> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    match json::parse_relaxed(text)? {
        (Value::String(inner), _) => json::parse_relaxed(inner.as_bytes()),
        read => Ok(read),
    }
}

/// Reads a workflow from JSON that is already parsed.
///
/// The text's own rules (duplicate keys, depth) are those of [`json::parse`] and were checked there or not at all.
pub fn read_value(value: Value) -> Result<WorkflowFile> {
    let found = |format, prompt, workflow| Ok(WorkflowFile::new(format, prompt, workflow, Vec::new()));
    if locate::is_ui_graph(&value) {
        return found(FileFormat::Ui, None, Some(UiWorkflow::from_value(value)?));
    }
    let Value::Object(mut map) = value else {
        return located(&value)?.ok_or_else(|| {
            Error::new(format!("the text is {}, not a workflow", kind_of(&value)))
                .hint("give the API format, or what the editor saves")
        });
    };
    if map.get("workflow").is_some_and(locate::is_ui_graph) && !map.contains_key("prompt") {
        let workflow = map.shift_remove("workflow").unwrap_or_default();
        return found(FileFormat::Envelope, None, Some(UiWorkflow::from_value(workflow)?));
    }
    if !map.get("prompt").is_some_and(is_graph) {
        let value = Value::Object(map);
        if !has_node(&value)
            && let Some(file) = located(&value)?
        {
            return Ok(file);
        }
        return found(FileFormat::Api, Some(Workflow::from_owned(value)?), None);
    }
    let prompt = map.shift_remove("prompt").unwrap_or_default();
    if locate::is_ui_graph(&prompt) {
        return found(FileFormat::Envelope, None, Some(UiWorkflow::from_value(prompt)?));
    }
    if !has_node(&prompt)
        && let Some(file) = located(&prompt)?
    {
        return Ok(file);
    }
    let embedded = map
        .shift_remove("extra_data")
        .and_then(|mut extra| extra.get_mut("extra_pnginfo")?.get_mut("workflow").map(Value::take))
        .filter(UiWorkflow::looks_like);
    let workflow = embedded.map(UiWorkflow::from_value).transpose()?;
    found(FileFormat::Envelope, Some(Workflow::from_owned(prompt)?), workflow)
}

/// Reads the workflow inside other JSON; `None` when there is none.
fn located(value: &Value) -> Result<Option<WorkflowFile>> {
    let located = locate::locate(value)?;
    let paths: Vec<String> = located.paths().map(|path| format!("`{path}`")).collect();
    if paths.is_empty() {
        return Ok(None);
    }
    let mut note = format!("the workflow was found at {}", paths.join(" and "));
    if !located.beside.is_empty() {
        note = format!("{note}; what stands beside it was not used: {}", located.beside.join(", "));
    }
    let prompt = located.prompt.map(|(value, _)| Workflow::from_owned(value)).transpose()?;
    let workflow = located.workflow.map(|(value, _)| UiWorkflow::from_value(value)).transpose()?;
    let notes = vec![Remark::general(note)];
    Ok(Some(WorkflowFile::new(FileFormat::Envelope, prompt, workflow, notes)))
}

/// True when at least one entry is a node of the API format.
fn has_node(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().any(|node| node.get("class_type").is_some()))
}

/// True for an object that is not itself a node: a node may well have the id `prompt`.
fn is_graph(value: &Value) -> bool {
    value.is_object() && value.get("class_type").is_none()
}
