//! One folder, held open.

use std::{ffi::OsStr, fs::File, io, path::Path};

#[cfg(not(unix))]
use super::plain as system;
#[cfg(unix)]
use super::unix as system;

/// An open folder. Names are single components; a link among them is an error and never followed.
#[derive(Debug)]
pub struct Folder(system::Handle);

impl Folder {
    /// Opens one of the operator's own folders; links on the way to it are followed.
    pub fn open(root: &Path) -> io::Result<Self> {
        system::open(root).map(Self)
    }

    /// Opens the folder of this name inside it.
    pub fn enter(&self, name: &OsStr) -> io::Result<Self> {
        system::enter(&self.0, single(name)?).map(Self)
    }

    /// Opens the folder of this name inside it, and makes it first where it is missing.
    pub fn make(&self, name: &OsStr) -> io::Result<Self> {
        match system::make(&self.0, single(name)?) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.enter(name),
        }
    }

    /// Opens an existing regular file to read.
    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        let file = system::read(&self.0, single(name)?)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
    }

    /// Creates a new file to write. It is an error when the name is taken, by a link too.
    pub fn create(&self, name: &OsStr) -> io::Result<File> {
        system::create(&self.0, single(name)?)
    }

    /// True when the name is taken, by a file, a folder or a link.
    pub fn has(&self, name: &OsStr) -> io::Result<bool> {
        system::has(&self.0, single(name)?)
    }

    /// Gives a file its final name. A file, or link, that has the name already is replaced only on `replace`.
    pub fn rename(&self, from: &OsStr, to: &OsStr, replace: bool) -> io::Result<()> {
        let (from, to) = (single(from)?, single(to)?);
        if replace { system::rename(&self.0, from, to) } else { system::rename_to_free(&self.0, from, to) }
    }

    /// Removes a file.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        system::remove(&self.0, single(name)?)
    }
}

/// Accepts a name that cannot lead elsewhere.
fn single(name: &OsStr) -> io::Result<&OsStr> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(std::path::Component::Normal(part)), None) if part == name => Ok(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a single name")),
    }
}
