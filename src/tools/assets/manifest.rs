//! The list of what was published, in the folder that it was published into.

use std::{
    ffi::OsStr,
    io::{self, Read as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::place::{Draft, trouble};
use comfywarden_error::{Error, JsonObject, Kind, Result};
use comfywarden_policy::rooted_dir::Folder;

/// The name of the list.
pub(super) const NAME: &str = "comfywarden-manifest.json";
/// The largest list that is read, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// One at a time: each entry is added to what the one before left.
static TURN: Mutex<()> = Mutex::new(());

/// Adds or replaces the entry of one file.
pub(super) fn note(root: &Path, relative: &str, entry: JsonObject) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut manifest = read(root)?;
    let files = manifest.entry("files").or_insert_with(|| json!({}));
    let Value::Object(files) = files else { return Err(foreign()) };
    files.insert(relative.to_owned(), Value::Object(entry));
    let mut text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Error::internal("the manifest cannot be written").source(error))?;
    text.push('\n');
    let write = || -> io::Result<()> {
        let mut draft = Draft::in_root(root, OsStr::new(NAME))?;
        draft.write(text.as_bytes())?;
        draft.finish(true)
    };
    write().map_err(|error| trouble(NAME, error))
}

/// The list so far. What is no list of ours is left alone.
pub(super) fn read(root: &Path) -> Result<JsonObject> {
    let open = || Folder::open(root)?.read(OsStr::new(NAME));
    let file = match open() {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(JsonObject::from_iter([
                ("version".to_owned(), json!(1)),
                ("files".to_owned(), json!({})),
            ]));
        }
        Err(error) => return Err(trouble(NAME, error)),
    };
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| trouble(NAME, error))?;
    match serde_json::from_slice(&text) {
        Ok(Value::Object(manifest)) if text.len() as u64 <= MAX_BYTES && manifest.contains_key("files") => {
            Ok(manifest)
        }
        _ => Err(foreign()),
    }
}

fn foreign() -> Error {
    Error::new(Kind::Conflict, format!("`{NAME}` in the folder is no manifest of comfywarden"))
        .hint("move that file away; it is not overwritten")
}
