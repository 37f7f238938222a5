//! Target of a published file, and writing it there in one step.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::{
    path::{OutputName, Subfolder},
    rooted_dir::{Folder, Located, locate_new},
};

/// A place below one of the operator's folders.
#[derive(Debug, Clone)]
pub(super) struct PublishTarget {
    located: Located,
    /// Below the root, with `/`.
    pub(super) relative: String,
}

impl PublishTarget {
    /// The place that `target` means: absolute, or below the first root; a folder gets the file `name`.
    pub(super) fn find(target: Option<&str>, name: &str, roots: &[PathBuf]) -> Result<Self> {
        let Some(first) = roots.first() else {
            return Err(Error::denied("nothing can be published: the operator has opened no folder for it")
                .hint("the operator lists folders in files.publish_roots"));
        };
        let target = target.unwrap_or_default();
        let given = Path::new(target);
        let mut path = if given.is_absolute() { given.to_owned() } else { first.join(given) };
        if target.is_empty() || target.ends_with(['/', '\\']) || path.is_dir() {
            path.push(name);
        }
        let refused = || {
            Error::denied(format!("`target`: `{target}` is not inside files.publish_roots"))
                .hint("give a path below one of the operator's folders, without `..`, or leave it out")
        };
        let located = locate_new(&path, roots).ok_or_else(refused)?;
        let text = |part: &OsString| part.to_str().map(str::to_owned).ok_or_else(refused);
        let folders = located.folders.iter().map(text).collect::<Result<Vec<_>>>()?.join("/");
        let name = text(&located.name)?;
        // The same rules as for names that go to ComfyUI: nothing hidden, no odd devices, a known extension.
        Subfolder::parse(&folders)?;
        OutputName::parse(&name)?;
        let relative = if folders.is_empty() { name } else { format!("{folders}/{name}") };
        Ok(Self { located, relative })
    }

    /// The whole path, for the answer to a caller on this machine.
    pub(super) fn path(&self) -> PathBuf {
        self.located.path()
    }

    /// The root it lies below.
    pub(super) fn root(&self) -> &Path {
        &self.located.root
    }

    /// The extension of its name.
    pub(super) fn extension(&self) -> Option<&str> {
        self.located.name.to_str()?.rsplit_once('.').map(|(_, extension)| extension)
    }

    /// True when there is something already.
    pub(super) fn is_taken(&self) -> Result<bool> {
        let mut folder = Folder::open(&self.located.root).map_err(|error| self.trouble(error))?;
        for name in &self.located.folders {
            folder = match folder.enter(name) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(self.trouble(error)),
            };
        }
        folder.has(&self.located.name).map_err(|error| self.trouble(error))
    }

    /// A file beside the place that takes its name when it is complete.
    pub(super) fn begin(&self) -> Result<Draft> {
        let opened = Folder::open(&self.located.root);
        let folder =
            self.located.folders.iter().try_fold(opened.map_err(|e| self.trouble(e))?, |at, name| {
                at.make(name).map_err(|error| self.trouble(error))
            })?;
        Draft::new(folder, self.located.name.clone()).map_err(|error| self.trouble(error))
    }

    fn trouble(&self, error: io::Error) -> Error {
        trouble(&self.relative, error)
    }
}

/// Translates a failure to write for the caller.
pub(super) fn trouble(what: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Error::new(Kind::Conflict, format!("`{what}` exists already"))
            .hint("choose another target, or set overwrite to replace it"),
        _ => Error::new(Kind::Denied, format!("`{what}` cannot be written"))
            .hint("see whether the folder may be written to, has no links in it, and the disk has room")
            .source(error),
    }
}

/// A file that is not there yet. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Draft {
    folder: Folder,
    temporary: OsString,
    name: OsString,
    file: Option<File>,
}

impl Draft {
    fn new(folder: Folder, name: OsString) -> io::Result<Self> {
        let temporary = OsString::from(format!(".comfywarden-{}.tmp", uuid::Uuid::new_v4().simple()));
        let file = folder.create(&temporary)?;
        Ok(Self { folder, temporary, name, file: Some(file) })
    }

    /// A draft for `name` directly in a root.
    pub(super) fn in_root(root: &Path, name: &OsStr) -> io::Result<Self> {
        Self::new(Folder::open(root)?, name.to_owned())
    }

    /// A handle to write with.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.as_ref().ok_or(io::ErrorKind::NotFound)?.try_clone()
    }

    /// Writes everything.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.handle()?.write_all(bytes)
    }

    /// Gives the file its name; one that has it already is replaced only on `replace`.
    pub(super) fn finish(mut self, replace: bool) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_all()?;
        }
        let moved = self.folder.rename(&self.temporary, &self.name, replace);
        if moved.is_ok() {
            self.temporary.clear();
        }
        moved
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.temporary.is_empty() {
            self.folder.remove(&self.temporary).ok();
        }
    }
}
