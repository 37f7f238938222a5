//! Follows text through a graph: constants through text nodes to the inputs that use them.
//!
//! Nothing is worked out before it is asked for, and each node at most once: graphs that share, double or circle cost
//! no more than their links.

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use serde_json::Value;

use super::{
    class_facts::{ClassFacts, Facts, Map},
    classes::Origin,
    fault::{Found, Usage},
    rewriting::{self, Replacing},
    structure::Parts,
    word_list::WordList,
};
use comfywarden_error::JsonObject;

/// The most nodes that words and numbers are followed through.
pub(super) const MAX_HOPS: usize = 12;

/// Stands between pieces of text that a node may join in any order or not at all; nobody writes this noncharacter.
pub(super) const SEAM: char = '\u{fdd0}';

/// The inputs that take each node's output, by node: node and input.
type Takers<'a> = Map<&'a str, Vec<(&'a str, &'a str)>>;

/// The nodes of one map and the links between them.
pub(super) struct DataFlow<'a> {
    map: &'a JsonObject,
    pub(super) facts: &'a Facts<'a>,
    takers: OnceCell<Takers<'a>>,
    harmless: RefCell<Map<&'a str, bool>>,
    /// Text that nodes hand on. `None`: being worked out, so a circle takes its own output.
    constants: RefCell<Map<&'a str, Option<Rc<str>>>>,
    judged: RefCell<Map<(&'a str, Usage), Rc<Found>>>,
}

impl<'a> DataFlow<'a> {
    /// Takes a map of nodes. Entries that are no nodes are passed over.
    pub(super) fn new(map: &'a JsonObject, facts: &'a Facts<'a>) -> Self {
        Self {
            map,
            facts,
            takers: OnceCell::new(),
            harmless: RefCell::default(),
            constants: RefCell::default(),
            judged: RefCell::default(),
        }
    }

    fn takers(&self) -> &Takers<'a> {
        self.takers.get_or_init(|| {
            let mut takers = Takers::default();
            for (id, value) in self.map {
                let Some((_, inputs)) = Parts::of(value).read() else { continue };
                for (name, value) in inputs {
                    if let Some(source) = source_of(value) {
                        takers.entry(source).or_default().push((id.as_str(), name.as_str()));
                    }
                }
            }
            takers
        })
    }

    /// Id, class and inputs of a node.
    pub(super) fn node(&self, id: &str) -> Option<(&'a str, &'a str, &'a JsonObject)> {
        let (id, value) = self.map.get_key_value(id)?;
        Parts::of(value).read().map(|(class, inputs)| (id.as_str(), class, inputs))
    }

    /// True when every use of the node's output is words for a model or for a reader.
    pub(super) fn reaches_only_words(&self, id: &str) -> bool {
        self.only_words(id, 0)
    }

    fn only_words(&self, id: &str, hops: usize) -> bool {
        if let Some(known) = self.harmless.borrow().get(id) {
            return *known;
        }
        let Some((id, ..)) = self.node(id) else { return false };
        if hops >= MAX_HOPS {
            return false;
        }
        // A cycle counts as harmful until shown otherwise; ComfyUI refuses it anyway.
        self.harmless.borrow_mut().insert(id, false);
        let takers = self.takers().get(id).map_or(&[][..], Vec::as_slice);
        let harmless =
            !takers.is_empty() && takers.iter().all(|(taker, input)| self.takes_words(taker, input, hops));
        self.harmless.borrow_mut().insert(id, harmless);
        harmless
    }

    fn takes_words(&self, taker: &str, input: &str, hops: usize) -> bool {
        let Some((_, name, _)) = self.node(taker) else { return false };
        let class = self.facts.class(name);
        let purpose = self.facts.purpose(name, class, input);
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

    /// Returns the node that a link names, if text may come over the link to this input.
    fn text_source(&self, taker: &str, input: &str, link: &'a Value) -> Option<&'a str> {
        let source = source_of(link)?;
        self.carries_text(taker, input, link).then_some(source)
    }

    /// True for a link of a text type, by the file, by the catalogue, or else by the name of the input.
    pub(super) fn carries_text(&self, taker: &str, input: &str, link: &Value) -> bool {
        let class_of = |id: &str| self.node(id).map_or("", |(_, class, _)| class);
        let from_catalogue = || {
            let slot = usize::try_from(link.get(1)?.as_u64()?).ok()?;
            self.facts.output_type(class_of(source_of(link)?), slot)
        };
        match self.facts.link_type(taker, input).or_else(from_catalogue) {
            Some(ty) => is_text_type(ty),
            None => {
                !self.facts.name(input).carries_objects && !self.facts.takes_objects(class_of(taker), input)
            }
        }
    }

    /// Returns the node that a link names and the text that it brings, as far as that is a constant of the graph.
    pub(super) fn text(&self, link: &Value) -> Option<(&'a str, Rc<str>)> {
        let (id, class, _) = self.node(source_of(link)?)?;
        if !hands_on_text(self.facts.class(class)) {
            return None;
        }
        Some((id, self.constant(id))).filter(|(_, text)| !text.is_empty())
    }

    /// Returns the faults of a node's text. `judge` is asked once for each text and use, however many links there are.
    pub(super) fn judged(
        &self,
        (id, text): (&'a str, &str),
        usage: Usage,
        judge: impl FnOnce(&str) -> Found,
    ) -> Rc<Found> {
        if let Some(known) = self.judged.borrow().get(&(id, usage)) {
            return Rc::clone(known);
        }
        let found = Rc::new(if self.facts.pay(text.len()) { judge(text) } else { Found::new() });
        self.judged.borrow_mut().insert((id, usage), Rc::clone(&found));
        found
    }

    /// Works out the text that a node hands on. No recursion: chains may be as long as the graph.
    fn constant(&self, id: &'a str) -> Rc<str> {
        let mut pending = vec![id];
        while let Some(&id) = pending.last() {
            let state = self.constants.borrow().get(id).map(Option::is_some);
            if state == Some(true) {
                pending.pop();
                continue;
            }
            let node = self.node(id).filter(|(_, class, _)| hands_on_text(self.facts.class(class)));
            let text = match node {
                None => Rc::from(""),
                Some((_, _, inputs)) if state.is_none() => {
                    self.constants.borrow_mut().insert(id, None);
                    let before = pending.len();
                    let constants = self.constants.borrow();
                    let sources = inputs.iter().filter_map(|(name, value)| self.text_source(id, name, value));
                    // One that is being worked on is in a circle, which ComfyUI refuses.
                    pending.extend(sources.filter(|source| !constants.contains_key(source)));
                    if pending.len() > before {
                        continue;
                    }
                    drop(constants);
                    self.put_together(id)
                }
                Some(_) => self.put_together(id),
            };
            self.constants.borrow_mut().insert(id, Some(text));
            pending.pop();
        }
        self.piece(id)
    }

    /// Returns the text that is known to come out of a node.
    fn piece(&self, id: &str) -> Rc<str> {
        self.constants.borrow().get(id).cloned().flatten().unwrap_or_else(|| Rc::from(""))
    }

    /// Joins the constant pieces of a node's text, in the order in which the node does.
    fn put_together(&self, id: &str) -> Rc<str> {
        let Some((id, class, inputs)) = self.node(id) else { return Rc::from("") };
        let text = |name: &str, value: &'a Value| match value {
            Value::String(text) => Rc::from(text.replace(SEAM, "")),
            link => {
                self.text_source(id, name, link).map_or_else(|| Rc::from(""), |source| self.piece(source))
            }
        };
        let one = |name: &str| inputs.get(name).map_or_else(|| Rc::from(""), |value| text(name, value));
        let seam: Rc<str> = Rc::from(SEAM.to_string());
        let all = || {
            let pieces =
                inputs.iter().map(|(name, value)| text(name, value)).filter(|piece| !piece.is_empty());
            let mut pieces: Vec<Rc<str>> = pieces.flat_map(|piece| [Rc::clone(&seam), piece]).collect();
            if !pieces.is_empty() {
                pieces.remove(0);
            }
            pieces
        };
        let pieces = match class {
            "StringConcatenate" => vec![one("string_a"), one("delimiter"), one("string_b")],
            "StringReplace" => vec![self.replaced(&one("string"), &one("find"), &one("replace"))],
            "RegexReplace" => self.rewritten(inputs, &one).map_or_else(all, |text| vec![text]),
            "AddTextPrefix" => vec![one("prefix"), one("texts")],
            "AddTextSuffix" => vec![one("texts"), one("suffix")],
            _ => self.filled(class, inputs, &one).map_or_else(all, |text| vec![text]),
        };
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let (first, second) = (pieces.next(), pieces.next());
        let (first, second) = match (first, second) {
            (Some(first), Some(second)) => (first, second),
            (only, _) => return only.unwrap_or_else(|| Rc::from("")),
        };
        let mut whole = String::new();
        for piece in [first, second].into_iter().chain(pieces) {
            if !self.facts.pay(piece.len()) {
                break;
            }
            whole.push_str(&piece);
        }
        whole.into()
    }

    /// Applies a pattern and its replacement to a text.
    fn rewritten(&self, inputs: &JsonObject, one: &dyn Fn(&str) -> Rc<str>) -> Option<Rc<str>> {
        let (text, pattern, replace) = (one("string"), one("regex_pattern"), one("replace"));
        if !self.facts.pay(Replacing::price(&text)) {
            return None;
        }
        let is = |name: &str, default| inputs.get(name).and_then(Value::as_bool).unwrap_or(default);
        let count = inputs.get("count").and_then(Value::as_u64).unwrap_or_default();
        let replacing = Replacing {
            pattern: &pattern,
            replace: &replace,
            ignore_case: is("case_insensitive", true),
            multiline: is("multiline", false),
            dotall: is("dotall", false),
            count: usize::try_from(count).unwrap_or(usize::MAX),
        };
        replacing.of(&text).map(Rc::from)
    }

    /// Fills the template of a custom text node with its other inputs.
    fn filled(&self, class: &str, inputs: &JsonObject, one: &dyn Fn(&str) -> Rc<str>) -> Option<Rc<str>> {
        if self.facts.class(class).origin != Origin::Custom {
            return None;
        }
        let holder = inputs.keys().find(|name| rewriting::is_template(name))?;
        let filled = rewriting::filled(&one(holder), |name| {
            let piece = inputs.contains_key(name).then(|| one(name))?;
            self.facts.pay(piece.len()).then_some(piece)
        });
        filled.map(Rc::from)
    }

    fn replaced(&self, text: &Rc<str>, find: &str, replace: &str) -> Rc<str> {
        if find.is_empty() {
            return Rc::clone(text);
        }
        let grown = text.matches(find).count().saturating_mul(replace.len());
        if !self.facts.pay(text.len().saturating_add(grown)) {
            return Rc::clone(text);
        }
        text.replace(find, replace).into()
    }
}

/// True for classes that may hand on text: of ComfyUI's own, only those that are made for it.
fn hands_on_text(class: ClassFacts) -> bool {
    class.origin != Origin::Core || class.passes
}

/// Words of the types that only objects and numbers have.
static OBJECT_TYPES: WordList = WordList::new(include_str!("lists/inputs/object_types.txt"));

/// True for types whose values are text, or may be anything: a switch has a type that stands for the one it passes on.
fn is_text_type(ty: &str) -> bool {
    !ty.split(['_', ' ', ',']).any(|word| OBJECT_TYPES.contains_in_any_case(word.as_bytes()))
        || ty.contains("STRING")
}

/// Returns the node that a link names.
pub(super) fn source_of(value: &Value) -> Option<&str> {
    match value.as_array()?.as_slice() {
        [Value::String(id), Value::Number(_)] => Some(id),
        _ => None,
    }
}
