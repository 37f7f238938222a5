//! One workflow of the folder: its files, read.

use std::path::Path;

use super::folder::{self, FileSeen, Group, Role};
use crate::config::read_yaml;
use comfywarden_workflow::{
    Error, ObjectInfo, UiWorkflow, Workflow,
    convert::{Moment, Report, to_api_at},
    json,
    parameters::Sidecar,
    read::{self, FileFormat, WorkflowFile},
    script,
    templates::{self, Template},
};

/// The longest stem of a file that becomes a tool.
const MAX_STEM: usize = 52;

/// Graph that runs.
#[derive(Debug)]
pub(super) enum Graph {
    /// The API format.
    Api(Workflow),
    /// The editor's format; converted with the catalogue of the moment.
    Editor(UiWorkflow),
    /// One of our templates.
    Template(&'static Template),
}

/// One readable workflow.
#[derive(Debug)]
pub(super) struct Entry {
    /// The file that holds the workflow, or the sidecar that names a template.
    pub(super) file: String,
    /// The name of the tool.
    pub(super) tool: String,
    pub(super) stem: String,
    /// `api`, `ui`, `script`, `png`, `template`, …
    pub(super) format: &'static str,
    pub(super) graph: Graph,
    pub(super) sidecar: Sidecar,
    /// Notes about what could not be read and does not matter.
    pub(super) notes: Vec<String>,
}

/// A file that becomes no tool, and why.
#[derive(Debug, Clone)]
pub(super) struct Unusable {
    pub(super) file: String,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Unusable {
    fn new(file: &str, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), reason: reason.into(), hint: None }
    }

    fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    pub(super) fn of(file: &str, error: &Error) -> Self {
        let hint = error
            .hint_text()
            .unwrap_or("save it again with ComfyUI's “Export (API)”, or see docs/workflows-as-tools.md");
        Self { file: file.to_owned(), reason: error.to_string(), hint: Some(hint.to_owned()) }
    }
}

/// Reads all files of one stem: at most one entry, and what is wrong with the rest.
pub(super) fn read_group(folder: &Path, stem: &str, group: &Group) -> (Option<Entry>, Vec<Unusable>) {
    let mut wrong = Vec::new();
    let sidecar = match read_sidecar(folder, group) {
        Ok(sidecar) => sidecar,
        Err(unusable) => {
            // What the sidecar forbids or hides must not be offered because the sidecar cannot be read.
            return (None, vec![unusable]);
        }
    };
    let (sidecar, sidecar_file) = sidecar.unwrap_or_default();
    let tool = match tool_name(stem) {
        Ok(tool) => tool,
        Err(reason) => {
            let file = group.files.first().map_or(stem, |file| file.name.as_str());
            return (None, vec![Unusable::new(file, reason)]);
        }
    };
    let entry = |file: &str, format, graph, notes| Entry {
        file: file.to_owned(),
        tool: tool.clone(),
        stem: stem.to_owned(),
        format,
        graph,
        sidecar: sidecar.clone(),
        notes,
    };
    if let Some(name) = &sidecar.template {
        wrong.extend(group.of(Role::Text).map(|file| {
            Unusable::new(&file.name, format!("{sidecar_file} runs the template `{name}` instead"))
        }));
        return match template(name) {
            Ok(template) => {
                (Some(entry(&sidecar_file, "template", Graph::Template(template), Vec::new())), wrong)
            }
            Err(error) => (None, vec![Unusable::of(&sidecar_file, &error)]),
        };
    }
    let mut chosen: Option<Entry> = None;
    let has_text = group.of(Role::Text).next().is_some();
    for file in group.of(Role::Text).chain(group.of(Role::Media)) {
        match read_file(folder, file) {
            Ok(Some((format, graph, notes))) => match &chosen {
                None => chosen = Some(entry(&file.name, format, graph, notes)),
                Some(first) => wrong.push(Unusable::new(
                    &file.name,
                    format!("the name {tool} is taken by {}; rename one of the two", first.file),
                )),
            },
            // A picture beside a workflow shows what it makes; nobody expects a workflow in it.
            Ok(None) if has_text => {}
            Ok(None) => wrong.push(Unusable::new(&file.name, "holds no workflow").hint(
                "use the file as ComfyUI saved it: messengers, editors and web sites remove the workflow",
            )),
            Err(_) if has_text && file.role == Role::Media => {}
            Err(unusable) => wrong.push(unusable),
        }
    }
    if chosen.is_none() && wrong.is_empty() {
        let file = if sidecar_file.is_empty() { stem } else { &sidecar_file };
        let mut unusable = Unusable::new(file, "stands beside no workflow file and names no template");
        unusable.hint = Some(format!("put {stem}.json beside it, or write `template: txt2img` into it"));
        wrong.push(unusable);
    }
    (chosen, wrong)
}

type Read = (&'static str, Graph, Vec<String>);

fn read_file(folder: &Path, file: &FileSeen) -> Result<Option<Read>, Unusable> {
    let bytes = folder::read(folder, file).map_err(|reason| Unusable::new(&file.name, reason))?;
    let is_json = file.name.to_ascii_lowercase().ends_with(".json");
    let script = file.role == Role::Text && !is_json && !read::starts_as_json(&bytes);
    if file.role == Role::Media && FileFormat::detect(&bytes).is_none() {
        return Err(Unusable::new(
            &file.name,
            "is no picture, video or sound of a kind that holds workflows",
        )
        .hint("save it again as PNG, WebP, MP4, WebM, FLAC, Ogg or MP3 with ComfyUI"));
    }
    if script {
        let text = std::str::from_utf8(&bytes).map_err(|_| Unusable::new(&file.name, "is not UTF-8"))?;
        let parsed = script::parse(text, None).map_err(|error| Unusable::of(&file.name, &error.into()))?;
        return Ok(Some(("script", Graph::Api(parsed.workflow), Vec::new())));
    }
    let found = match read::read(&bytes) {
        Ok(found) => found,
        Err(error) if file.role == Role::Media && error.to_string().contains("holds no workflow") => {
            return Ok(None);
        }
        Err(error) => return Err(Unusable::of(&file.name, &error)),
    };
    let WorkflowFile { format, prompt, workflow, notes, .. } = found;
    let notes = notes.into_iter().map(|remark| remark.message).collect();
    // Marks are typed in the editor as values, and titles stand in both formats; what ran is the better source.
    let graph = match (prompt, workflow) {
        (Some(prompt), _) if prompt.is_empty() => {
            return Err(Unusable::new(&file.name, "the workflow has no nodes"));
        }
        (Some(prompt), _) => Graph::Api(prompt),
        (None, Some(editor)) => Graph::Editor(editor),
        (None, None) => return Ok(None),
    };
    Ok(Some((format.as_str(), graph, notes)))
}

/// The sidecar and the file it came from. Ours wins over another program's.
fn read_sidecar(folder: &Path, group: &Group) -> Result<Option<(Sidecar, String)>, Unusable> {
    let Some(file) = group.of(Role::Sidecar).chain(group.of(Role::ForeignSidecar)).next() else {
        return Ok(None);
    };
    if let Some(second) = group.of(Role::Sidecar).nth(1) {
        return Err(Unusable::new(&second.name, format!("is a second sidecar beside {}", file.name)));
    }
    let wrong = |reason: String| {
        Unusable::new(&file.name, reason).hint("docs/workflows-as-tools.md shows what may stand in a sidecar")
    };
    let bytes = folder::read(folder, file).map_err(wrong)?;
    let sidecar = if file.role == Role::Sidecar {
        let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
        Sidecar::from_value(&read_yaml(&text).map_err(wrong)?)
    } else {
        json::parse(&bytes).and_then(|value| Sidecar::from_foreign(&value))
    };
    Ok(Some((sidecar.map_err(|error| Unusable::of(&file.name, &error))?, file.name.clone())))
}

fn template(name: &str) -> Result<&'static Template, Error> {
    let all = templates::catalogue();
    all.iter().find(|template| template.name == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|template| template.name).collect();
        let near = comfywarden_workflow::nearest::did_you_mean(name, names.iter().copied());
        let near = near.map(|text| format!("; {text}")).unwrap_or_default();
        Error::new(format!("there is no template `{name}`{near}"))
            .hint(format!("templates: {}", names.join(", ")))
    })
}

/// `workflow_<stem>`, with `_` for what a tool name cannot hold.
fn tool_name(stem: &str) -> Result<String, String> {
    let plain = |letter: char| {
        let fits = letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
        if fits { letter } else { '_' }
    };
    let name: String = stem.chars().map(plain).collect();
    if !name.chars().any(|letter| letter.is_ascii_alphanumeric()) {
        return Err("its name has no letter or digit (a-z, 0-9) that a tool could be called by".to_owned());
    }
    if name.len() > MAX_STEM {
        return Err(format!("its name is too long for a tool; at most {MAX_STEM} characters before the dot"));
    }
    Ok(format!("workflow_{name}"))
}

impl Entry {
    /// The workflow in API format, and what a conversion lost. Templates are built when they run.
    pub(super) fn workflow(
        &self,
        object_info: Option<&ObjectInfo>,
    ) -> Result<Option<(Workflow, Report)>, Error> {
        match (&self.graph, object_info) {
            (Graph::Api(workflow), _) => Ok(Some((workflow.clone(), Report::default()))),
            (Graph::Editor(editor), Some(catalogue)) => {
                let converted = to_api_at(editor, catalogue, &Moment::of(&chrono::Local::now()))?;
                Ok(Some((converted.workflow, converted.report)))
            }
            (Graph::Editor(_), None) | (Graph::Template(_), _) => Ok(None),
        }
    }
}
