//! Finds the parameters of a workflow: in the sidecar, in values, in titles, or among the usual settings.

use serde_json::Value;

use super::complete::complete;
use super::infer::infer;
use super::kind::Word;
use super::marker::{Mark, braces, check_name, param, title};
use super::parameter::{Form, Origin, Parameters, ValuePath};
use super::sidecar::{Sidecar, Spot};
use crate::{Error, Link, ObjectInfo, Result, Workflow, nearest};

/// The most parameters of one workflow.
const MAX_ENTRIES: usize = 64;

/// A parameter before its type is known.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) word: Option<Word>,
    /// The type that each `PARAM_` mark names, by node and pointer.
    pub(super) marks: Vec<(String, String, Option<Word>)>,
    pub(super) required: Option<bool>,
    pub(super) description: String,
    pub(super) paths: Vec<ValuePath>,
}

/// Finds the parameters of `workflow`.
///
/// Without the catalogue the names are found, and types as far as the file tells; ranges, lists and defaults of the
/// server are not known then.
pub fn find(workflow: &Workflow, sidecar: &Sidecar, object_info: Option<&ObjectInfo>) -> Result<Parameters> {
    let mut drafts = Vec::new();
    from_map(workflow, sidecar, &mut drafts)?;
    from_values(workflow, &mut drafts)?;
    from_titles(workflow, &mut drafts)?;
    if drafts.is_empty() {
        drafts = infer(workflow);
    }
    if drafts.len() > MAX_ENTRIES {
        return Err(Error::new(format!(
            "the workflow has {} parameters; at most {MAX_ENTRIES} are offered",
            drafts.len()
        )));
    }
    refuse_strays(sidecar, &drafts)?;
    let mut parameters = Parameters::default();
    for draft in drafts {
        let adjustment = sidecar.about(&draft.name).cloned().unwrap_or_default();
        let parameter = complete(workflow, draft, &adjustment, object_info, &mut parameters.notes)?;
        parameters.list.push(parameter);
    }
    Ok(parameters)
}

fn add<'d>(drafts: &'d mut Vec<Draft>, name: &str, origin: Origin, path: ValuePath) -> Result<&'d mut Draft> {
    check_name(name).map_err(|error| error.node(path.node.as_str()))?;
    let at = drafts.iter().position(|draft| draft.name == name).unwrap_or(drafts.len());
    if at == drafts.len() {
        drafts.push(Draft {
            name: name.to_owned(),
            origin,
            word: None,
            marks: Vec::new(),
            required: None,
            description: String::new(),
            paths: Vec::new(),
        });
    }
    let draft = drafts.get_mut(at).ok_or_else(|| Error::new("the parameters cannot be listed"))?;
    if !draft.paths.iter().any(|known| known.node == path.node && known.pointer == path.pointer) {
        draft.paths.push(path);
    }
    Ok(draft)
}

fn taken(drafts: &[Draft], node: &str, pointer: &str) -> bool {
    drafts.iter().flat_map(|draft| &draft.paths).any(|p| p.node.as_str() == node && p.pointer == pointer)
}

fn from_map(workflow: &Workflow, sidecar: &Sidecar, drafts: &mut Vec<Draft>) -> Result<()> {
    for (name, adjustment) in &sidecar.parameters {
        for spot in &adjustment.spots {
            let path = locate(workflow, name, spot)?;
            add(drafts, name, Origin::Map, path)?;
        }
    }
    Ok(())
}

fn locate(workflow: &Workflow, name: &str, spot: &Spot) -> Result<ValuePath> {
    let titled = || {
        let mut found = workflow.iter().filter(|(_, node)| node.title() == Some(spot.node.as_str()));
        found.next().filter(|_| found.next().is_none())
    };
    let Some((id, node)) = workflow.entry(&spot.node).or_else(titled) else {
        return Err(Error::new(format!(
            "parameter `{name}` points to node `{}`, which is not there",
            spot.node
        ))
        .hint("name a node by its id, or by its title where only one has it"));
    };
    if !node.inputs.contains_key(&spot.input) {
        let near = nearest::did_you_mean(&spot.input, node.inputs.keys().map(String::as_str));
        let near = near.map(|text| format!("; {text}")).unwrap_or_default();
        return Err(Error::new(format!(
            "parameter `{name}` points to input `{}` of node {id}, which is not there{near}",
            spot.input
        ))
        .node(id.as_str()));
    }
    Ok(ValuePath { node: id.clone(), pointer: format!("/{}", escape(&spot.input)), form: Form::Value })
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Collects the marks in values, at any depth.
fn from_values(workflow: &Workflow, drafts: &mut Vec<Draft>) -> Result<()> {
    for (id, node) in workflow.iter() {
        let mut open: Vec<(String, &Value)> =
            node.inputs.iter().rev().map(|(name, value)| (format!("/{}", escape(name)), value)).collect();
        while let Some((pointer, value)) = open.pop() {
            match value {
                Value::String(text) => from_text(drafts, id.as_str(), pointer, text)?,
                Value::Array(items) if Link::read(value).is_none() => {
                    open.extend(
                        items.iter().enumerate().rev().map(|(i, item)| (format!("{pointer}/{i}"), item)),
                    );
                }
                Value::Object(map) => {
                    let inner =
                        map.iter().rev().map(|(key, item)| (format!("{pointer}/{}", escape(key)), item));
                    open.extend(inner);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn from_text(drafts: &mut Vec<Draft>, node: &str, pointer: String, text: &str) -> Result<()> {
    if taken(drafts, node, &pointer) {
        return Ok(());
    }
    if let Some(Mark { name, word }) = param(text) {
        let path = ValuePath { node: node.into(), pointer: pointer.clone(), form: Form::Value };
        let draft = add(drafts, &name, Origin::Param, path)?;
        draft.marks.push((node.to_owned(), pointer, word));
        draft.word = draft.word.or(word);
        return Ok(());
    }
    let (names, whole) = braces(text);
    let form = if whole { Form::Value } else { Form::Within };
    for name in names {
        add(drafts, &name, Origin::Braces, ValuePath { node: node.into(), pointer: pointer.clone(), form })?;
    }
    Ok(())
}

fn from_titles(workflow: &Workflow, drafts: &mut Vec<Draft>) -> Result<()> {
    for (id, node) in workflow.iter() {
        let Some(mark) = node.title().and_then(title) else { continue };
        let spot = Spot { node: id.as_str().to_owned(), input: mark.input };
        let path = locate(workflow, &mark.name, &spot)?;
        if taken(drafts, id.as_str(), &path.pointer) {
            continue;
        }
        let draft = add(drafts, &mark.name, Origin::Title, path)?;
        draft.required = draft.required.or(mark.required.then_some(true));
        if draft.description.is_empty() {
            draft.description = mark.description;
        }
    }
    Ok(())
}

/// Refuses a sidecar that names parameters which do not exist: it is out of date, or misspelt.
fn refuse_strays(sidecar: &Sidecar, drafts: &[Draft]) -> Result<()> {
    let known = || drafts.iter().map(|draft| draft.name.as_str());
    if sidecar.foreign {
        return Ok(());
    }
    let Some((stray, _)) = sidecar.parameters.iter().find(|(name, _)| !known().any(|known| known == name))
    else {
        return Ok(());
    };
    let near = nearest::did_you_mean(stray, known()).map(|text| format!("; {text}")).unwrap_or_default();
    let names: Vec<&str> = known().collect();
    Err(Error::new(format!(
        "the sidecar names the parameter `{stray}`, which the workflow does not have{near}"
    ))
    .hint(format!("it has: {}; or say where it goes with `at: \"node.input\"`", nearest::list(&names, 20))))
}
