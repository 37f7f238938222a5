//! JSON with comments and trailing commas, read together with the places of its parts.

use std::ops::Range;

use serde_json::{Map, Value};

use comfywarden_error::{Error, Result};

/// Files of clients are shallow; deeper nesting is a mistake or an attack.
const DEEPEST: usize = 128;

/// One value and its place in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) range: Range<usize>,
    /// For an object: a comma stands after the last member.
    pub(super) trailing_comma: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Plain(Value),
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: String,
    /// Where its key starts.
    pub(super) start: usize,
    pub(super) node: Node,
}

impl Node {
    /// The members, if it is an object.
    pub(super) fn members(&self) -> Option<&[Member]> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The value without its comments; the last of equal keys counts, as it does for the clients.
    pub(super) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.node.to_value()))
                    .collect::<Map<_, _>>(),
            ),
            Kind::Array(items) => items.iter().map(Self::to_value).collect(),
            Kind::Plain(value) => value.clone(),
        }
    }
}

/// Reads a whole text.
pub(super) fn scan(text: &str) -> Result<Node> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut scanner = Scanner { text, at: start };
    let root = scanner.value(0)?;
    scanner.skip()?;
    if scanner.at < text.len() {
        return Err(scanner.fault("something stands after the end of the JSON"));
    }
    Ok(root)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fault(&self, what: &str) -> Error {
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Error::invalid_input(format!("the file is no valid JSON: line {line}, column {column}: {what}"))
            .hint("repair the file first; nothing was changed")
    }

    /// Skips blanks and comments.
    fn skip(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let rest = rest.get(blank..).unwrap_or_default();
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => end + 2,
                    None => return Err(self.fault("a comment does not end")),
                }
            } else {
                0
            };
            self.at += blank + length;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node> {
        if depth > DEEPEST {
            return Err(self.fault("it is nested too deep"));
        }
        self.skip()?;
        let start = self.at;
        let (kind, trailing_comma) = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => (Kind::Plain(Value::String(self.string()?)), false),
            Some(_) => (Kind::Plain(self.literal()?), false),
            None => return Err(self.fault("it ends too early")),
        };
        Ok(Node { range: start..self.at, trailing_comma, kind })
    }

    fn object(&mut self, depth: usize) -> Result<(Kind, bool)> {
        self.at += 1;
        let mut members = Vec::new();
        let mut comma = false;
        loop {
            self.skip()?;
            let start = self.at;
            match self.peek() {
                Some('}') => {
                    self.at += 1;
                    return Ok((Kind::Object(members), comma));
                }
                Some('"') if members.is_empty() || comma => {
                    let key = self.string()?;
                    self.skip()?;
                    if self.peek() != Some(':') {
                        return Err(self.fault("a `:` is missing after a key"));
                    }
                    self.at += 1;
                    members.push(Member { key, start, node: self.value(depth + 1)? });
                    comma = self.comma()?;
                }
                _ => return Err(self.fault("a key in quotation marks or `}` is missing")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(Kind, bool)> {
        self.at += 1;
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.skip()?;
            match self.peek() {
                Some(']') => {
                    self.at += 1;
                    return Ok((Kind::Array(items), comma));
                }
                Some(_) if items.is_empty() || comma => {
                    items.push(self.value(depth + 1)?);
                    comma = self.comma()?;
                }
                _ => return Err(self.fault("a `,` or `]` is missing")),
            }
        }
    }

    /// True when a comma stood here; it is read.
    fn comma(&mut self) -> Result<bool> {
        self.skip()?;
        let found = self.peek() == Some(',');
        if found {
            self.at += 1;
        }
        Ok(found)
    }

    fn string(&mut self) -> Result<String> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|&(_, letter)| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(self.fault("a text does not end")) };
        let quoted = rest.get(..=end).unwrap_or_default();
        match serde_json::from_str(quoted) {
            Ok(text) => {
                self.at += quoted.len();
                Ok(text)
            }
            Err(_) => Err(self.fault("a text is no valid JSON")),
        }
    }

    fn literal(&mut self) -> Result<Value> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        match serde_json::from_str(word) {
            Ok(value) => {
                self.at += end;
                Ok(value)
            }
            Err(_) => Err(self.fault("a value is missing or misspelt")),
        }
    }
}
