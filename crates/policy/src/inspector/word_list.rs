//! Word lists of the inspector: the files under `lists/`, one entry a line, `#` for remarks; each is read once.

use std::sync::OnceLock;

/// A set with a hash that is fast on short keys, seeded at random for each process.
type Set = std::collections::HashSet<&'static str, foldhash::fast::RandomState>;

/// The entries of one file.
#[derive(Debug)]
pub(super) struct WordList {
    text: &'static str,
    words: OnceLock<Set>,
}

impl WordList {
    /// Declares a list from the text of its file.
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, words: OnceLock::new() }
    }

    /// Lists the entries in the order of the file.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'static str> + use<> {
        entries(self.text)
    }

    /// True for an entry, spelled exactly like this.
    pub(super) fn contains(&self, word: &str) -> bool {
        self.words.get_or_init(|| self.entries().collect()).contains(word)
    }

    /// True for an entry of a list in lower case, in whatever case it is given.
    pub(super) fn contains_in_any_case(&self, word: &[u8]) -> bool {
        std::str::from_utf8(word).is_ok_and(|word| self.contains(&word.to_ascii_lowercase()))
    }
}

/// Lists the lines of a file that are neither empty nor remarks.
pub(super) fn entries(text: &'static str) -> impl Iterator<Item = &'static str> + use<> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        path::{Path, PathBuf},
    };

    use super::*;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_list_has_entries_none_twice_and_none_with_stray_blanks() {
        let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inspector/lists"));
        assert!(files.len() > 30, "{files:?}");
        for file in files {
            let text: &'static str = std::fs::read_to_string(&file).unwrap().leak();
            let words: Vec<&str> = entries(text).collect();
            let different: HashSet<&&str> = words.iter().collect();
            assert!(!words.is_empty() && different.len() == words.len(), "{}", file.display());
            assert!(words.iter().all(|word| word.trim() == *word), "{}", file.display());
        }
    }

    #[test]
    fn remarks_are_no_entries() {
        static LIST: WordList = WordList::new("# a remark\none\n\ntwo words\n");
        assert!(LIST.contains("one") && LIST.contains("two words") && !LIST.contains("# a remark"));
        assert!(LIST.contains_in_any_case(b"ONE") && !LIST.contains("ONE") && !LIST.contains(""));
    }
}
