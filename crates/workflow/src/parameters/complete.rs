//! Decides type, range, default and description of a parameter from sidecar, file and node catalogue.

use std::borrow::Cow;

use serde_json::Value;

use super::fill::peek;
use super::find::Draft;
use super::kind::{Kind, Word, to_integer};
use super::marker::{braces, param};
use super::parameter::{Form, Origin, Parameter, ValuePath};
use super::sidecar::Adjustment;
use crate::check::{dynamic::specs, models};
use crate::object_info::{Dynamic, InputSpec, NodeClass};
use crate::{Error, Link, Node, ObjectInfo, Result, Workflow, analyze};

/// The longest line about a parameter.
const MAX_LINE: usize = 120;

/// The facts about one location.
struct Known<'a> {
    spec: Option<Cow<'a, InputSpec>>,
    kind: Option<Kind>,
    /// The file's value there, unless it is a mark.
    value: Option<Value>,
    model: bool,
}

/// Gives a draft its type, range, default and description.
pub(super) fn complete(
    workflow: &Workflow,
    mut draft: Draft,
    adjustment: &Adjustment,
    object_info: Option<&ObjectInfo>,
    notes: &mut Vec<String>,
) -> Result<Parameter> {
    let mut known = Vec::new();
    for path in &draft.paths {
        known.push(look(workflow, &draft, path, object_info)?);
    }
    if adjustment.word.is_none() {
        refuse_contradiction(&draft, &known)?;
    }
    let kind = kind_of_all(&draft, &known, adjustment)?;
    for (path, known) in draft.paths.iter_mut().zip(&known) {
        let takes_text = matches!(known.kind, Some(Kind::Text { .. }));
        if path.form == Form::Value && takes_text && !matches!(kind, Kind::Text { .. } | Kind::Choice { .. })
        {
            path.form = Form::Text;
        }
    }
    let mut parameter = Parameter {
        default: None,
        required: false,
        hidden: adjustment.hide,
        description: words(workflow, &draft, &known, adjustment),
        kind,
        name: draft.name,
        origin: draft.origin,
        paths: draft.paths,
    };
    parameter.adjust(adjustment)?;
    parameter.take_default(&known, adjustment, draft.required == Some(true), notes)?;
    let needed = parameter.default.is_none() && !matches!(parameter.kind, Kind::Seed { .. });
    if needed && parameter.hidden {
        return Err(Error::new(format!("parameter `{}` is hidden and has no default", parameter.name))
            .hint("give it a `default` in the sidecar"));
    }
    // A default may still be found without the catalogue.
    let sure = object_info.is_some() || draft.required.is_some();
    parameter.required = adjustment.required.or(draft.required).unwrap_or(needed && sure);
    if parameter.required && adjustment.default.is_none() {
        parameter.default = None;
    }
    Ok(parameter)
}

/// Refuses one name under marks of different types: two parameters share it by accident. A mark without a type
/// has the type of its location.
fn refuse_contradiction(draft: &Draft, known: &[Known<'_>]) -> Result<()> {
    let mut first: Option<(&ValuePath, Word)> = None;
    for (path, known) in draft.paths.iter().zip(known) {
        let is_here =
            |mark: &&(String, String, Option<Word>)| mark.0 == path.node.as_str() && mark.1 == path.pointer;
        let Some((.., word)) = draft.marks.iter().find(is_here) else { continue };
        let takes_text = matches!(known.kind, Some(Kind::Text { .. }));
        let Some(word) = word.or(takes_text.then_some(Word::Text)) else { continue };
        match first {
            Some((other, before)) if before != word => {
                return Err(Error::new(format!(
                    "parameter `{}` is {} at input `{}` of node {}, but {} at input `{}` of node {}",
                    draft.name,
                    Kind::of_word(before).noun(),
                    other.input(),
                    other.node,
                    Kind::of_word(word).noun(),
                    path.input(),
                    path.node,
                ))
                .node(path.node.as_str())
                .hint("give the marks names of their own, or say the `type` in a sidecar"));
            }
            Some(_) => {}
            None => first = Some((path, word)),
        }
    }
    Ok(())
}

/// Looks up one location in the catalogue and in the file.
fn look<'a>(
    workflow: &Workflow,
    draft: &Draft,
    path: &ValuePath,
    object_info: Option<&'a ObjectInfo>,
) -> Result<Known<'a>> {
    let Some(node) = workflow.get(path.node.as_str()) else { return Err(Error::new("the node is gone")) };
    let input = path.input();
    let value = peek(workflow, path);
    let at = |what: &str| {
        Error::new(format!("parameter `{}`: input `{input}` of node {} {what}", draft.name, path.node))
            .node(path.node.as_str())
    };
    if let Some(link) = value.and_then(Link::read) {
        return Err(at(&format!("is linked to node {}", link.node_id))
            .hint("name an input that holds a value, such as that of the node it is linked to"));
    }
    let marked = matches!(draft.origin, Origin::Param | Origin::Braces)
        || value.and_then(Value::as_str).is_some_and(|text| param(text).is_some() || braces(text).1);
    let whole_input = path.pointer.matches('/').count() == 1;
    let spec = object_info
        .and_then(|catalogue| catalogue.get(&node.class_type))
        // The catalogue's rule for an input holds for the entire text, not for a part of it.
        .filter(|_| whole_input && path.form != Form::Within)
        .and_then(|class| spec_of(class, node, &input));
    if spec.as_ref().is_some_and(|spec| matches!(spec.dynamic, Some(Dynamic::Combo(_)))) {
        return Err(at("decides which other inputs the node has, so it cannot be a parameter"));
    }
    let kind = match &spec {
        Some(spec) => match Kind::of_spec(spec) {
            Some(kind) => Some(kind),
            None if matches!(spec.ty.as_str(), "*" | "COMFY_MATCHTYPE_V3") => None,
            None => return Err(at(&format!("takes {}, which is no plain value", spec.ty))),
        },
        None if path.form == Form::Within => Some(Kind::text()),
        None => None,
    };
    let value = value.filter(|_| !marked).cloned();
    if value.as_ref().is_some_and(|value| value.is_array() || value.is_object()) {
        return Err(at("holds a list or an object; a parameter is one value"));
    }
    let kind = kind.or_else(|| value.as_ref().and_then(|value| Kind::of_value(&input, value)));
    let model = models::folder(&node.class_type, &input).is_some();
    Ok(Known { spec, kind, value, model })
}

fn spec_of<'a>(class: &'a NodeClass, node: &Node, input: &str) -> Option<Cow<'a, InputSpec>> {
    if let Some(spec) = class.input(input) {
        return Some(Cow::Borrowed(spec));
    }
    specs(class, &node.inputs)
        .iter()
        .find(|spec| spec.name() == input)
        .map(|spec| Cow::Owned(spec.spec().clone()))
}

fn kind_of_all(draft: &Draft, known: &[Known<'_>], adjustment: &Adjustment) -> Result<Kind> {
    let failed = |reason: String| {
        Error::new(format!("parameter `{}`: {reason}", draft.name))
            .hint("give the places names of their own, or say its `type` in the sidecar")
    };
    let mut kind: Option<Kind> = None;
    for found in known.iter().filter_map(|known| known.kind.clone()) {
        kind = Some(match kind {
            None => found,
            Some(before) => before.merged(found).map_err(failed)?,
        });
    }
    let word = adjustment.word.or(draft.word);
    let within = draft.paths.iter().all(|path| path.form == Form::Within);
    Ok(match (kind, word) {
        // Inside a text any scalar is possible: the word alone decides.
        (Some(Kind::Text { .. }) | None, Some(word)) if within || known.iter().all(|k| k.spec.is_none()) => {
            Kind::of_word(word)
        }
        (Some(kind), Some(word)) => kind.narrowed_by(word),
        (Some(kind), None) => kind,
        (None, Some(word)) => Kind::of_word(word),
        (None, None) if super::kind::is_seed(&draft.name) => Kind::of_word(Word::Seed),
        (None, None) => Kind::text(),
    })
}

impl Parameter {
    /// Applies ranges and lists of the sidecar.
    fn adjust(&mut self, adjustment: &Adjustment) -> Result<()> {
        let wrong = |key: &str| {
            Error::new(format!("parameter `{}`: `{key}` of the sidecar does not fit its type", self.name))
        };
        let (low, high, pace) = (&adjustment.min, &adjustment.max, &adjustment.step);
        match &mut self.kind {
            Kind::Integer { min, max, step } => {
                for (target, value, key) in
                    [(&mut *min, low, "min"), (&mut *max, high, "max"), (&mut *step, pace, "step")]
                {
                    if let Some(value) = value {
                        *target = to_integer(value).ok_or_else(|| wrong(key))?;
                    }
                }
                *step = (*step).max(1);
                if min > max {
                    return Err(wrong("min"));
                }
            }
            Kind::Number { min, max, step } => {
                for (target, value, key) in [(&mut *min, low, "min"), (&mut *max, high, "max")] {
                    if let Some(value) = value {
                        *target = value.as_f64().ok_or_else(|| wrong(key))?;
                    }
                }
                *step = pace.as_ref().and_then(Value::as_f64).or(*step);
                if min > max {
                    return Err(wrong("min"));
                }
            }
            Kind::Seed { max } => {
                if let Some(value) = high {
                    *max = value.as_u64().ok_or_else(|| wrong("max"))?;
                }
            }
            Kind::Text { .. } | Kind::Boolean | Kind::Choice { .. } => {}
        }
        let Some(choices) = &adjustment.choices else { return Ok(()) };
        let accepted: Vec<Value> =
            choices.iter().filter_map(|choice| self.kind.accept_loosely(choice).ok()).collect();
        if accepted.is_empty() {
            return Err(wrong("choices")
                .hint(format!("none of them is accepted where it goes; it is {}", self.kind.noun())));
        }
        self.kind = Kind::Choice { options: accepted };
        Ok(())
    }

    /// Takes the default: the sidecar's, the file's own value, the server's; for a list its first entry, as the editor
    /// does, but never just any model.
    fn take_default(
        &mut self,
        known: &[Known<'_>],
        adjustment: &Adjustment,
        must_be_given: bool,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        if let Some(default) = &adjustment.default {
            let accepted = self.kind.accept_loosely(default).or_else(|reason| {
                let drawn = matches!(self.kind, Kind::Seed { .. }) && default.as_i64() == Some(-1);
                if drawn { Ok(default.clone()) } else { Err(reason) }
            });
            let wrong = |reason| Error::new(format!("parameter `{}`: its default {reason}", self.name));
            self.default = Some(accepted.map_err(wrong)?);
            return Ok(());
        }
        if must_be_given || matches!(self.kind, Kind::Seed { .. }) {
            return Ok(());
        }
        if let Some(value) = known.iter().find_map(|known| known.value.as_ref()) {
            match (self.kind.accept(value), &mut self.kind) {
                (Ok(accepted), _) => self.default = Some(accepted),
                // The author's own value is off the step, so the step is no rule.
                (Err(_), Kind::Integer { min, max, step })
                    if to_integer(value).is_some_and(|n| (*min..=*max).contains(&n)) =>
                {
                    *step = 1;
                    self.default = Some(value.clone());
                }
                (Err(reason), _) => notes.push(format!("`{}` of the file {reason}", self.name)),
            }
        }
        if self.default.is_some() {
            return Ok(());
        }
        let stated = known.iter().find_map(|known| known.spec.as_ref()?.options.get("default"));
        self.default = stated.and_then(|default| self.kind.accept(default).ok());
        if let (None, Kind::Choice { options }) = (&self.default, &self.kind) {
            let any = known.iter().all(|known| !known.model) || options.len() == 1;
            self.default = options.first().filter(|_| any).cloned();
        }
        // An empty negative prompt is a valid choice.
        if self.default.is_none()
            && self.name.starts_with("negative")
            && matches!(self.kind, Kind::Text { .. })
        {
            self.default = Some("".into());
        }
        Ok(())
    }
}

/// Describes a parameter in a line: the sidecar's, the file's, the server's, or its location.
fn words(workflow: &Workflow, draft: &Draft, known: &[Known<'_>], adjustment: &Adjustment) -> String {
    let tooltip = known.iter().find_map(|known| known.spec.as_ref()?.options.get("tooltip")?.as_str());
    let path = draft.paths.first();
    let node = path.and_then(|path| workflow.get(path.node.as_str()));
    let fallback = match (path, node) {
        (Some(path), Some(node)) => format!("{} of {}", path.input(), analyze::display_name(node, None)),
        _ => draft.name.clone(),
    };
    let own = Some(draft.description.as_str()).filter(|text| !text.is_empty());
    one_line(adjustment.description.as_deref().or(own).or(tooltip).unwrap_or(&fallback))
}

/// Cuts untrusted text to one short line.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let shown: String = word.chars().filter(|letter| !letter.is_control()).collect();
        if line.len() + shown.len() + 1 > MAX_LINE {
            if line.is_empty() {
                line = shown.chars().take(MAX_LINE / 4).collect();
            }
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&shown);
    }
    line
}
