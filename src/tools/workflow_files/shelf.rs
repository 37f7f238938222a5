//! The library: the readable workflows of a folder, kept until their files change.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;

use super::{
    entry::{Entry, Unusable, read_group},
    folder::{self, Group},
    listing::Listed,
    run,
};
use crate::tools::Tool;
use comfywarden_workflow::ObjectInfo;

/// Maximum number of tools; clients stop reading somewhere above a hundred.
const MAX_TOOLS: usize = 100;

/// The workflow files of one folder.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
    shelf: Mutex<Shelf>,
    listed: ArcSwap<Vec<Listed>>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Entries by stem.
    books: BTreeMap<String, Book>,
    passed_over: Vec<(String, String)>,
}

#[derive(Debug)]
struct Book {
    group: Group,
    entry: Option<Arc<Entry>>,
    wrong: Vec<Unusable>,
}

impl Library {
    /// The library of a folder, which need not exist. Nothing is read yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), shelf: Mutex::default(), listed: ArcSwap::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads what changed in the folder since the last look; true when something did. Blocks on the disk.
    ///
    /// `patient`: a file that cannot be read and was written a moment ago is left for the next look, since a copy may
    /// still be running.
    pub fn scan(&self, patient: bool) -> bool {
        let seen = folder::look(&self.folder);
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shelf.books.len();
        shelf.books.retain(|stem, _| seen.groups.contains_key(stem));
        let mut changed = before != shelf.books.len() || shelf.passed_over != seen.passed_over;
        for (stem, group) in seen.groups {
            if shelf.books.get(&stem).is_some_and(|book| book.group == group) {
                continue;
            }
            let (entry, wrong) = read_group(&self.folder, &stem, &group);
            if patient && !wrong.is_empty() && group.files.iter().any(folder::FileSeen::is_fresh) {
                continue;
            }
            shelf.books.insert(stem, Book { group, entry: entry.map(Arc::new), wrong });
            changed = true;
        }
        shelf.passed_over = seen.passed_over;
        changed
    }

    /// True when no file could become a tool.
    pub fn is_empty(&self) -> bool {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.books.values().all(|book| book.entry.is_none())
    }

    /// Lists every file, and why some are no tool, as of the last [`Self::tools`].
    pub fn listed(&self) -> Arc<Vec<Listed>> {
        self.listed.load_full()
    }

    /// The tools of what was read. With the catalogue they have types, ranges and lists of this server, and a workflow
    /// that it cannot run is none.
    pub fn tools(&self, object_info: Option<&ObjectInfo>) -> Vec<Tool> {
        let (mut tools, mut listed) = (Vec::new(), Vec::new());
        let mut names: HashMap<String, String> = HashMap::new();
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        for book in shelf.books.values() {
            if let Some(entry) = &book.entry {
                let offered = match names.get(&entry.tool) {
                    Some(other) => Err(taken(entry, other)),
                    None if tools.len() == MAX_TOOLS => Err(too_many(entry)),
                    None => run::offer(entry, object_info).map_err(|error| Unusable::of(&entry.file, &error)),
                };
                match offered {
                    Ok((tool, line)) => {
                        names.insert(entry.tool.clone(), entry.file.clone());
                        tools.push(tool);
                        listed.push(line);
                    }
                    Err(unusable) => listed.push(problem(&unusable)),
                }
            }
            listed.extend(book.wrong.iter().map(problem));
        }
        listed.extend(shelf.passed_over.iter().map(|(file, reason)| {
            problem(&Unusable { file: file.clone(), reason: reason.clone(), hint: None })
        }));
        drop(shelf);
        self.listed.store(Arc::new(listed));
        tools
    }
}

fn taken(entry: &Entry, other: &str) -> Unusable {
    Unusable {
        file: entry.file.clone(),
        reason: format!("the name {} is taken by {other}", entry.tool),
        hint: Some("rename one of the two".to_owned()),
    }
}

fn too_many(entry: &Entry) -> Unusable {
    Unusable {
        file: entry.file.clone(),
        reason: format!("there are {MAX_TOOLS} workflow tools already"),
        hint: Some("move the ones that are not needed to another folder".to_owned()),
    }
}

fn problem(unusable: &Unusable) -> Listed {
    Listed {
        file: comfywarden_policy::display::sanitize(&unusable.file).into_owned(),
        tool: None,
        description: String::new(),
        format: "",
        parameters: Vec::new(),
        problem: Some(comfywarden_policy::display::sanitize(&unusable.reason).into_owned()),
        hint: unusable.hint.clone(),
        notes: Vec::new(),
    }
}
