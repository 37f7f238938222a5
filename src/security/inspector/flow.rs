//! Where text goes: constants followed through text nodes to the inputs that use them.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use serde_json::Value;

use super::{
    classes::{Origin, origin},
    inputs::{Name, Purpose, encodes_text, shows_text},
};
use crate::{error::JsonObject, workflow::ObjectInfo};

/// How many nodes a text is followed through.
const MOST_HOPS: usize = 12;
/// The longest text that is put together; a node that needs more is judged by its parts.
const LONGEST: usize = 64 << 10;

/// The nodes of one map, and who takes whose output.
pub(super) struct Flow<'a> {
    nodes: HashMap<&'a str, (&'a str, &'a JsonObject)>,
    takers: HashMap<&'a str, Vec<(&'a str, &'a str)>>,
    info: Option<&'a ObjectInfo>,
    harmless: RefCell<HashMap<&'a str, bool>>,
    names: RefCell<HashMap<String, Rc<Name>>>,
}

impl<'a> Flow<'a> {
    /// Reads the links of a map of nodes. What is not a node is passed over.
    pub(super) fn new(map: &'a JsonObject, info: Option<&'a ObjectInfo>) -> Self {
        let mut nodes = HashMap::new();
        let mut takers: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        for (id, value) in map {
            let class = value.get("class_type").and_then(Value::as_str);
            let inputs = value.get("inputs").and_then(Value::as_object);
            let (Some(class), Some(inputs)) = (class, inputs) else { continue };
            nodes.insert(id.as_str(), (class, inputs));
            for (name, value) in inputs {
                if let Some(source) = source_of(value) {
                    takers.entry(source).or_default().push((id.as_str(), name.as_str()));
                }
            }
        }
        Self { nodes, takers, info, harmless: RefCell::default(), names: RefCell::default() }
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
    pub(super) fn purpose(&self, class: &str, name: &str, origin: Origin) -> Purpose {
        self.name(name).purpose(class, origin)
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
        let Some((class, _)) = self.nodes.get(taker) else { return false };
        let origin = origin(class, self.info);
        let purpose = self.purpose(class, input, origin);
        if purpose.path || purpose.code || purpose.url {
            return false;
        }
        if encodes_text(class) || shows_text(class) {
            return true;
        }
        match origin {
            Origin::Core if passes_text(class) => self.only_words(taker, hops + 1),
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
        let Some((class, inputs)) = self.nodes.get(id) else { return };
        if hops >= MOST_HOPS || texts.len() >= 16 {
            return;
        }
        if origin(class, self.info) == Origin::Core && !passes_text(class) {
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
