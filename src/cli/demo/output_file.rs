//! Writes the picture, never over a file that is already there.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use comfywarden_error::{Error, Result};

const DEFAULT_NAME: &str = "comfywarden-demo.png";
/// Names that are tried before the folder is called full.
const MAX_TRIES: u32 = 1000;

/// Checks, before anything is generated, that the picture can be written.
pub(super) fn check(wanted: Option<&Path>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let refuse = |why: &str| {
        let message = format!("{} cannot be written: {why}", wanted.display());
        Err(Error::invalid_input(message).hint("name another file with --out"))
    };
    if wanted.is_dir() || wanted.file_name().is_none() {
        return refuse("it is a folder");
    }
    match wanted.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            refuse("its folder does not exist")
        }
        _ => Ok(()),
    }
}

/// Writes the picture to `wanted`, or beside it under a free name.
pub(super) fn save(wanted: Option<&Path>, bytes: &[u8]) -> Result<PathBuf> {
    let wanted = wanted.unwrap_or(Path::new(DEFAULT_NAME));
    let refused = |error: std::io::Error| {
        Error::invalid_input(format!("{} cannot be written: {error}", wanted.display()))
            .hint("name another file with --out")
            .source(error)
    };
    for number in 1..=MAX_TRIES {
        let file = numbered(wanted, number);
        match OpenOptions::new().write(true).create_new(true).open(&file) {
            Ok(mut opened) => {
                opened.write_all(bytes).map_err(refused)?;
                return Ok(file);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refused(error)),
        }
    }
    Err(Error::invalid_input(format!("{MAX_TRIES} pictures lie beside {} already", wanted.display()))
        .hint("name another file with --out"))
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
    fn path_that_cannot_be_written_is_refused_before_anything_is_painted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(Some(folder.path())).is_err());
        assert!(check(Some(&folder.path().join("missing").join("apple.png"))).is_err());
        assert!(check(Some(&folder.path().join("apple.png"))).is_ok());
        assert!(check(Some(Path::new("apple.png"))).is_ok() && check(None).is_ok());
    }

    #[test]
    fn file_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("apple.png");
        std::fs::write(&wanted, b"mine").unwrap();

        let saved = save(Some(&wanted), b"picture").unwrap();

        assert_eq!(saved, folder.path().join("apple-2.png"));
        assert_eq!(std::fs::read(&wanted).unwrap(), b"mine");
        assert_eq!(std::fs::read(&saved).unwrap(), b"picture");
    }

    #[test]
    fn folder_that_is_missing_is_named() {
        let error = save(Some(Path::new("/nowhere/at/all.png")), b"").unwrap_err();
        assert!(error.message().starts_with("/nowhere/at/all.png cannot be written"), "{error}");
    }
}
