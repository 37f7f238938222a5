//! Finds the line of a value in JSON text.
//!
//! A parsed value has no position, so the text is read again, level by level, and only as far as is asked.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
    ops::ControlFlow,
};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Keys that hold a workflow when it is not the whole file.
const ENVELOPES: [&[&str]; 4] =
    [&[], &["prompt"], &["workflow"], &["extra_data", "extra_pnginfo", "workflow"]];

/// Finds lines in one text.
pub(super) struct LineFinder<'t> {
    text: &'t str,
    /// The offsets at which each line but the first begins.
    starts: Vec<usize>,
    /// The levels that were read, by their offset.
    levels: HashMap<usize, Level<'t>>,
}

/// A value of the text, with its offset before it.
type Located<'t> = (usize, &'t str);

impl<'t> LineFinder<'t> {
    /// Takes the text of a file; `None` for bytes that are no text.
    pub(super) fn new(bytes: &'t [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Some(Self { text, starts, levels: HashMap::new() })
    }

    /// Returns the line, from 1, of the innermost value on this path of keys and indexes that can be found; for a node
    /// the line of the input of this name.
    pub(super) fn line(&mut self, path: &[String], input: Option<&str>) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let top = self.top();
        let start = ENVELOPES.iter().find_map(|envelope| {
            let at = envelope.iter().try_fold(top, |at, key| self.child(at, key));
            self.child(at?, first)
        })?;
        let mut at = start;
        for step in rest {
            // A graph in a text cannot be looked into; the text is where it stands.
            let ControlFlow::Continue(next) = self.step(at, step) else { break };
            at = next;
        }
        if let Some(name) = input {
            let outermost = name.split(['.', '[']).next().unwrap_or(name);
            let inputs = self.child(at, "inputs");
            at = [name, outermost]
                .iter()
                .find_map(|name| inputs.and_then(|inputs| self.child(inputs, name)))
                .unwrap_or(at);
        }
        Some(self.starts.partition_point(|start| *start <= at.0) + 1)
    }

    fn top(&self) -> Located<'t> {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        (self.text.len() - text.len(), text)
    }

    /// Goes one key or index further. The keys of a node are its inputs before they are its own.
    fn step(&mut self, at: Located<'t>, key: &str) -> ControlFlow<(), Located<'t>> {
        let is_node = self.child(at, "class_type").is_some();
        let inputs = self.child(at, "inputs").filter(|_| is_node);
        let found = inputs.and_then(|inputs| self.child(inputs, key)).or_else(|| self.child(at, key));
        found.map_or(ControlFlow::Break(()), ControlFlow::Continue)
    }

    fn child(&mut self, (start, text): Located<'t>, key: &str) -> Option<Located<'t>> {
        let level = match self.levels.entry(start) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(serde_json::from_str(text).unwrap_or_default()),
        };
        let child: &'t str = level.0.get(key)?;
        // The child is a part of the same text.
        let offset = (child.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        Some((offset, child))
    }
}

/// The members of one object or list. Anything else has none.
#[derive(Default)]
struct Level<'t>(HashMap<Cow<'t, str>, &'t str>);

impl<'de> Deserialize<'de> for Level<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor)
    }
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = Level<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Level<'de>, A::Error> {
        let mut level = Level::default();
        while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
            level.0.insert(key.into(), value.get());
        }
        Ok(level)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Level<'de>, A::Error> {
        let mut level = Level::default();
        while let Some(value) = list.next_element::<&'de RawValue>()? {
            level.0.insert(level.0.len().to_string().into(), value.get());
        }
        Ok(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "1": {
    "inputs": {"image":
      "x.png", "graph": {
        "1": {"class_type": "A",
          "inputs": {"b.c": 1,
            "list": [
              0,
              1]}}}},
    "class_type": "B"
  }
}"#;

    #[track_caller]
    fn is_in(text: &str, path: &[&str], input: Option<&str>, line: Option<usize>) {
        let path: Vec<String> = path.iter().map(|&step| step.to_owned()).collect();
        assert_eq!(LineFinder::new(text.as_bytes()).unwrap().line(&path, input), line, "{path:?} {input:?}");
    }

    #[test]
    fn nodes_inputs_and_what_is_in_them_are_found() {
        is_in(TEXT, &["1"], None, Some(2));
        is_in(TEXT, &["1"], Some("image"), Some(4));
        is_in(TEXT, &["1"], Some("nothing"), Some(2));
        is_in(TEXT, &["1", "graph", "1"], None, Some(5));
        is_in(TEXT, &["1", "graph", "1"], Some("b.c"), Some(6));
        is_in(TEXT, &["1", "graph", "1"], Some("list[1]"), Some(7));
        is_in(TEXT, &["1", "graph", "1", "list", "1"], None, Some(9));
        is_in(TEXT, &["1", "image", "3"], None, Some(4));
        is_in(TEXT, &["2"], None, None);
        is_in(TEXT, &[], None, None);
    }

    #[test]
    fn workflows_in_envelopes_and_marked_texts_are_found() {
        is_in("\u{feff}\n{\"prompt\":\n{\"7\":\n{}}}", &["7"], None, Some(4));
        is_in("{\"workflow\": {\"nodes\": [\n{},\n{}]}}", &["nodes", "1"], Some("x"), Some(3));
        is_in("no JSON", &["1"], None, None);
        assert!(LineFinder::new(&[0xff]).is_none());
    }
}
