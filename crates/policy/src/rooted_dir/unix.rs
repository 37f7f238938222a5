//! Folders by handle: every step is taken from the folder before it and refuses links.

use std::{ffi::OsStr, fs::File, io, os::fd::OwnedFd, path::Path};

use rustix::fs::{self, AtFlags, Mode, OFlags};

pub(super) type Handle = OwnedFd;

const STEP: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

pub(super) fn open(root: &Path) -> io::Result<Handle> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(fs::open(root, flags, Mode::empty())?)
}

pub(super) fn enter(folder: &Handle, name: &OsStr) -> io::Result<Handle> {
    Ok(fs::openat(folder, name, STEP, Mode::empty())?)
}

pub(super) fn make(folder: &Handle, name: &OsStr) -> io::Result<()> {
    Ok(fs::mkdirat(folder, name, Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH)?)
}

pub(super) fn read(folder: &Handle, name: &OsStr) -> io::Result<File> {
    // Without waiting: a pipe of that name must not hold us up.
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY | OFlags::NONBLOCK;
    Ok(File::from(fs::openat(folder, name, flags, Mode::empty())?))
}

pub(super) fn create(folder: &Handle, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    Ok(File::from(fs::openat(folder, name, flags, mode)?))
}

pub(super) fn has(folder: &Handle, name: &OsStr) -> io::Result<bool> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn rename(folder: &Handle, from: &OsStr, to: &OsStr) -> io::Result<()> {
    Ok(fs::renameat(folder, from, folder, to)?)
}

pub(super) fn rename_to_free(folder: &Handle, from: &OsStr, to: &OsStr) -> io::Result<()> {
    // A second name is given only where there is none, at once and for sure; a rename would replace.
    match fs::linkat(folder, from, folder, to, AtFlags::empty()) {
        Ok(()) => remove(folder, from),
        Err(rustix::io::Errno::PERM | rustix::io::Errno::NOTSUP | rustix::io::Errno::MLINK) => {
            if has(folder, to)? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            rename(folder, from, to)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn remove(folder: &Handle, name: &OsStr) -> io::Result<()> {
    Ok(fs::unlinkat(folder, name, AtFlags::empty())?)
}
