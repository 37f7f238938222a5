//! Writes new files whole, never over a file that is already there.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use comfywarden_error::{Error, Result};
use tempfile::NamedTempFile;

/// Names that are tried before the folder is called full.
const MAX_TRIES: u32 = 1000;

/// Checks, before anything is generated, that the file can be written; a file is made in its folder and removed again.
pub(super) fn check(wanted: &Path) -> Result<()> {
    if wanted.is_dir() || wanted.file_name().is_none() {
        return Err(refused(wanted, "it is a folder"));
    }
    let folder = folder_of(wanted);
    if !folder.is_dir() {
        return Err(refused(wanted, "its folder does not exist"));
    }
    temporary(folder).map(drop).map_err(|error| refused(wanted, &error.to_string()))
}

/// Makes the folder where it is missing, and checks that files can be written into it.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let made = std::fs::create_dir_all(folder).and_then(|()| temporary(folder).map(drop));
    made.map_err(|error| {
        Error::invalid_input(format!("{} cannot be written: {error}", folder.display()))
            .hint("name another folder with --out")
    })
}

/// Writes the bytes to `wanted`, or beside it under a free name; nobody ever sees half a file.
pub(super) fn write(wanted: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let failed = |error: std::io::Error| refused(wanted, &error.to_string()).source(error);
    let mut file = temporary(folder_of(wanted)).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    for number in 1..=MAX_TRIES {
        let path = numbered(wanted, number);
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(failed(error.error)),
        }
    }
    Err(Error::invalid_input(format!("{MAX_TRIES} files lie beside {} already", wanted.display()))
        .hint("name another one with --out"))
}

fn refused(wanted: &Path, why: &str) -> Error {
    Error::invalid_input(format!("{} cannot be written: {why}", wanted.display()))
        .hint("name another file with --out")
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file with the usual rights of the user's files, which is removed unless it gets a name.
fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".comfywarden-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn numbered(file: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return file.to_owned();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = match file.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_cannot_be_written_is_refused_before_anything_is_generated() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path()).is_err());
        assert!(check(&folder.path().join("missing").join("apple.png")).is_err());
        assert!(check(&folder.path().join("apple.png")).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the trial leaves nothing behind");
    }

    #[test]
    fn file_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("apple.png");
        std::fs::write(&wanted, b"mine").unwrap();

        let saved = write(&wanted, b"picture").unwrap();

        assert_eq!(saved, folder.path().join("apple-2.png"));
        assert_eq!(std::fs::read(&wanted).unwrap(), b"mine");
        assert_eq!(std::fs::read(&saved).unwrap(), b"picture");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn folder_that_is_missing_is_named() {
        let error = write(Path::new("/nowhere/at/all.png"), b"").unwrap_err();
        assert!(error.message().starts_with("/nowhere/at/all.png cannot be written"), "{error}");
    }
}
