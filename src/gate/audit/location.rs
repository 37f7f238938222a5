//! Opens log files: which path is safe, and which existing file belongs to this log.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    chain::{self, Chain},
    file::LogFile,
};

/// Limit for log files beside each other; more means that something is wrong.
const MAX_BESIDE: usize = 64;
/// Distance from the end within which the last line begins; more than the longest record.
const TAIL_BYTES: u64 = 256 << 10;

/// Opens the log at `path`, or beside it when `path` is somebody else's file or in use by another process.
pub(super) fn open(path: &Path) -> io::Result<LogFile> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    for number in 0..MAX_BESIDE {
        let candidate = beside(path, number);
        if let Some(file) = try_open(&candidate)? {
            return Ok(file);
        }
    }
    Err(io::Error::other("too many files beside it that are in use or not an audit log"))
}

/// Builds the names `audit.jsonl`, `audit-1.jsonl`, `audit-2.jsonl`, …
pub(super) fn beside(path: &Path, number: usize) -> PathBuf {
    if number == 0 { path.to_owned() } else { with_infix(path, &format!("-{number}")) }
}

/// Lists the log at `path` and those that other processes write beside it, as far as they exist.
pub fn logs_beside(path: &Path) -> Vec<PathBuf> {
    (0..MAX_BESIDE).map(|number| beside(path, number)).filter(|log| log.is_file()).collect()
}

/// Inserts `infix` between the stem and the extension.
pub(super) fn with_infix(path: &Path, infix: &str) -> PathBuf {
    let mut name: OsString = path.file_stem().unwrap_or_default().to_owned();
    name.push(infix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Opens and locks one file; `None` when it exists and is not ours or in use.
fn try_open(path: &Path) -> io::Result<Option<LogFile>> {
    let existing = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            return Err(io::Error::other("it is a symbolic link; name the file itself"));
        }
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is not a regular file")),
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    let file = match open_options(existing).open(path) {
        // Another process was faster; it is in use then.
        Err(error) if !existing && error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        other => other?,
    };
    if existing && !is_same_file(path, &file)? {
        return Err(io::Error::other("it was replaced while it was opened"));
    }
    if file.try_lock().is_err() {
        return Ok(None);
    }
    keep_private(&file)?;
    let end = read_end(&file)?;
    Ok(end.map(|(chain, torn)| LogFile::new(path.to_owned(), file, chain, torn)))
}

/// Options that create a new file and never follow a link, or open an existing one without creating it.
fn open_options(existing: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(!existing);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a new log file, readable by its owner alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = open_options(false).open(path)?;
    file.try_lock().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(file)
}

#[cfg(unix)]
fn keep_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// True when `path` is no link and still names the file that was opened.
#[cfg(unix)]
fn is_same_file(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (named, opened) = (fs::symlink_metadata(path)?, file.metadata()?);
    Ok(named.is_file() && named.dev() == opened.dev() && named.ino() == opened.ino())
}

#[cfg(not(unix))]
fn is_same_file(path: &Path, _: &File) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path)?.is_file())
}

/// Reads the end of the chain in a file, and the length of an unfinished line after it.
///
/// `None` when the file is not one of our logs.
fn read_end(mut file: &File) -> io::Result<Option<(Chain, usize)>> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(Some((Chain::default(), 0)));
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    let Some((lines, torn)) = tail.rsplit_once('\n') else { return Ok(None) };
    let last = lines.rsplit('\n').next().unwrap_or_default();
    let closed = chain::read(last).map(|(closed, _)| closed).filter(|closed| closed.intact);
    Ok(closed.map(|closed| (Chain { count: closed.seq, head: closed.hash }, torn.len())))
}
