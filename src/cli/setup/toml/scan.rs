//! The statements of a TOML file and their places: headers of tables, and pairs of key and value.

use std::ops::Range;

use comfywarden_error::{Error, Result};

/// Deeper values are a mistake or an attack.
const DEEPEST: usize = 64;

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// The table it opens or stands in.
    table: Vec<String>,
    start: usize,
    line: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// `[a.b]`
    Table,
    /// `[[a.b]]`
    Element,
    Pair(Pair),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Pair {
    key: Vec<String>,
    pub(super) value: Range<usize>,
}

impl Pair {
    /// The value as a text; empty when it is none.
    pub(super) fn text(&self, text: &str) -> String {
        let value = text.get(self.value.clone()).unwrap_or_default();
        match value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(literal) => literal.to_owned(),
            None => serde_json::from_str(value).unwrap_or_default(),
        }
    }
}

impl Statement {
    /// True for the header of exactly this table.
    pub(super) fn is_table(&self, path: &[&str]) -> bool {
        matches!(self.kind, Kind::Table) && self.table == path
    }

    /// The pair with this single key, if it is one of this table.
    pub(super) fn pair_in(&self, path: &[&str], key: &str) -> Option<&Pair> {
        match &self.kind {
            Kind::Pair(pair) if self.table == path && pair.key == [key] => Some(pair),
            _ => None,
        }
    }

    /// True when it says something about `path` other than by a header of that table.
    pub(super) fn spells_otherwise(&self, path: &[&str]) -> bool {
        match &self.kind {
            Kind::Table => false,
            Kind::Element => reaches(&self.table, path),
            Kind::Pair(pair) => {
                let whole: Vec<String> = self.table.iter().chain(&pair.key).cloned().collect();
                self.table.len() < path.len() && reaches(&whole, path)
            }
        }
    }

    /// The line it stands on, from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The place after its line.
    pub(super) fn end(&self, text: &str) -> usize {
        let rest = text.get(self.start..).unwrap_or_default();
        rest.find('\n').map_or(text.len(), |end| self.start + end + 1)
    }

    /// The place after the last pair of this table.
    pub(super) fn end_of_table(&self, statements: &[Self], text: &str) -> usize {
        let pairs = statements
            .iter()
            .filter(|other| matches!(other.kind, Kind::Pair(_)) && other.table == self.table);
        pairs
            .filter_map(|other| match &other.kind {
                Kind::Pair(pair) => {
                    let rest = text.get(pair.value.end..).unwrap_or_default();
                    Some(rest.find('\n').map_or(text.len(), |end| pair.value.end + end + 1))
                }
                _ => None,
            })
            .max()
            .unwrap_or_else(|| self.end(text))
    }
}

/// True when one of the two is the beginning of the other.
fn reaches(keys: &[String], path: &[&str]) -> bool {
    keys.iter().zip(path).all(|(left, right)| left == right)
}

/// Reads a whole text.
pub(super) fn scan(text: &str) -> Result<Vec<Statement>> {
    let mut scanner = Scanner { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let mut table: Vec<String> = Vec::new();
    let mut found = Vec::new();
    loop {
        scanner.skip(true);
        let (start, line) = (scanner.at, scanner.line());
        let Some(first) = scanner.peek() else { return Ok(found) };
        let kind = if first == '[' {
            let element = scanner.rest().starts_with("[[");
            scanner.at += if element { 2 } else { 1 };
            table = scanner.key()?;
            scanner.expect(if element { "]]" } else { "]" })?;
            if element { Kind::Element } else { Kind::Table }
        } else {
            let key = scanner.key()?;
            scanner.expect("=")?;
            scanner.skip(false);
            let from = scanner.at;
            scanner.value(0)?;
            Kind::Pair(Pair { key, value: from..scanner.at })
        };
        scanner.end_of_line()?;
        found.push(Statement { table: table.clone(), start, line, kind });
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn line(&self) -> usize {
        self.text.get(..self.at).unwrap_or_default().matches('\n').count() + 1
    }

    fn fault(&self, what: &str) -> Error {
        Error::invalid_input(format!("the file is no valid TOML: line {}: {what}", self.line()))
            .hint("repair the file first; nothing was changed")
    }

    /// Skips blanks, and with `lines` comments and line breaks, too.
    fn skip(&mut self, lines: bool) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            self.at += blank;
            let rest = self.rest();
            if lines && rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if lines && rest.starts_with(['\n', '\r']) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn expect(&mut self, mark: &str) -> Result<()> {
        self.skip(false);
        if !self.rest().starts_with(mark) {
            return Err(self.fault(&format!("`{mark}` is missing")));
        }
        self.at += mark.len();
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<()> {
        self.skip(false);
        match self.peek() {
            None | Some('\n' | '\r' | '#') => Ok(()),
            Some(_) => Err(self.fault("something stands after the end of the statement")),
        }
    }

    fn key(&mut self) -> Result<Vec<String>> {
        let mut parts = Vec::new();
        loop {
            self.skip(false);
            let rest = self.rest();
            let part = match self.peek() {
                Some('"') => {
                    let from = self.at;
                    self.quoted()?;
                    serde_json::from_str(self.text.get(from..self.at).unwrap_or_default())
                        .map_err(|_| self.fault("a key is misspelt"))?
                }
                Some('\'') => {
                    let from = self.at;
                    self.quoted()?;
                    self.text.get(from + 1..self.at - 1).unwrap_or_default().to_owned()
                }
                _ => {
                    let bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
                    let end = rest.find(|letter| !bare(letter)).unwrap_or(rest.len());
                    if end == 0 {
                        return Err(self.fault("a key is missing"));
                    }
                    self.at += end;
                    rest.get(..end).unwrap_or_default().to_owned()
                }
            };
            parts.push(part);
            self.skip(false);
            if self.peek() != Some('.') {
                return Ok(parts);
            }
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(self.fault("it is nested too deep"));
        }
        match self.peek() {
            Some('"' | '\'') => self.quoted(),
            Some('[') => self.group(']', depth, false),
            Some('{') => self.group('}', depth, true),
            _ => {
                let rest = self.rest();
                let plain = |letter: char| letter.is_ascii_alphanumeric() || "+-_.:".contains(letter);
                let mut end = rest.find(|letter| !plain(letter)).unwrap_or(rest.len());
                // A date and a time may stand apart by one blank.
                let word = rest.get(..end).unwrap_or_default();
                let after = rest.get(end..).unwrap_or_default();
                if word.len() == 10 && word.matches('-').count() == 2 && after.starts_with(' ') {
                    let time = after.get(1..).unwrap_or_default();
                    let length = time.find(|letter| !plain(letter)).unwrap_or(time.len());
                    end +=
                        if time.starts_with(|letter: char| letter.is_ascii_digit()) { length + 1 } else { 0 };
                }
                if end == 0 {
                    return Err(self.fault("a value is missing"));
                }
                self.at += end;
                Ok(())
            }
        }
    }

    /// A list or an inline table.
    fn group(&mut self, close: char, depth: usize, keyed: bool) -> Result<()> {
        self.at += 1;
        loop {
            self.skip(true);
            if self.peek() == Some(close) {
                self.at += 1;
                return Ok(());
            }
            if keyed {
                self.key()?;
                self.expect("=")?;
            }
            self.skip(true);
            self.value(depth + 1)?;
            self.skip(true);
            match self.peek() {
                Some(',') => self.at += 1,
                Some(letter) if letter == close => {}
                _ => return Err(self.fault(&format!("`,` or `{close}` is missing"))),
            }
        }
    }

    /// A text in any of the four kinds of quotation marks.
    fn quoted(&mut self) -> Result<()> {
        let rest = self.rest();
        let mark = if rest.starts_with('\'') { "'" } else { "\"" };
        let triple = mark.repeat(3);
        let long = rest.starts_with(&triple);
        let close = if long { triple.as_str() } else { mark };
        let mut at = close.len();
        loop {
            let inner = rest.get(at..).unwrap_or_default();
            if inner.starts_with(close) {
                // Up to two marks may stand right before the three that close.
                let extra = if long {
                    inner.chars().take_while(|letter| mark.starts_with(*letter)).count() - 3
                } else {
                    0
                };
                self.at += at + close.len() + extra.min(2);
                return Ok(());
            }
            let Some(letter) = inner.chars().next() else { return Err(self.fault("a text does not end")) };
            if letter == '\n' && !long {
                return Err(self.fault("a text does not end on its line"));
            }
            at += letter.len_utf8();
            if letter == '\\' && mark == "\"" {
                at += inner.chars().nth(1).map_or(0, char::len_utf8);
            }
        }
    }
}
