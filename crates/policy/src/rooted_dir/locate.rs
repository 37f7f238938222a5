//! Finds the operator's folder that a path lies in.

use std::{
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

/// A place below one of the roots, with all links resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The root, with all links resolved.
    pub root: PathBuf,
    /// The folders below it.
    pub folders: Vec<OsString>,
    /// The file's name.
    pub name: OsString,
}

impl Located {
    /// Returns the whole path.
    pub fn path(&self) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(&self.folders);
        path.join(&self.name)
    }
}

/// Locates an existing file with all links resolved, if it lies below one of `roots`.
pub fn locate(path: &Path, roots: &[PathBuf]) -> Option<Located> {
    below(&path.canonicalize().ok()?, roots)
}

/// Locates a file that need not exist, with all links resolved. Its folder need not exist either; a folder named with
/// `..` is refused, since what it means depends on what is there when.
pub fn locate_new(path: &Path, roots: &[PathBuf]) -> Option<Located> {
    if path.components().any(|part| matches!(part, Component::ParentDir | Component::CurDir)) {
        return None;
    }
    let name = path.file_name()?;
    let mut missing = Vec::new();
    let mut there = path.parent()?;
    let real = loop {
        match there.canonicalize() {
            Ok(real) => break real,
            // A link that leads nowhere would be followed once its end exists.
            Err(_) if there.is_symlink() => return None,
            Err(_) => missing.push(there.file_name()?.to_owned()),
        }
        there = there.parent()?;
    };
    let full: PathBuf = std::iter::once(real.into_os_string()).chain(missing.into_iter().rev()).collect();
    below(&full.join(name), roots)
}

fn below(real: &Path, roots: &[PathBuf]) -> Option<Located> {
    roots.iter().filter_map(|root| root.canonicalize().ok()).find_map(|root| {
        let rest = real.strip_prefix(&root).ok()?;
        let mut folders = Vec::new();
        for part in rest.components() {
            let Component::Normal(part) = part else { return None };
            folders.push(part.to_owned());
        }
        let name = folders.pop()?;
        Some(Located { root, folders, name })
    })
}
