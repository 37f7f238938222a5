//! The files of the repository that people and models read.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The repository.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
pub(super) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A JSON file of the repository.
pub(super) fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below `folder` with this extension, relative to the repository, in order.
pub(super) fn below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join(folder), extension, &mut found);
    let mut found: Vec<PathBuf> =
        found.into_iter().filter_map(|path| Some(path.strip_prefix(root()).ok()?.to_owned())).collect();
    found.sort();
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
}

/// Every document: skills, README, docs, the files of the hosting site.
pub(super) fn documents() -> Vec<PathBuf> {
    let top = ["README.md", "CHANGELOG.md"].map(PathBuf::from);
    let folders = ["skills", "docs", ".github", "evals"];
    top.into_iter().chain(folders.iter().flat_map(|folder| below(folder, "md"))).collect()
}

/// The insides of code: blocks between fences and spans between backticks.
pub(super) fn code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 1 {
            found.push(part.to_owned());
        } else {
            found.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}
