//! Where text goes: constants followed through text nodes to the inputs that use them.

use std::{cell::RefCell, rc::Rc};

use serde_json::Value;

use super::{
    classes::{Origin, origin},
    inputs::{Name, Purpose, encodes_text, loads, shows_text},
};
use crate::{error::JsonObject, workflow::ObjectInfo};

/// How many nodes a text is followed through.
const MOST_HOPS: usize = 12;
/// The longest text that is put together; a node that needs more is judged by its parts.
const LONGEST: usize = 64 << 10;

/// Seeded at random for each process, and several times faster on short keys than the standard one.
pub(super) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// What a class says by itself. Worked out once per class: a graph repeats few classes many times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) origin: Origin,
    /// Turns words into conditioning and does nothing else with them.
    pub(super) encodes: bool,
    /// Shows a value to people.
    pub(super) shows: bool,
    /// Hands text on.
    pub(super) passes: bool,
    /// Reads a file named in an input.
    pub(super) loads: bool,
}

impl Class {
    pub(super) fn read(class: &str, info: Option<&ObjectInfo>) -> Self {
        Self {
            origin: origin(class, info),
            encodes: encodes_text(class),
            shows: shows_text(class),
            passes: passes_text(class),
            loads: loads(class),
        }
    }
}

/// The nodes of one map, and who takes whose output.
pub(super) struct Flow<'a> {
    nodes: Map<&'a str, (&'a str, &'a JsonObject, Class)>,
    takers: Map<&'a str, Vec<(&'a str, &'a str)>>,
    info: Option<&'a ObjectInfo>,
    harmless: RefCell<Map<&'a str, bool>>,
    names: RefCell<Map<String, Rc<Name>>>,
    classes: RefCell<Map<String, Class>>,
}

impl<'a> Flow<'a> {
    /// Reads the links of a map of nodes. What is not a node is passed over.
    pub(super) fn new(map: &'a JsonObject, info: Option<&'a ObjectInfo>) -> Self {
        let classes = RefCell::default();
        let mut nodes = Map::with_capacity_and_hasher(map.len(), foldhash::fast::RandomState::default());
        let mut takers: Map<&str, Vec<(&str, &str)>> = Map::default();
        for (id, value) in map {
            let class = value.get("class_type").and_then(Value::as_str);
            let inputs = value.get("inputs").and_then(Value::as_object);
            let (Some(class), Some(inputs)) = (class, inputs) else { continue };
            nodes.insert(id.as_str(), (class, inputs, known(&classes, class, info)));
            for (name, value) in inputs {
                if let Some(source) = source_of(value) {
                    takers.entry(source).or_default().push((id.as_str(), name.as_str()));
                }
            }
        }
        Self { nodes, takers, info, harmless: RefCell::default(), names: RefCell::default(), classes }
    }

    /// What a class says.
    pub(super) fn class(&self, class: &str) -> Class {
        known(&self.classes, class, self.info)
    }

    /// What a name says.
    pub(super) fn name(&self, name: &str) -> Rc<Name> {
        if let Some(known) = self.names.borrow().get(name) {
            return Rc::clone(known);
        }
        let read = Rc::new(Name::read(name));
        self.names.borrow_mut().insert(name.to_owned(), Rc::clone(&read));
        read
    }

    /// What the input `name` of `class` is for.
    pub(super) fn purpose(&self, class: Class, name: &str) -> Purpose {
        self.name(name).purpose(class.loads, class.origin)
    }

    /// True when every use of the node's output is words for a model or for a reader.
    pub(super) fn reaches_only_words(&self, id: &str) -> bool {
        self.only_words(id, 0)
    }

    fn only_words(&self, id: &str, hops: usize) -> bool {
        let Some((&id, _)) = self.nodes.get_key_value(id) else { return false };
        if let Some(known) = self.harmless.borrow().get(id) {
            return *known;
        }
        if hops >= MOST_HOPS {
            return false;
        }
        // A cycle counts as harmful until shown otherwise; ComfyUI refuses it anyway.
        self.harmless.borrow_mut().insert(id, false);
        let takers = self.takers.get(id).map_or(&[][..], Vec::as_slice);
        let harmless =
            !takers.is_empty() && takers.iter().all(|(taker, input)| self.takes_words(taker, input, hops));
        self.harmless.borrow_mut().insert(id, harmless);
        harmless
    }

    fn takes_words(&self, taker: &str, input: &str, hops: usize) -> bool {
        let Some((_, _, class)) = self.nodes.get(taker) else { return false };
        let purpose = self.purpose(*class, input);
        if purpose.path || purpose.code || purpose.url {
            return false;
        }
        if class.encodes || class.shows {
            return true;
        }
        match class.origin {
            Origin::Core if class.passes => self.only_words(taker, hops + 1),
            Origin::Core | Origin::EditorOnly => true,
            Origin::Custom => self.only_words(taker, hops + 1),
        }
    }

    /// The texts that a link may bring, as far as they are constants of the graph.
    pub(super) fn texts(&self, value: &Value) -> Vec<String> {
        let mut texts = Vec::new();
        if let Some(source) = source_of(value) {
            self.collect(source, 0, &mut texts);
        }
        texts
    }

    fn collect(&self, id: &str, hops: usize, texts: &mut Vec<String>) {
        let Some((class, inputs, said)) = self.nodes.get(id) else { return };
        if hops >= MOST_HOPS || texts.len() >= 16 {
            return;
        }
        if said.origin == Origin::Core && !said.passes {
            return;
        }
        let mut whole = String::new();
        for part in self.parts(class, inputs, hops) {
            if whole.len() + part.len() <= LONGEST {
                whole.push_str(&part);
            }
        }
        if !whole.is_empty() {
            texts.push(whole);
        }
    }

    /// The constant pieces of a node's text, in the order in which it puts them together.
    fn parts(&self, class: &str, inputs: &JsonObject, hops: usize) -> Vec<String> {
        let one = |name: &str| inputs.get(name).map(|value| self.piece(value, hops)).unwrap_or_default();
        match class {
            "StringConcatenate" => vec![one("string_a"), one("delimiter"), one("string_b")],
            "StringReplace" => {
                let (find, replace) = (one("find"), one("replace"));
                let text = one("string");
                vec![if find.is_empty() { text } else { text.replace(&find, &replace) }]
            }
            "AddTextPrefix" => vec![one("prefix"), one("texts")],
            "AddTextSuffix" => vec![one("texts"), one("suffix")],
            _ => inputs.values().map(|value| self.piece(value, hops)).collect(),
        }
    }

    fn piece(&self, value: &Value, hops: usize) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(_) => {
                let mut texts = Vec::new();
                if let Some(source) = source_of(value) {
                    self.collect(source, hops + 1, &mut texts);
                }
                texts.concat()
            }
            _ => String::new(),
        }
    }
}

fn known(classes: &RefCell<Map<String, Class>>, class: &str, info: Option<&ObjectInfo>) -> Class {
    if let Some(known) = classes.borrow().get(class) {
        return *known;
    }
    let read = Class::read(class, info);
    classes.borrow_mut().insert(class.to_owned(), read);
    read
}

/// The node that a link names.
fn source_of(value: &Value) -> Option<&str> {
    match value.as_array()?.as_slice() {
        [Value::String(id), Value::Number(_)] => Some(id),
        _ => None,
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
        "textto",
        "truncatetext",
    ]
    .iter()
    .any(|word| lower.contains(word))
        || matches!(class, "StripWhitespace" | "MergeTextLists" | "ComfySwitchNode")
}
