//! An open log file: writes batches, rotates, and keeps the note of its end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{chain::Chain, location, record::Record};
use crate::config;

/// Rules for rotating a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rotation {
    pub(super) most_bytes: u64,
    pub(super) most_age: Duration,
    /// Records between two anchors.
    pub(super) anchor_every: u64,
    /// Bytes of the disk that the log leaves free.
    pub(super) least_free: u64,
}

impl Rotation {
    /// Reads the configured rules.
    pub(super) fn of(logging: &config::Logging) -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            most_bytes: logging.audit_rotate_mb.saturating_mul(MIB),
            most_age: Duration::from_secs(logging.audit_rotate_days.saturating_mul(24 * 60 * 60)),
            anchor_every: 1_000,
            least_free: logging.audit_free_mb.saturating_mul(MIB),
        }
    }
}

/// A log file that is open and locked, with the end of its chain.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    head: Option<File>,
    chain: Chain,
    bytes: u64,
    born: SystemTime,
}

impl LogFile {
    /// Takes a file that is open and locked; `torn` bytes of an unfinished line lie at its end.
    pub(super) fn new(path: PathBuf, file: File, chain: Chain, torn: usize) -> Self {
        let metadata = file.metadata().ok();
        let bytes = metadata.as_ref().map_or(0, std::fs::Metadata::len);
        let born = metadata.and_then(|metadata| metadata.created().ok()).unwrap_or_else(SystemTime::now);
        // A log that ends before its note was cut. Going on from the note keeps the gap visible for ever.
        let chain = noted(&path).filter(|noted| noted.count > chain.count).unwrap_or(chain);
        let head = open_head(&path).ok();
        let mut log = Self { path, file, head, chain, bytes, born };
        if torn > 0 {
            // The unfinished line stays as it is, as evidence; the next record says how long it is.
            let record = Record::new("audit", "recovered").field("torn_bytes", torn);
            let _ = log.file.write_all(b"\n").and_then(|()| log.write(&[record.into_open_line()]));
        }
        log
    }

    /// Path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails when the disk has less space left than [`Rotation::least_free`].
    pub(super) fn check_room(&self, least_free: u64) -> io::Result<()> {
        let Some(free) = free_bytes(&self.path).filter(|_| least_free > 0) else { return Ok(()) };
        if free >= least_free {
            return Ok(());
        }
        let (free, least) = (free >> 20, least_free >> 20);
        Err(io::Error::new(
            io::ErrorKind::StorageFull,
            format!("{free} MB are free on its disk; `logging.audit_free_mb` keeps {least} free"),
        ))
    }

    /// Appends a batch in one write. On failure the file is as before.
    pub(super) fn write<T: AsRef<str>>(&mut self, open_lines: &[T]) -> io::Result<()> {
        let mut chain = self.chain.clone();
        let text: String = open_lines.iter().map(|line| chain.close(line.as_ref())).collect();
        let before = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            // A full disk may have taken half a line.
            let _ = self.file.set_len(before);
            return Err(error);
        }
        self.bytes = before + text.len() as u64;
        self.chain = chain;
        self.note_head();
        Ok(())
    }

    /// Writes an anchor when one is due, and rotates when the file is large or old enough.
    pub(super) fn keep_up(&mut self, rotation: Rotation, written: u64) -> io::Result<()> {
        let before = self.chain.count.saturating_sub(written);
        if self.chain.count / rotation.anchor_every > before / rotation.anchor_every {
            self.anchor()?;
        }
        if self.bytes >= rotation.most_bytes || self.born.elapsed().is_ok_and(|age| age >= rotation.most_age)
        {
            self.rotate()?;
        }
        Ok(())
    }

    /// Writes a record of the chain's end, and repeats it in the diagnostic log, which others may keep.
    fn anchor(&mut self) -> io::Result<()> {
        let record = Record::new("audit", "anchor")
            .field("count", self.chain.count)
            .field("head", self.chain.head.as_str());
        tracing::info!(audit.count = self.chain.count, audit.head = %self.chain.head, "Audit anchor.");
        self.write(&[record.into_open_line()])?;
        self.file.sync_data()
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        let old = self.free_name(chrono::Utc::now())?;
        fs::rename(&self.path, &old)?;
        let file = location::create(&self.path)?;
        sync_folder(&self.path)?;
        self.file = file;
        self.bytes = 0;
        self.born = SystemTime::now();
        let name = old.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.write(&[Record::new("audit", "anchor").field("continues", name).into_open_line()])
    }

    /// Picks a dated name that is free: two rotations within a millisecond must not overwrite each other.
    fn free_name(&self, mut moment: chrono::DateTime<chrono::Utc>) -> io::Result<PathBuf> {
        loop {
            let name = location::with_infix(&self.path, &format!(".{}", moment.format("%Y%m%dT%H%M%S%3fZ")));
            if !name.try_exists()? {
                return Ok(name);
            }
            moment += chrono::TimeDelta::milliseconds(1);
        }
    }

    /// Notes the end of the log beside it: without this note a cut at the end could not be seen.
    fn note_head(&mut self) {
        let note = format!("{:020} {}\n", self.chain.count, self.chain.head);
        if let Some(head) = &mut self.head {
            let written = head.seek(SeekFrom::Start(0)).and_then(|_| head.write_all(note.as_bytes()));
            if let Err(error) = written {
                tracing::debug!(%error, "The end of the audit log could not be noted.");
            }
        }
    }
}

/// Reads the note of the log's end.
pub(super) fn noted(path: &Path) -> Option<Chain> {
    let note = fs::read_to_string(head_path(path)).ok()?;
    let (count, head) = note.trim_end().split_once(' ')?;
    let whole = head.len() == 64 && head.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then_some(())?;
    Some(Chain { count: count.parse().ok()?, head: head.to_owned() })
}

/// Path of the note, `audit.jsonl.head`.
pub(super) fn head_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".head");
    name.into()
}

fn open_head(path: &Path) -> io::Result<File> {
    let path = head_path(path);
    if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Free bytes on the disk of a file, for its owner.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
