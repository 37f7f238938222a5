//! The folder of workflow files: what lies in it, and reading it without being led elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Maximum number of files that are looked at.
pub(super) const MAX_FILES: usize = 256;
/// The largest file of text.
const MAX_TEXT: u64 = 10 * 1024 * 1024;
/// The largest picture, video or sound.
const MAX_MEDIA: u64 = 64 * 1024 * 1024;
/// A file that changed this recently may still be on its way in.
const SETTLING: Duration = Duration::from_secs(3);

/// Role of a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// JSON or a script.
    Text,
    /// A picture, video or sound that may carry a workflow.
    Media,
    /// `<stem>.yaml`.
    Sidecar,
    /// `<stem>.meta.json`.
    ForeignSidecar,
}

/// One file as the folder shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSeen {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
}

impl FileSeen {
    /// True while a copy may still be running.
    pub(super) fn is_fresh(&self) -> bool {
        let age = self.modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        age.is_some_and(|age| age < SETTLING)
    }
}

/// All files of one stem.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) files: Vec<FileSeen>,
}

impl Group {
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &FileSeen> {
        self.files.iter().filter(move |file| file.role == role)
    }
}

/// Content of a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Groups by stem.
    pub(super) groups: BTreeMap<String, Group>,
    /// Files that are not even looked at, and why.
    pub(super) passed_over: Vec<(String, String)>,
}

/// Looks at the folder. One that does not exist is empty.
pub(super) fn look(folder: &Path) -> Seen {
    let mut seen = Seen::default();
    let Ok(entries) = fs::read_dir(folder) else { return seen };
    let mut names: Vec<String> = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        match entry.file_name().into_string() {
            Ok(name) if role(&name).is_some() => names.push(name),
            Ok(_) => {}
            Err(name) => {
                let shown = name.to_string_lossy().into_owned();
                seen.passed_over.push((shown, "its name is not UTF-8".to_owned()));
            }
        }
    }
    names.sort_unstable();
    if names.len() > MAX_FILES {
        let rest = names.len() - MAX_FILES;
        seen.passed_over.push(("…".into(), format!("{rest} more files: at most {MAX_FILES} are looked at")));
        names.truncate(MAX_FILES);
    }
    for name in names {
        let Some((stem, role)) = role(&name) else { continue };
        match stat(folder, &name) {
            Ok((bytes, modified)) => {
                let file = FileSeen { name: name.clone(), role, bytes, modified };
                seen.groups.entry(stem.to_owned()).or_default().files.push(file);
            }
            Err(Some(reason)) => seen.passed_over.push((name, reason)),
            Err(None) => {}
        }
    }
    seen
}

/// Stem and role of a file, by its name. Hidden files, backups and other kinds of files have none.
fn role(name: &str) -> Option<(&str, Role)> {
    if name.starts_with('.') {
        return None;
    }
    if let Some(stem) = name.strip_suffix(".meta.json") {
        return Some((stem, Role::ForeignSidecar));
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let role = match extension.to_ascii_lowercase().as_str() {
        "json" | "py" => Role::Text,
        "yaml" | "yml" => Role::Sidecar,
        "png" | "webp" | "jpg" | "jpeg" | "mp4" | "mov" | "webm" | "mkv" | "flac" | "ogg" | "opus"
        | "mp3" => Role::Media,
        _ => return None,
    };
    (!stem.is_empty()).then_some((stem, role))
}

/// Size and time of a file that may be read; nothing for a folder.
fn stat(folder: &Path, name: &str) -> Result<(u64, Option<SystemTime>), Option<String>> {
    let path = inside(folder, name).map_err(Some)?;
    let facts = fs::metadata(&path).map_err(|error| Some(format!("cannot be read: {error}")))?;
    if facts.is_dir() {
        return Err(None);
    }
    // A pipe would hold us, a device would never end.
    if !facts.is_file() {
        return Err(Some("is no file".to_owned()));
    }
    Ok((facts.len(), facts.modified().ok()))
}

/// The real path of a file, if it lies in the folder.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let root = folder.canonicalize().map_err(cannot)?;
    let path = folder.join(name).canonicalize().map_err(cannot)?;
    if path.starts_with(&root) { Ok(path) } else { Err("is a link that leads out of the folder".to_owned()) }
}

/// Reads a file of the folder, whole and bounded.
pub(super) fn read(folder: &Path, file: &FileSeen) -> Result<Vec<u8>, String> {
    let most = if file.role == Role::Media { MAX_MEDIA } else { MAX_TEXT };
    let too_large = || format!("is larger than {} MiB", most / 1024 / 1024);
    if file.bytes > most {
        return Err(too_large());
    }
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let opened = fs::File::open(inside(folder, &file.name)?).map_err(cannot)?;
    if !opened.metadata().map_err(cannot)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(file.bytes).unwrap_or_default());
    opened.take(most + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}
