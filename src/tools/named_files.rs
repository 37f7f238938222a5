//! The files of ComfyUI's output and temp folders that a workflow names, however it names them.
//!
//! A loader reads `name.png [output]` whoever made that file, so with several callers each such name is looked up
//! before the workflow is queued. ComfyUI cuts the mark and one character before it, whatever that character is.

use serde_json::Value;

use crate::comfy::{FileType, OutputRef};
use comfywarden_error::JsonObject;
use comfywarden_policy::path::{OutputName, Subfolder};
use comfywarden_workflow::{Link, ObjectInfo, Workflow};

/// Maximum depth of nested graphs; deeper ones are refused by the inspector.
const MAX_GRAPHS: usize = 10;
/// Maximum number of text nodes that a name is followed through.
const MAX_HOPS: usize = 8;
const MARKS: [(&str, FileType); 3] =
    [("[input]", FileType::Input), ("[output]", FileType::Output), ("[temp]", FileType::Temp)];
/// Inputs that read the output folder, or show a file of it, although the node catalogue does not say so.
const OF_OUTPUT: [(&str, &str); 3] =
    [("LoadImageOutput", "image"), ("LoadTrainingDataset", "folder_name"), ("Preview3D", "model_file")];
/// Inputs that read the input folder although the node catalogue does not say so.
const OF_INPUT: [(&str, &str); 3] =
    [("LoadLatent", "latent"), ("GeminiInputFiles", "file"), ("OpenAIInputFiles", "file")];

/// A file that a node names.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) node: String,
    pub(super) class: String,
    pub(super) input: String,
    pub(super) file: File,
}

/// File that is named.
#[derive(Debug)]
pub(super) enum File {
    /// A file that a job may have made.
    Plain(OutputRef),
    /// A folder, a way out of it, or a name that no result is known by.
    Odd { name: String, folder: FileType },
    /// Something that is only known when the workflow runs.
    Linked,
}

/// Every file outside of the input folder that the workflow names, in any node and any graph inside of it.
pub(super) fn named(
    workflow: &Workflow,
    object_info: &ObjectInfo,
    replacements: Option<&Value>,
) -> Vec<Named> {
    let mut scan = Scan { object_info, replacements, found: Vec::new() };
    if let Value::Object(graph) = workflow.to_value() {
        scan.graph(&graph, 1);
    }
    scan.found
}

struct Scan<'a> {
    object_info: &'a ObjectInfo,
    replacements: Option<&'a Value>,
    found: Vec<Named>,
}

/// Position of a value in a graph.
#[derive(Clone, Copy)]
struct ValuePosition<'g> {
    graph: &'g JsonObject,
    id: &'g str,
    class: &'g str,
    input: &'g str,
    /// Folder of a name without a mark; `None` for inputs that are not known to take files.
    folder: Option<FileType>,
    depth: usize,
}

impl Scan<'_> {
    fn graph(&mut self, graph: &JsonObject, depth: usize) {
        if depth > MAX_GRAPHS {
            return;
        }
        for (id, node) in graph {
            let class = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
            let place = ValuePosition { graph, id, class, input: "", folder: None, depth };
            let Value::Object(parts) = node else {
                self.value(node, place);
                continue;
            };
            for (key, part) in parts {
                match part {
                    Value::Object(inputs) if key == "inputs" => self.inputs(inputs, place),
                    _ if key == "class_type" || key == "_meta" => {}
                    _ => self.value(part, ValuePosition { input: key, ..place }),
                }
            }
        }
    }

    fn inputs(&mut self, inputs: &JsonObject, place: ValuePosition<'_>) {
        let shows_output = self.is_replaced_by_reader(place.class);
        for (name, value) in inputs {
            let folder = self.folder(place.class, name);
            let place = ValuePosition { input: name, folder, ..place };
            match (Link::read(value), value) {
                (Some(link), _) if folder.is_some() => self.link(&link, place),
                (None, Value::String(text)) if shows_output && looks_like_file(text) => {
                    self.name(text, ValuePosition { folder: folder.or(Some(FileType::Output)), ..place });
                }
                _ => self.value(value, place),
            }
        }
    }

    /// The folder in which the input looks for a name without a mark, where it takes names of files.
    fn folder(&self, class: &str, input: &str) -> Option<FileType> {
        let is = |known: &(&str, &str)| class.starts_with(known.0) && input == known.1;
        if OF_OUTPUT.iter().any(is) {
            return Some(FileType::Output);
        }
        if OF_INPUT.iter().any(is) {
            return Some(FileType::Input);
        }
        let options = &self.object_info.get(class)?.input(input)?.options;
        let route = options.get("remote").and_then(|remote| remote.get("route")).and_then(Value::as_str);
        let named = options.get("image_folder").and_then(Value::as_str);
        match named.or_else(|| route?.rsplit_once("/files/").map(|(_, folder)| folder)) {
            Some(folder) if folder.starts_with("output") => Some(FileType::Output),
            Some(folder) if folder.starts_with("temp") => Some(FileType::Temp),
            Some(_) => Some(FileType::Input),
            None => options
                .iter()
                .any(|(key, on)| key.ends_with("_upload") && on == true)
                .then_some(FileType::Input),
        }
    }

    /// True when the server may run a reader of the output folder in the place of this class.
    fn is_replaced_by_reader(&self, class: &str) -> bool {
        let Some(entry) = self.replacements.and_then(|all| all.get(class)) else { return false };
        let text = entry.to_string();
        OF_OUTPUT.iter().any(|(reader, _)| text.contains(reader))
    }

    /// A name that comes out of another node. Only a constant is known before the workflow runs.
    fn link(&mut self, link: &Link, place: ValuePosition<'_>) {
        let mut link = link.clone();
        for _ in 0..MAX_HOPS {
            let Some(node) = place.graph.get(link.node_id.as_str()) else { return };
            let class = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
            let known = self.object_info.get(class);
            let ty = known.and_then(|known| known.outputs.get(usize::try_from(link.output).ok()?));
            // Pictures and models are no names, and paid services name their files themselves.
            if ty.is_some_and(|output| !is_text(&output.ty)) || known.is_some_and(|known| known.api_node) {
                return;
            }
            let value = node.get("inputs").and_then(|inputs| inputs.get("value"));
            match value.filter(|_| class.starts_with("PrimitiveString")) {
                Some(Value::String(text)) => return self.name(text, place),
                Some(value) if let Some(next) = Link::read(value) => link = next,
                _ => break,
            }
        }
        self.push(place, File::Linked);
    }

    fn value(&mut self, value: &Value, place: ValuePosition<'_>) {
        match value {
            Value::String(text) => self.text(text, place),
            Value::Array(items) => items.iter().for_each(|item| self.value(item, place)),
            Value::Object(map) if map.contains_key("class_type") => {
                self.graph(&JsonObject::from_iter([(place.id.to_owned(), value.clone())]), place.depth + 1);
            }
            Value::Object(map) if map.values().any(|node| node.get("class_type").is_some()) => {
                self.graph(map, place.depth + 1);
            }
            Value::Object(map) => map.values().for_each(|item| self.value(item, place)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, place: ValuePosition<'_>) {
        let text = text.trim();
        let inner = || serde_json::from_str::<Value>(text).ok().filter(|inner| !inner.is_number());
        if text.starts_with(['{', '[', '"'])
            && place.depth < MAX_GRAPHS
            && let Some(inner) = inner()
        {
            self.value(&inner, ValuePosition { depth: place.depth + 1, ..place });
        } else if place.folder.is_some() {
            self.name(text, place);
        } else {
            self.names_in(text, place);
            self.path(text, place);
        }
    }

    /// Names in a text of any purpose: a line each, or several in a line.
    fn names_in(&mut self, text: &str, place: ValuePosition<'_>) {
        if !text.contains("[output]") && !text.contains("[temp]") {
            return;
        }
        for line in text.lines() {
            let many = line.matches("[output]").count() + line.matches("[temp]").count() > 1;
            self.name(line, place);
            for part in line.split([',', ';', '|']).filter(|_| many) {
                self.name(part, place);
            }
        }
    }

    /// A path from elsewhere into one of the folders, for nodes that read whatever path they get.
    fn path(&mut self, text: &str, place: ValuePosition<'_>) {
        let class = place.class.to_ascii_lowercase();
        let reads = ["load", "open", "import", "read"].iter().any(|word| class.contains(word));
        let ty = self.object_info.get(place.class).and_then(|known| known.input(place.input));
        if !reads || text.contains('\n') || ty.is_some_and(|input| input.ty != "STRING") {
            return;
        }
        let path = text.replace('\\', "/");
        let parts: Vec<&str> = path.split('/').collect();
        let Some(at) = parts.iter().rposition(|part| matches!(*part, "output" | "temp")) else { return };
        let (folder, rest) = parts.split_at(at);
        let (Some(last), true) = (rest.first(), rest.len() > 1 || !folder.is_empty()) else { return };
        let folder = if *last == "temp" { FileType::Temp } else { FileType::Output };
        let name = rest.get(1..).unwrap_or_default().join("/");
        self.push(place, file(&name, folder));
    }

    /// One name, as ComfyUI reads it.
    fn name(&mut self, text: &str, place: ValuePosition<'_>) {
        let text = text.trim().trim_matches(['"', '\'']).trim();
        let marked = MARKS.iter().find_map(|(mark, folder)| Some((text.strip_suffix(mark)?, *folder)));
        let (name, folder) = match (marked, place.folder) {
            (Some((before, folder)), _) => {
                let mut characters = before.chars();
                characters.next_back();
                (characters.as_str(), folder)
            }
            (None, Some(folder)) => (text, folder),
            (None, None) => return,
        };
        match folder {
            FileType::Input if place.folder.is_some() && leaves(name) => {
                self.push(place, File::Odd { name: name.to_owned(), folder });
            }
            FileType::Input => {}
            FileType::Output | FileType::Temp if place.folder.is_some() || looks_like_file(name) => {
                self.push(place, file(name, folder));
            }
            // Words that happen to end so.
            FileType::Output | FileType::Temp => {}
        }
    }

    fn push(&mut self, place: ValuePosition<'_>, file: File) {
        let ValuePosition { id, class, input, .. } = place;
        self.found.push(Named { node: id.into(), class: class.into(), input: input.into(), file });
    }
}

fn file(name: &str, folder: FileType) -> File {
    let (subfolder, filename) = name.rsplit_once('/').unwrap_or(("", name));
    match (OutputName::parse(filename), Subfolder::parse(subfolder)) {
        (Ok(filename), Ok(subfolder)) => File::Plain(OutputRef { filename, subfolder, kind: folder }),
        _ => File::Odd { name: name.to_owned(), folder },
    }
}

/// True for a path that may end outside of the folder it is relative to.
fn leaves(path: &str) -> bool {
    let path = path.replace('\\', "/");
    path.starts_with(['/', '~'])
        || path.as_bytes().get(1) == Some(&b':')
        || path.split('/').any(|part| part.trim() == "..")
}

/// True when the text ends like a file's name does.
fn looks_like_file(text: &str) -> bool {
    let end = text.trim_end().rsplit_once('.').map(|(_, extension)| extension);
    end.is_some_and(|end| (1..=12).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// True for types of outputs that may carry a name.
fn is_text(ty: &str) -> bool {
    ty.split(',').any(|ty| matches!(ty, "STRING" | "COMBO" | "*") || ty.starts_with("COMFY_"))
}

#[cfg(test)]
mod tests;
