//! Section `files`: folders and hosts that tools may name.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Folders and hosts that tools may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Absolute folders from which files may be uploaded by path.
    pub allowed_roots: Vec<PathBuf>,
    /// Absolute folders into which pictures may be published.
    pub publish_roots: Vec<PathBuf>,
    /// Hosts besides ComfyUI's own that links may name.
    #[schemars(inner(length(min = 1, max = 253)))]
    pub url_hosts: Vec<String>,
    /// The program that draws films and sounds: a name to look for, an absolute path, or empty for none.
    #[schemars(length(max = 1024))]
    pub ffmpeg: String,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            allowed_roots: Vec::new(),
            publish_roots: Vec::new(),
            url_hosts: Vec::new(),
            ffmpeg: "ffmpeg".to_owned(),
        }
    }
}

impl Files {
    /// Finds [`ffmpeg`](Self::ffmpeg) on the `PATH`; `None` when there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "configuration reads the environment; PATH says where programs are"
    )]
    pub fn find_ffmpeg(&self) -> Option<PathBuf> {
        let named = Path::new(&self.ffmpeg);
        if named.is_absolute() {
            return named.is_file().then(|| named.to_owned());
        }
        if self.ffmpeg.is_empty() || named.components().count() != 1 {
            return None;
        }
        let name = format!("{}{}", self.ffmpeg, std::env::consts::EXE_SUFFIX);
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|program| program.is_file())
    }
}
