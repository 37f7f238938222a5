//! Facts about names and classes: worked out once, and remembered between inspections.
//!
//! A graph repeats few names many times, and so do graphs. What is remembered depends on the name alone (and on the
//! lists of the configuration); what the server says about a class is asked anew in each inspection.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use arc_swap::ArcSwap;

use super::{
    class_name,
    classes::{self, Lists, Origin},
    inputs::{NameFacts, Purpose, encodes_text, loads, loads_pictures, shows_text},
    knowledge::Knowledge,
    names, replacements,
};
use comfywarden_workflow::object_info::InputSpec;

/// The most names and the most classes that are remembered.
const MAX_REMEMBERED: usize = 4_096;
/// The longest name that is remembered.
const MAX: usize = 64;
/// The most bytes of text that links put together, and the most that are read where links bring them.
const MAX_FOLLOWED: usize = 16 << 20;

/// A map with a hash that is fast on short keys, seeded at random for each process.
pub(super) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// Types of links: by node, then by input.
pub(super) type LinkTypes = std::collections::HashMap<String, std::collections::HashMap<String, String>>;

/// The facts that a class name tells by itself.
#[derive(Debug, Clone, Copy)]
struct ClassNameFacts {
    encodes: bool,
    shows: bool,
    passes: bool,
    loads: bool,
    loads_pictures: bool,
    repeats: bool,
    subgraph: bool,
    /// It looks like another name.
    disguised: bool,
    /// On the list of dangerous classes.
    listed: bool,
    /// Its name says that it runs code or moves things.
    sounds_dangerous: bool,
}

impl ClassNameFacts {
    fn read(class: &str, lists: &Lists) -> Self {
        Self {
            encodes: encodes_text(class),
            shows: shows_text(class),
            passes: passes_text(class),
            loads: loads(class),
            loads_pictures: loads_pictures(class),
            repeats: ["Repeat", "Batch", "Loop"].iter().any(|word| class.contains(word)),
            subgraph: is_subgraph(class),
            disguised: class_name::is_disguised(class),
            listed: lists.names_dangerous(class),
            sounds_dangerous: names::sounds_dangerous(class),
        }
    }
}

/// The facts about a class in this inspection.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClassFacts {
    pub(super) origin: Origin,
    /// Turns words into conditioning and does nothing else with them.
    pub(super) encodes: bool,
    /// Shows a value to people.
    pub(super) shows: bool,
    /// Hands text on.
    pub(super) passes: bool,
    /// Reads a file named in an input.
    pub(super) loads: bool,
    /// The files that it reads are pictures.
    pub(super) loads_pictures: bool,
    /// The server says that it takes files that the editor recorded or uploaded.
    pub(super) uploads: bool,
    /// Makes many of one.
    pub(super) repeats: bool,
    /// Stands for a graph that the server does not know.
    pub(super) subgraph: bool,
    /// No rule has anything to say about the class itself.
    pub(super) plain: bool,
}

impl ClassFacts {
    /// True for ComfyUI's own classes that make text of text.
    pub(super) fn is_about_text(self) -> bool {
        self.origin == Origin::Core && self.passes
    }
}

/// The facts that inspections remember.
#[derive(Debug, Default, Clone)]
struct Remembered {
    names: Map<Box<str>, NameFacts>,
    classes: Map<Box<str>, ClassNameFacts>,
}

/// The facts that an inspector remembers, shared by all its inspections.
#[derive(Debug, Default)]
pub(super) struct FactCache(ArcSwap<Remembered>);

/// One inspection's access to the facts about names and classes.
pub(super) struct Facts<'a> {
    pub(super) lists: &'a Lists,
    pub(super) knowledge: Knowledge<'a>,
    pub(super) enforce: bool,
    memory: &'a FactCache,
    known: Arc<Remembered>,
    learned: RefCell<Remembered>,
    classes: RefCell<Map<Box<str>, ClassFacts>>,
    followed: Cell<usize>,
    /// Types of links by node and input, where a file of the editor tells them.
    link_types: Option<&'a LinkTypes>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        memory: &'a FactCache,
        lists: &'a Lists,
        knowledge: Knowledge<'a>,
        enforce: bool,
    ) -> Self {
        Self {
            lists,
            knowledge,
            enforce,
            memory,
            known: memory.0.load_full(),
            learned: RefCell::default(),
            classes: RefCell::default(),
            followed: Cell::default(),
            link_types: None,
        }
    }

    /// Adds the types of links that a file of the editor tells.
    pub(super) fn with_link_types(mut self, link_types: &'a LinkTypes) -> Self {
        self.link_types = Some(link_types);
        self
    }

    /// Returns the type of the link to an input, where a file of the editor tells it.
    pub(super) fn link_type(&self, node: &str, input: &str) -> Option<&'a str> {
        self.link_types?.get(node)?.get(input).map(String::as_str)
    }

    /// Returns the type of an output, where the catalogue tells it.
    pub(super) fn output_type(&self, class: &str, slot: usize) -> Option<&'a str> {
        let output = self.knowledge.object_info?.get(class)?.outputs.get(slot)?;
        Some(output.ty.as_str())
    }

    /// Counts text that is followed over links. False when the graph has used up its share.
    pub(super) fn pay(&self, bytes: usize) -> bool {
        self.followed.set(self.followed.get().saturating_add(bytes));
        self.followed.get() <= MAX_FOLLOWED
    }

    /// True when some text was not followed, because there was too much of it.
    pub(super) fn is_spent(&self) -> bool {
        self.followed.get() > MAX_FOLLOWED
    }

    /// Reads a name.
    pub(super) fn name(&self, name: &str) -> NameFacts {
        if let Some(known) = self.known.names.get(name) {
            return *known;
        }
        if let Some(known) = self.learned.borrow().names.get(name) {
            return *known;
        }
        let read = NameFacts::read(name);
        self.learned.borrow_mut().names.insert(name.into(), read);
        read
    }

    /// Reads a class.
    pub(super) fn class(&self, class: &str) -> ClassFacts {
        if let Some(known) = self.classes.borrow().get(class) {
            return *known;
        }
        let name = self.known.classes.get(class).copied().unwrap_or_else(|| {
            let read = ClassNameFacts::read(class, self.lists);
            self.learned.borrow_mut().classes.insert(class.into(), read);
            read
        });
        let read = self.read(class, name);
        self.classes.borrow_mut().insert(class.into(), read);
        read
    }

    /// Reads the name of an input of this class.
    pub(super) fn input(&self, class: &str, class_facts: ClassFacts, name: &str) -> NameFacts {
        let read = self.name(name);
        if class_facts.is_about_text() {
            return read.of_text();
        }
        let input = || self.knowledge.object_info?.get(class)?.input(name);
        if class_facts.uploads && input().is_some_and(classes::is_upload) { read.of_file() } else { read }
    }

    /// True when the catalogue says that this input takes what no text can be.
    pub(super) fn takes_objects(&self, class: &str, name: &str) -> bool {
        let input = || self.knowledge.object_info?.get(class)?.input(name);
        input().is_some_and(InputSpec::is_only_linked)
    }

    /// Tells the purpose of the input `name` of `class`.
    pub(super) fn purpose(&self, class: &str, class_facts: ClassFacts, name: &str) -> Purpose {
        self.input(class, class_facts, name).purpose(class_facts.loads, class_facts.origin)
    }

    fn read(&self, class: &str, name: ClassNameFacts) -> ClassFacts {
        let info = self.knowledge.object_info;
        let known = info.and_then(|info| info.get(class));
        let origin = classes::origin(class, info);
        let dangerous = name.listed
            || (origin == Origin::Custom && (name.sounds_dangerous || classes::takes_code(class, info)));
        let may_run = !self.enforce || origin == Origin::EditorOnly || self.lists.is_allowed(class, info);
        let replaced =
            self.knowledge.replacements.is_some_and(|answer| replacements::replaces(class, answer));
        ClassFacts {
            origin,
            encodes: name.encodes,
            shows: name.shows,
            passes: name.passes,
            loads: name.loads,
            loads_pictures: name.loads_pictures,
            uploads: known.is_some_and(|known| known.inputs.iter().any(classes::is_upload)),
            repeats: name.repeats,
            subgraph: name.subgraph && !info.is_some_and(|info| info.contains(class)),
            plain: !name.disguised && !dangerous && !classes::is_paid(class, info) && may_run && !replaced,
        }
    }
}

impl Drop for Facts<'_> {
    /// Remembers the new facts. Two inspections at once may lose each other's, which costs only time.
    fn drop(&mut self) {
        let learned = self.learned.get_mut();
        learned.names.retain(|name, _| name.len() <= MAX);
        learned.classes.retain(|class, _| class.len() <= MAX);
        if learned.names.is_empty() && learned.classes.is_empty() {
            return;
        }
        let mut all = Remembered::clone(&self.known);
        merge(&mut all.names, &mut learned.names);
        merge(&mut all.classes, &mut learned.classes);
        self.memory.0.store(Arc::new(all));
    }
}

/// Adds the new facts. A full memory is cleared first, so that nobody can fill it up for good.
fn merge<V>(known: &mut Map<Box<str>, V>, new: &mut Map<Box<str>, V>) {
    if known.len() + new.len() > MAX_REMEMBERED {
        known.clear();
    }
    if new.len() <= MAX_REMEMBERED {
        known.extend(new.drain());
    }
}

/// True for core classes that hand text on.
fn passes_text(class: &str) -> bool {
    let lower = class.to_ascii_lowercase();
    [
        "string",
        "regex",
        "primitive",
        "textprefix",
        "textsuffix",
        "replacetext",
        "caseconverter",
        "texttolower",
        "texttoupper",
        "truncatetext",
    ]
    .iter()
    .any(|word| lower.contains(word))
        || matches!(class, "StripWhitespace" | "MergeTextLists" | "ComfySwitchNode" | "PreviewAny")
}

/// True for classes that stand for a graph: by name, or by the id that the editor gives to subgraphs.
fn is_subgraph(class: &str) -> bool {
    class.to_ascii_lowercase().contains("subgraph")
        // How older editors name a group of nodes.
        || class.starts_with("workflow>")
        || class.starts_with("workflow/")
        || (class.len() == 36 && uuid::Uuid::try_parse(class).is_ok())
}
