//! Reads the process environment, once, here and nowhere else, and expands `${VAR}` inside the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Problem;

/// A copy of the environment; tests make their own.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the environment of this process; variables that are not UTF-8 are left out.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// Makes an environment of exactly these variables.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect())
    }

    /// Returns the value of a variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Lists the names that start with `prefix`.
    pub(super) fn names_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let set = |(name, value): (&'a String, &'a String)| (!value.is_empty()).then_some(name.as_str());
        self.0.iter().filter_map(set).filter(move |name| name.starts_with(prefix))
    }

    /// Returns the user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    /// Replaces a leading `~` by the home folder; other paths stay.
    pub fn expand_home(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), self.home()) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_owned(),
        }
    }

    /// Replaces `${VAR}` and `${VAR:-default}` in every text of `value`; `$${` stands for `${`.
    ///
    /// `changed` hears the key of every text that was replaced, so that a number can become a number.
    pub(super) fn expand(
        &self,
        value: &mut Value,
        key: &str,
        problems: &mut Vec<Problem>,
        changed: &mut Vec<String>,
    ) {
        match value {
            Value::String(text) if text.contains("${") => match self.expand_text(text) {
                Ok(expanded) => {
                    *text = expanded;
                    changed.push(key.to_owned());
                }
                Err(problem) => problems.push(Problem { key: key.to_owned(), ..problem }),
            },
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.expand(item, &format!("{key}[{index}]"), problems, changed);
                }
            }
            Value::Object(map) => {
                for (name, item) in map.iter_mut() {
                    let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    self.expand(item, &inner, problems, changed);
                }
            }
            _ => {}
        }
    }

    fn expand_text(&self, text: &str) -> Result<String, Problem> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(escaped) = before.strip_suffix('$') {
                out.push_str(escaped);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let Some((inside, tail)) = after.split_once('}') else {
                return Err(
                    Problem::new("", "has a `${` without its `}`").hint("write `$${` for a plain `${`")
                );
            };
            out.push_str(self.lookup(inside)?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn lookup<'a>(&'a self, inside: &'a str) -> Result<&'a str, Problem> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        self.get(name).or(default).ok_or_else(|| {
            Problem::new("", format!("needs the environment variable `{name}`, which is not set"))
                .hint(format!("set it, or write `${{{name}:-default}}`"))
        })
    }
}
