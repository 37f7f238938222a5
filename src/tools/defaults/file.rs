//! Small files that this program keeps, first of all the users' defaults: written whole or not at all, by one
//! process at a time.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use comfywarden_error::JsonObject;

/// The largest file that is read or written.
const MAX_BYTES: u64 = 1024 * 1024;
/// Time that a write waits for another process to finish its own.
const PATIENCE: Duration = Duration::from_secs(2);
/// Interval between two looks whether the other one has finished.
const PAUSE: Duration = Duration::from_millis(10);

/// Defaults by tool and argument.
pub(super) type ByTool = BTreeMap<String, JsonObject>;

/// Content of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    version: u32,
    /// Defaults by caller: nobody's defaults change another's calls.
    pub(super) callers: BTreeMap<String, ByTool>,
}

/// Content of a small file of this program's own. Its format has a number, so that an older program leaves a
/// newer file alone.
pub(in crate::tools) trait Versioned: Default + Serialize + DeserializeOwned {
    /// The number of the format that was read, or is written.
    fn version(&mut self) -> &mut u32;
}

impl Versioned for Saved {
    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

/// Fingerprint of a state of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Every write makes a new file.
    inode: u64,
}

/// The state of the file now; nothing when there is none.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let facts = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&facts);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { bytes: facts.len(), modified: facts.modified().ok(), inode })
}

/// Reads the file; one that is not there is empty. The message is a fragment about the file.
pub(in crate::tools) fn read<T: Versioned>(path: &Path) -> Result<T, String> {
    let opened = match File::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(T::default()),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let mut text = Vec::new();
    opened.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err("is larger than 1 MiB".to_owned());
    }
    let mut saved: T = serde_json::from_slice(&text).map_err(|error| format!("is damaged: {error}"))?;
    let version = *saved.version();
    if version > 1 {
        return Err(format!("was written by a later version (format {version})"));
    }
    Ok(saved)
}

/// Reads, changes and writes the file while no other process does.
pub(in crate::tools) fn update<T: Versioned>(path: &Path, change: impl FnOnce(&mut T)) -> Result<T, String> {
    let cannot = |error: std::io::Error| format!("cannot be written: {error}");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(cannot)?;
    let lock =
        open_private(&beside(path, "lock"), OpenOptions::new().write(true).create(true).truncate(false))
            .map_err(cannot)?;
    wait_for(&lock)?;
    let mut saved: T = read(path)?;
    change(&mut saved);
    *saved.version() = 1;
    let text = serde_json::to_vec_pretty(&saved).map_err(|error| format!("cannot be written: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(
            "would grow over 1 MiB; remove defaults that are not needed (null removes one)".to_owned()
        );
    }
    let draft = beside(path, &format!("{}.new", std::process::id()));
    let written = write(&draft, &text).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        fs::remove_file(&draft).ok();
    }
    written.map_err(cannot)?;
    Ok(saved)
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = open_private(path, OpenOptions::new().write(true).create(true).truncate(true))?;
    file.write_all(text)?;
    file.sync_all()
}

/// Opens a file that only its owner may read: prompts can be defaults too.
fn open_private(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

fn wait_for(lock: &File) -> Result<(), String> {
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(fs::TryLockError::WouldBlock) => return Err("is being written by another process".to_owned()),
            Err(fs::TryLockError::Error(error)) => return Err(format!("cannot be locked: {error}")),
        }
    }
}
