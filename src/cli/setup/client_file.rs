//! Reads and replaces a client's file: the old one is kept beside it, and nobody ever sees half a file.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comfywarden_error::{Error, Kind, Result};

/// The largest file in bytes; a larger one is no configuration.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The most backups beside one file; more would be a fault of this program.
const MAX_BACKUPS: u32 = 99;

/// A client's configuration file as it was read.
#[derive(Debug)]
pub(super) struct ClientFile {
    /// Its path, links followed.
    pub(super) path: PathBuf,
    /// Its text, if it is there.
    pub(super) text: Option<String>,
}

/// Reads the file, if it is there.
pub(super) fn read(path: &Path) -> Result<ClientFile> {
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            return Ok(ClientFile { path: path.to_owned(), text: None });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("{} is a link that leads nowhere", path.display());
            return Err(
                Error::new(Kind::Conflict, message).hint("repair or remove the link; nothing was changed")
            );
        }
        Err(error) => return Err(unreadable(path, &error)),
    };
    let size = fs::metadata(&real).map_err(|error| unreadable(path, &error))?.len();
    if size > MAX_BYTES {
        return Err(Error::invalid_input(format!("{} is larger than 64 MiB", path.display())));
    }
    let bytes = fs::read(&real).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::invalid_input(format!("{} is not UTF-8 text", path.display()))
            .hint("repair the file first; nothing was changed")
    })?;
    Ok(ClientFile { path: real, text: Some(text) })
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(Kind::Conflict, format!("{} cannot be read: {error}", path.display()))
}

/// Replaces the file by one with `text`, and returns the path of the backup.
pub(super) fn replace(file: &ClientFile, text: &str) -> Result<Option<PathBuf>> {
    let path = &file.path;
    let failed = |error: io::Error| {
        Error::new(Kind::Conflict, format!("{} cannot be written: {error}", path.display()))
            .hint("nothing was changed; --dry-run shows what to write by hand")
    };
    // A new file in its place would also go where the old one may not be written, which somebody meant.
    if file.text.is_some() {
        let open = fs::OpenOptions::new().append(true).open(path).map_err(failed)?;
        if open.metadata().map_err(failed)?.permissions().readonly() {
            return Err(failed(io::Error::other("it is read-only")));
        }
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let backup = match &file.text {
        Some(old) => Some(back_up(path, old).map_err(failed)?),
        None => None,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.comfywarden-{}", std::process::id()));
    let written = write_temporary(&temporary, text, path).and_then(|()| {
        if fs::read_to_string(path).ok() == file.text {
            return fs::rename(&temporary, path);
        }
        Err(io::Error::other("another program changed it in the meantime; try again"))
    });
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(failed(error));
    }
    Ok(backup)
}

/// Writes a new file with the rights of the one that it will replace, and waits until it is on the disk.
fn write_temporary(temporary: &Path, text: &str, model: &Path) -> io::Result<()> {
    let mut file = create_private(temporary)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(model) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()
}

/// Creates a file that only its owner may read, from its first moment: such files hold tokens of other servers.
fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a copy beside the file, under a name that is free.
fn back_up(path: &Path, old: &str) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=MAX_BACKUPS {
        let ending = if number == 1 { String::new() } else { format!("-{number}") };
        let copy = path.with_file_name(format!("{name}.comfywarden-backup{ending}"));
        match create_private(&copy) {
            Ok(mut file) => {
                file.write_all(old.as_bytes())?;
                return Ok(copy);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many backups beside it; remove some"))
}
