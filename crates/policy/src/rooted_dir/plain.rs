//! Folders by path, for systems without handles to them: links are looked for before every step.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

pub(super) type Handle = PathBuf;

pub(super) fn open(root: &Path) -> io::Result<Handle> {
    root.canonicalize()
}

fn no_link(path: PathBuf) -> io::Result<PathBuf> {
    if fs::symlink_metadata(&path)?.is_symlink() { Err(io::Error::other("it is a link")) } else { Ok(path) }
}

pub(super) fn enter(folder: &Handle, name: &OsStr) -> io::Result<Handle> {
    let path = no_link(folder.join(name))?;
    if path.is_dir() { Ok(path) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

pub(super) fn make(folder: &Handle, name: &OsStr) -> io::Result<()> {
    fs::create_dir(folder.join(name))
}

pub(super) fn read(folder: &Handle, name: &OsStr) -> io::Result<File> {
    File::open(no_link(folder.join(name))?)
}

pub(super) fn create(folder: &Handle, name: &OsStr) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(folder.join(name))
}

pub(super) fn has(folder: &Handle, name: &OsStr) -> io::Result<bool> {
    match fs::symlink_metadata(folder.join(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn rename(folder: &Handle, from: &OsStr, to: &OsStr) -> io::Result<()> {
    fs::rename(folder.join(from), folder.join(to))
}

pub(super) fn rename_to_free(folder: &Handle, from: &OsStr, to: &OsStr) -> io::Result<()> {
    fs::hard_link(folder.join(from), folder.join(to))?;
    remove(folder, from)
}

pub(super) fn remove(folder: &Handle, name: &OsStr) -> io::Result<()> {
    fs::remove_file(folder.join(name))
}
