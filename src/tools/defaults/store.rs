//! The defaults of this process: kept until the file changes, applied before a call is checked.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use serde_json::Value;

use super::file::{self, ByTool, Stamp};
use crate::{
    gate::{Caller, Class, Contract},
    tools::Tool,
};
use comfywarden_error::{Error, JsonObject, Kind, Result};
use comfywarden_workflow::nearest::did_you_mean;

/// Maximum number of bytes that the defaults of one tool may have.
const MAX_BYTES: usize = 64 * 1024;

/// Sources of a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultSource {
    User,
    Configuration,
}

/// An argument that a call left out and a default gave.
#[derive(Debug)]
pub(crate) struct Filled {
    argument: String,
    value: Value,
    source: DefaultSource,
}

impl Filled {
    /// True when this error is about the argument, as far as its words tell.
    fn is_cause_of(&self, error: &Error) -> bool {
        let field = error.details().get("field").and_then(Value::as_str);
        let named = field.is_some_and(|field| field.split(['/', '.']).next() == Some(self.argument.as_str()));
        let quoted = match &self.value {
            Value::String(text) if text.is_empty() => return named,
            Value::String(text) => format!("`{text}`"),
            other => other.to_string(),
        };
        named || (self.value.is_string() && error.message().contains(&quoted))
    }
}

/// Says in an error which default caused it: the caller never gave that value.
pub(crate) fn attribute_default(error: Error, filled: &[Filled]) -> Error {
    let Some(cause) = filled.iter().find(|filled| filled.is_cause_of(&error)) else { return error };
    let argument = &cause.argument;
    let own = match cause.source {
        DefaultSource::User => format!(
            "`{argument}` is your default, not part of this call: give it with the call, or change it with \
             comfyui_set_defaults (null removes it)"
        ),
        DefaultSource::Configuration => format!(
            "`{argument}` is a default of the configuration (`tools.defaults`), not part of this call: give it with the \
             call"
        ),
    };
    let hint = error.hint_text().map_or_else(|| own.clone(), |hint| format!("{own}; {hint}"));
    error.hint(hint)
}

/// Defaults of all tools and callers.
#[derive(Debug)]
pub(crate) struct Defaults {
    path: PathBuf,
    configured: BTreeMap<String, JsonObject>,
    kept: Mutex<LoadedDefaults>,
    tools: ArcSwap<HashMap<String, Arc<Tool>>>,
}

#[derive(Debug, Default)]
struct LoadedDefaults {
    stamp: Option<Stamp>,
    callers: BTreeMap<String, ByTool>,
    problem: Option<String>,
}

impl Defaults {
    /// Defaults that are kept in this file, over those of the configuration.
    pub(crate) fn new(path: &Path, configured: BTreeMap<String, JsonObject>) -> Self {
        Self { path: path.to_owned(), configured, kept: Mutex::default(), tools: ArcSwap::default() }
    }

    /// Takes note of the tools that are offered now.
    pub(crate) fn learn(&self, tools: impl Iterator<Item = Arc<Tool>>) {
        self.tools.store(Arc::new(tools.map(|tool| (tool.name().to_owned(), tool)).collect()));
    }

    /// Refuses a configuration whose defaults name a built-in tool or an argument that does not exist.
    ///
    /// All mistakes are told at once, each with its own hint behind it.
    pub(crate) fn check_configured(&self, tools: &[Tool]) -> Result<()> {
        let mut problems = Vec::new();
        let mut hints = Vec::new();
        for (name, values) in self.configured.iter().filter(|(name, _)| !name.starts_with("workflow_")) {
            let Some(tool) = tools.iter().find(|tool| tool.name() == name) else {
                let near = did_you_mean(name, tools.iter().map(Tool::name));
                problems.push(format!("`tools.defaults` names `{name}`, which is no tool"));
                hints.push(near.unwrap_or_else(|| "`comfywarden tools` lists them".to_owned()));
                continue;
            };
            for (argument, value) in values {
                let mut alone = JsonObject::from_iter([(argument.clone(), value.clone())]);
                if let Err(error) = tool.contract().check_partial(&mut alone) {
                    problems.push(format!("`tools.defaults.{name}`: {}", error.message()));
                    hints.extend(error.hint_text().map(str::to_owned));
                }
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::invalid_input(problems.join("; ")).hint(hints.join("; ")))
    }

    /// Adds what the caller left open: the caller's own defaults, then those of the configuration. A default that no
    /// longer fits the tool is left out; it is no fault of this call.
    pub(crate) fn apply(&self, caller: &Caller, contract: &Contract, args: &mut JsonObject) -> Vec<Filled> {
        let mut filled = Vec::new();
        for (argument, value, source) in self.of(caller, contract.name()) {
            let open = args.get(&argument).is_none_or(Value::is_null);
            if !open || !contract.takes(&argument) {
                continue;
            }
            let mut alone = JsonObject::from_iter([(argument.clone(), value.clone())]);
            match contract.check_partial(&mut alone) {
                Ok(()) => {
                    filled.push(Filled { argument: argument.clone(), value: value.clone(), source });
                    args.insert(argument, value);
                }
                Err(error) => {
                    tracing::warn!(tool.name = %contract.name(), %error, "a default does not fit its tool any more");
                }
            }
        }
        filled
    }

    /// The defaults of one tool, the stronger of two, each with its source.
    pub(crate) fn of(&self, caller: &Caller, tool: &str) -> Vec<(String, Value, DefaultSource)> {
        let mut found: Vec<(String, Value, DefaultSource)> = Vec::new();
        let configured = self.configured.get(tool);
        let kept = self.fresh();
        let own = kept.callers.get(caller.name()).and_then(|tools| tools.get(tool));
        let layers = own
            .map(|own| (own, DefaultSource::User))
            .into_iter()
            .chain(configured.map(|c| (c, DefaultSource::Configuration)));
        for (values, source) in layers {
            for (argument, value) in values {
                if !found.iter().any(|(known, ..)| known == argument) {
                    found.push((argument.clone(), value.clone(), source));
                }
            }
        }
        found
    }

    /// The tools that have defaults for this caller.
    pub(super) fn named(&self, caller: &Caller) -> Vec<String> {
        let kept = self.fresh();
        let own = kept.callers.get(caller.name()).into_iter().flat_map(BTreeMap::keys);
        let mut names: Vec<String> = own.chain(self.configured.keys()).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Describes the fault of the file, if it has one.
    pub(super) fn problem(&self) -> Option<String> {
        self.fresh().problem.clone()
    }

    /// A tool that is offered and that this caller may use.
    pub(super) fn tool(&self, caller: &Caller, name: &str) -> Result<Arc<Tool>> {
        let tools = self.tools.load();
        if let Some(tool) = tools.get(name).filter(|tool| caller.may(tool.class())) {
            return Ok(Arc::clone(tool));
        }
        let known = tools.values().filter(|tool| caller.may(tool.class())).map(|tool| tool.name());
        let shown: String = name.chars().take(80).collect();
        Err(Error::not_found(format!("no tool named `{shown}`"))
            .hint(did_you_mean(&shown, known).unwrap_or_else(|| "tools/list names every tool".to_owned())))
    }

    /// Changes the caller's defaults of one tool; null takes one away. What is given is checked first. Blocks on the
    /// disk. Gives what the caller has now.
    pub(super) fn set(&self, caller: &Caller, tool: &Tool, changes: &JsonObject) -> Result<JsonObject> {
        refuse_dangerous(tool)?;
        let mut given: JsonObject = changes
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        tool.contract().check_partial(&mut given).map_err(|error| match error.hint_text() {
            Some(_) => error,
            None => error.hint("nothing was kept; comfyui_get_defaults shows what holds now"),
        })?;
        let mut after = JsonObject::new();
        let mut too_large = false;
        let saved = file::update(&self.path, |saved: &mut file::Saved| {
            let tools = saved.callers.entry(caller.name().to_owned()).or_default();
            let mut values = tools.get(tool.name()).cloned().unwrap_or_default();
            for (argument, value) in changes {
                if value.is_null() {
                    values.shift_remove(argument);
                } else {
                    values.insert(argument.clone(), value.clone());
                }
            }
            too_large = Value::Object(values.clone()).to_string().len() > MAX_BYTES;
            if !too_large {
                tools.insert(tool.name().to_owned(), values.clone());
                tools.retain(|_, values| !values.is_empty());
                after = values;
            }
            saved.callers.retain(|_, tools| !tools.is_empty());
        });
        let saved = saved.map_err(|reason| self.unwritable(&reason))?;
        if too_large {
            return Err(Error::invalid_input("the defaults of one tool may have 64 KiB at most"));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = LoadedDefaults { stamp: file::stamp(&self.path), callers: saved.callers, problem: None };
        Ok(after)
    }

    /// Locks the kept defaults, after a look whether another process changed the file.
    fn fresh(&self) -> std::sync::MutexGuard<'_, LoadedDefaults> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = file::stamp(&self.path);
        if stamp != kept.stamp {
            *kept = match file::read::<file::Saved>(&self.path) {
                Ok(saved) => LoadedDefaults { stamp, callers: saved.callers, problem: None },
                Err(reason) => {
                    tracing::warn!(file = %self.path.display(), reason, "the file of defaults is left out");
                    LoadedDefaults { stamp, callers: BTreeMap::new(), problem: Some(reason) }
                }
            };
        }
        kept
    }

    /// The file is the operator's: its path stays in the log.
    fn unwritable(&self, reason: &str) -> Error {
        tracing::error!(file = %self.path.display(), reason, "defaults could not be saved");
        Error::new(Kind::Unavailable, format!("the file of defaults {reason}; nothing was changed"))
            .hint("repair or remove the file that `tools.defaults_file` names, or give it a place that can be written")
    }
}

/// A default acts without being seen in the call: it must not be what makes a call take something away.
fn refuse_dangerous(tool: &Tool) -> Result<()> {
    let why = if tool.class() == Class::Admin {
        "it changes which code or settings the server runs"
    } else if tool.hint_set().destructive {
        "it can take something away"
    } else {
        return Ok(());
    };
    Err(Error::denied(format!("`{}` takes no user defaults: {why}", tool.name())).hint(
        "give its arguments with each call; the operator can set `tools.defaults` in the configuration",
    ))
}
