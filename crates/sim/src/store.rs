//! The files of `input`, `output` and `temp`, kept in memory.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::body::Bytes;

/// All files together take at most this; the oldest go first.
const MAX_BYTES: usize = 128 << 20;
/// There are at most this many files; the oldest go first.
const MAX_FILES: usize = 10_000;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) bytes: Bytes,
    pub(super) modified: SystemTime,
    written: u64,
}

impl File {
    /// The entity tag as aiohttp writes it: time in nanoseconds and size, both in hexadecimal.
    pub(super) fn etag(&self) -> String {
        let nanos = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        format!("\"{nanos:x}-{:x}\"", self.bytes.len())
    }
}

type Key = (String, String, String);

/// The files of one server by kind, subfolder and name.
#[derive(Debug, Default)]
pub(super) struct FileStore {
    files: BTreeMap<Key, Arc<File>>,
    /// Keys in the order of writing, for eviction.
    by_age: BTreeMap<u64, Key>,
    bytes: usize,
    next: u64,
}

impl FileStore {
    /// The state of a fresh installation: one example picture.
    pub(super) fn seeded() -> Self {
        let mut store = Self::default();
        if let Some(example) = super::paint::example_picture() {
            store.put("input", "", "example.png", example);
        }
        store
    }

    pub(super) fn put(&mut self, kind: &str, subfolder: &str, name: &str, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.bytes += bytes.len();
        self.next += 1;
        let file = File { bytes, modified: SystemTime::now(), written: self.next };
        let key = (kind.to_owned(), subfolder.to_owned(), name.to_owned());
        self.by_age.insert(self.next, key.clone());
        if let Some(before) = self.files.insert(key, Arc::new(file)) {
            self.bytes -= before.bytes.len();
            self.by_age.remove(&before.written);
        }
        while (self.bytes > MAX_BYTES || self.files.len() > MAX_FILES) && self.files.len() > 1 {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            let Some(gone) = self.files.remove(&oldest) else { break };
            self.bytes -= gone.bytes.len();
        }
    }

    pub(super) fn get(&self, kind: &str, subfolder: &str, name: &str) -> Option<Arc<File>> {
        self.files.get(&(kind.to_owned(), subfolder.to_owned(), name.to_owned())).cloned()
    }

    /// True when a folder of this name holds something, directly or deeper.
    pub(super) fn has_folder(&self, kind: &str, subfolder: &str) -> bool {
        subfolder.is_empty()
            || self.files.keys().any(|(other, folder, _)| {
                other == kind
                    && folder
                        .strip_prefix(subfolder)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }

    /// The file names in one folder.
    pub(super) fn names<'a>(&'a self, kind: &'a str, subfolder: &'a str) -> impl Iterator<Item = &'a str> {
        self.files
            .keys()
            .filter(move |(other, folder, _)| other == kind && folder == subfolder)
            .map(|(_, _, name)| name.as_str())
    }

    /// The number for the next file with this prefix, as ComfyUI counts: one above the highest there is.
    pub(super) fn next_counter(&self, kind: &str, subfolder: &str, prefix: &str) -> u64 {
        let counter = |name: &str| {
            let digits = name.strip_prefix(prefix)?.strip_prefix('_')?.split('_').next()?;
            digits.parse::<u64>().ok()
        };
        // Only the names with this prefix are looked at: the folder may hold thousands.
        let key = |name: String| (kind.to_owned(), subfolder.to_owned(), name);
        let numbered = self.files.range(key(format!("{prefix}_"))..key(format!("{prefix}`")));
        let highest = numbered.filter_map(|((_, _, name), _)| counter(name)).max();
        highest.map_or(1, |highest| highest + 1)
    }

    /// Lists the choices of a loader: the files of `input` that look right, or all of `output`.
    pub(super) fn choices(&self, kind: &str) -> Vec<String> {
        let extensions: &[&str] = match kind {
            "audio" => &["wav", "mp3", "flac", "ogg", "opus", "m4a"],
            "video" => &["mp4", "webm", "mkv", "mov", "gif"],
            "latents" => &["latent"],
            "3d" => &["glb", "gltf", "obj", "fbx", "stl"],
            _ => &["png", "jpg", "jpeg", "webp", "gif", "bmp"],
        };
        let folder = if kind == "output" { "output" } else { "input" };
        let fits = |name: &&str| {
            name.rsplit_once('.')
                .is_some_and(|(_, end)| extensions.contains(&end.to_ascii_lowercase().as_str()))
        };
        self.names(folder, "").filter(fits).map(str::to_owned).collect()
    }

    /// Empties one kind, as ComfyUI does with `temp` when it starts.
    pub(super) fn clear(&mut self, kind: &str) {
        self.files.retain(|(other, _, _), _| other != kind);
        self.by_age.retain(|_, (other, _, _)| other != kind);
        self.bytes = self.files.values().map(|file| file.bytes.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_go_when_there_are_too_many_or_too_large_ones() {
        let mut store = FileStore::default();
        for number in 0..=MAX_FILES {
            store.put("output", "", &format!("sim_{number:05}_.png"), vec![0]);
        }
        assert_eq!((store.files.len(), store.by_age.len()), (MAX_FILES, MAX_FILES));
        assert!(store.get("output", "", "sim_00000_.png").is_none());
        assert!(store.get("output", "", "sim_00001_.png").is_some());
        store.put("output", "", "whole.png", vec![0; MAX_BYTES]);
        assert_eq!((store.files.len(), store.by_age.len(), store.bytes), (1, 1, MAX_BYTES));
    }

    #[test]
    fn a_counter_is_one_above_the_highest_of_its_prefix() {
        let mut store = FileStore::default();
        for name in ["sim_00009_.png", "sim_100000_.png", "sim_odd.png", "simple_00042_.png", "sim.png"] {
            store.put("output", "", name, vec![0]);
        }
        assert_eq!(store.next_counter("output", "", "sim"), 100_001);
        assert_eq!(store.next_counter("output", "", "simple"), 43);
        assert_eq!(store.next_counter("output", "sub", "sim"), 1);
    }
}
