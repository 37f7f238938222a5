//! The corpus file, and what a score is.

use std::{fmt, str::FromStr};

use comfywarden_workflow::ObjectInfo;
use serde_json::{Map, Value};

/// Which cases count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// The clear-cut ones.
    Must,
    /// The ones that are our choice.
    Policy,
    /// All.
    All,
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "must" => Ok(Self::Must),
            "policy" => Ok(Self::Policy),
            "all" => Ok(Self::All),
            other => Err(format!("no tier `{other}`: must, policy, all")),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "must",
            Self::Policy => "policy",
            Self::All => "all",
        })
    }
}

/// One line of a corpus. `None` is a line that is no JSON text that Rust can hold, such as a lone surrogate.
pub(crate) type Case = (String, Option<Value>);

/// The cases of `tier`.
pub(crate) fn read(file: &str, tier: Tier) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    Ok(parse(&text, tier))
}

/// The cases of `tier` in this text.
pub(crate) fn parse(text: &str, tier: Tier) -> Vec<Case> {
    let wanted = |line: &str| match tier {
        Tier::All => true,
        _ => {
            line.contains(&format!("\"tier\": \"{tier}\"")) || line.contains(&format!("\"tier\":\"{tier}\""))
        }
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty() && wanted(line));
    lines.map(|line| (line.to_owned(), serde_json::from_str(line).ok())).collect()
}

/// A node catalogue: ComfyUI's answer, or a recording that has it under `body`.
pub(crate) fn catalogue(file: &str) -> Result<ObjectInfo, Box<dyn std::error::Error>> {
    let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let value: Value = serde_json::from_slice(&text)?;
    let body = value.get("body").unwrap_or(&value);
    ObjectInfo::parse(body.to_string().as_bytes()).map_err(|error| error.to_string().into())
}

/// Counts, and one line per wrong case.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) counts: Vec<(&'static str, usize)>,
    pub(crate) misses: Vec<String>,
}

impl Score {
    /// A score with these counters at zero.
    pub(crate) fn new(names: &[&'static str]) -> Self {
        Self { counts: names.iter().map(|name| (*name, 0)).collect(), misses: Vec::new() }
    }

    /// Adds one to a counter.
    pub(crate) fn count(&mut self, name: &str) {
        for (counter, count) in &mut self.counts {
            if *counter == name {
                *count += 1;
            }
        }
    }

    /// Counts one wrong case.
    pub(crate) fn miss(&mut self, name: &str, detail: impl fmt::Display) {
        self.count(name);
        self.misses.push(format!("{name}: {detail}"));
    }

    /// The last line of the output.
    pub(crate) fn to_json(&self, corpus: &str, tier: Tier, cases: usize) -> Value {
        let mut line = Map::new();
        line.insert("corpus".into(), corpus.into());
        line.insert("tier".into(), tier.to_string().into());
        line.insert("cases".into(), cases.into());
        for (name, count) in &self.counts {
            line.insert((*name).to_owned(), (*count).into());
        }
        Value::Object(line)
    }
}

/// The text under `key`, or nothing.
pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list of texts under `key`.
pub(crate) fn texts<'a>(case: &'a Value, key: &str) -> Vec<&'a str> {
    case.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
