//! Documents of this server: what a tool would answer, at an address that clients can list, keep and watch.
//!
//! Each names the tool that shows the same. Where that tool is not offered, the document does not exist, so that an
//! address never reaches around the profile.

use serde_json::{Value, json};

use super::{decode, unknown};
use crate::{comfy::Client, tools::Tool};
use comfywarden_error::{JsonObject, Result};
use comfywarden_policy::path::ModelFolder;

/// Maximum time that a document claims to stay true, in milliseconds.
const A_MOMENT: u64 = 1_000;
const A_WHILE: u64 = 30_000;
const LONG: u64 = 300_000;

/// One address, or one family of them.
#[derive(Debug)]
pub struct Document {
    /// The address; a template where it has a variable in braces.
    pub uri: &'static str,
    /// A name for programs.
    pub name: &'static str,
    /// A name for people.
    pub title: &'static str,
    /// Description of the content.
    pub description: &'static str,
    /// Its type; none where each file has its own.
    pub mime_type: Option<&'static str>,
    /// Time for which it may be kept, in milliseconds.
    pub ttl_ms: u64,
    tool: &'static str,
    source: DocumentSource,
}

/// Sources of a document.
#[derive(Debug)]
enum DocumentSource {
    /// ComfyUI's own files.
    Files,
    Models,
    Nodes,
    Queue,
    /// The tool of the document, with the variable as this argument.
    Call(Option<&'static str>),
    /// Results that were too large for their client.
    Results,
}

impl Document {
    /// True when this caller could see the same through a tool.
    pub fn is_offered<'a>(&self, mut offered: impl Iterator<Item = &'a Tool>) -> bool {
        offered.any(|tool| self.tool().is_none_or(|name| tool.name() == name))
    }

    /// True for an address without a variable.
    pub fn is_single(&self) -> bool {
        !self.uri.contains('{')
    }

    /// The tool that shows the same; none for the results of all tools.
    pub(crate) fn tool(&self) -> Option<&'static str> {
        (!matches!(self.source, DocumentSource::Results)).then_some(self.tool)
    }
}

/// Every document, single addresses first.
pub const DOCUMENTS: &[Document] = &[
    Document {
        uri: "comfyui://nodes/installed",
        name: "nodes",
        title: "Installed node classes",
        description: "The names of all node classes, sorted",
        mime_type: Some(JSON),
        ttl_ms: A_WHILE,
        tool: "comfyui_list_nodes",
        source: DocumentSource::Nodes,
    },
    Document {
        uri: "comfyui://queue",
        name: "queue",
        title: "Queue",
        description: "How many jobs run and wait",
        mime_type: Some(JSON),
        ttl_ms: A_MOMENT,
        tool: "comfyui_get_queue",
        source: DocumentSource::Queue,
    },
    Document {
        uri: "comfyui://system",
        name: "system",
        title: "Server",
        description: "ComfyUI's version, devices and memory",
        mime_type: Some(JSON),
        ttl_ms: A_MOMENT,
        tool: "comfyui_get_system_info",
        source: DocumentSource::Call(None),
    },
    Document {
        uri: "comfyui://settings",
        name: "settings",
        title: "Settings",
        description: "Those of ComfyUI's settings that the operator shows",
        mime_type: Some(JSON),
        ttl_ms: A_WHILE,
        tool: "comfyui_get_settings",
        source: DocumentSource::Call(None),
    },
    Document {
        uri: "comfyui://workflows",
        name: "workflows",
        title: "Workflow files",
        description: "Workflow files of this installation and of installed packs",
        mime_type: Some(JSON),
        ttl_ms: A_WHILE,
        tool: "comfyui_list_workflows",
        source: DocumentSource::Call(None),
    },
    Document {
        uri: "comfyui://models/{folder}",
        name: "models",
        title: "Installed models",
        description: "The files of one model folder, such as checkpoints, loras or vae",
        mime_type: Some(JSON),
        ttl_ms: A_WHILE,
        tool: "comfyui_list_models",
        source: DocumentSource::Models,
    },
    Document {
        uri: "comfyui://nodes/{class}",
        name: "node",
        title: "Node class",
        description: "Inputs and outputs of one node class",
        mime_type: Some(JSON),
        ttl_ms: A_WHILE,
        tool: "comfyui_get_node_info",
        source: DocumentSource::Call(Some("node_class")),
    },
    Document {
        uri: "comfyui://jobs/{prompt_id}",
        name: "job",
        title: "Job",
        description: "One job: status, times, outputs, failure",
        mime_type: Some(JSON),
        ttl_ms: A_MOMENT,
        tool: "comfyui_get_job",
        source: DocumentSource::Call(Some("prompt_id")),
    },
    Document {
        uri: "comfyui://templates/{name}",
        name: "template",
        title: "Workflow template",
        description: "A built-in workflow with its defaults, in API format",
        mime_type: Some(JSON),
        ttl_ms: LONG,
        tool: "comfyui_create_workflow",
        source: DocumentSource::Call(Some("template")),
    },
    Document {
        uri: "comfyui://assets/{asset_id}",
        name: "asset",
        title: "Asset",
        description: "How an output was made: seed, model, prompts, size",
        mime_type: Some(JSON),
        ttl_ms: A_WHILE,
        tool: "comfyui_get_asset_metadata",
        source: DocumentSource::Call(Some("asset_id")),
    },
    Document {
        uri: "comfyui://outputs/{type}/{+path}",
        name: "output",
        title: "A file that ComfyUI made",
        description: "type is output, input or temp; path is subfolder/filename as a result gave them",
        mime_type: None,
        ttl_ms: 0,
        tool: "comfyui_get_image",
        source: DocumentSource::Files,
    },
    Document {
        uri: "comfyui://results/{id}{/piece}",
        name: "result",
        title: "A whole result",
        description: "What a shortened result left out, as its link says; piece 1, 2, … where it is long. Kept for 15 minutes",
        mime_type: None,
        ttl_ms: LONG,
        tool: "",
        source: DocumentSource::Results,
    },
];

const JSON: &str = "application/json";

/// Content that an address names.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// A file.
    File,
    /// A tool's answer.
    Call(JsonObject),
    /// A result that was too large for its client.
    Result(Piece),
    /// Models in this folder, as ComfyUI lists them.
    Models(ModelFolder),
    Nodes,
    Queue,
}

/// A result that is kept, or a part of it.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) id: String,
    /// Number from 1; none for the whole.
    pub(crate) number: Option<usize>,
}

impl Piece {
    fn parse(rest: &str) -> Option<Self> {
        let (id, number) = match rest.split_once('/') {
            Some((id, number)) if number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                (id, Some(number.parse().ok()?))
            }
            Some(_) => return None,
            None => (rest, None),
        };
        let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| Self { id: id.to_owned(), number })
    }
}

/// Finds the document that `uri` names. The variable is decoded once; what it names passes the rules of the tool.
pub(crate) fn find(uri: &str) -> Result<(&'static Document, Wanted)> {
    for document in DOCUMENTS {
        let value = match document.uri.split_once('{') {
            None if document.uri == uri => String::new(),
            None => continue,
            Some((prefix, _)) if matches!(document.source, DocumentSource::Results) => {
                match uri.strip_prefix(prefix).map(Piece::parse) {
                    Some(piece) => return Ok((document, Wanted::Result(piece.ok_or_else(unknown)?))),
                    None => continue,
                }
            }
            Some((_, variable)) if variable.contains("+path}") => {
                if uri.starts_with("comfyui://outputs/") {
                    return Ok((document, Wanted::File));
                }
                continue;
            }
            Some((prefix, _)) => match uri.strip_prefix(prefix) {
                Some(rest) if !rest.is_empty() && !rest.contains(['/', '?', '#']) => {
                    decode(rest).ok_or_else(unknown)?
                }
                _ => continue,
            },
        };
        return Ok((document, document.wanted(value)?));
    }
    Err(unknown())
}

impl Document {
    fn wanted(&self, value: String) -> Result<Wanted> {
        Ok(match &self.source {
            DocumentSource::Files => Wanted::File,
            DocumentSource::Results => return Err(unknown()),
            DocumentSource::Models => Wanted::Models(ModelFolder::parse(&value)?),
            DocumentSource::Nodes => Wanted::Nodes,
            DocumentSource::Queue => Wanted::Queue,
            DocumentSource::Call(None) => Wanted::Call(JsonObject::new()),
            DocumentSource::Call(Some(argument)) => {
                Wanted::Call(JsonObject::from_iter([((*argument).to_owned(), value.into())]))
            }
        })
    }
}

/// Asks ComfyUI about models, nodes or the queue.
pub(crate) async fn ask(comfy: &Client, wanted: &Wanted) -> Result<Value> {
    let said = match wanted {
        Wanted::Models(folder) => {
            let models = comfy.models(folder).await?;
            json!({ "folder": folder.as_str(), "count": models.len(), "models": models })
        }
        Wanted::Nodes => {
            let info = comfy.object_info().await?;
            let mut names: Vec<&str> = info.names().iter().map(String::as_str).collect();
            names.sort_unstable();
            json!({ "count": names.len(), "nodes": names })
        }
        Wanted::Queue => {
            let queue = comfy.queue().await?;
            json!({ "running": queue.running.len(), "pending": queue.pending.len() })
        }
        Wanted::File | Wanted::Call(_) | Wanted::Result(_) => return Err(unknown()),
    };
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_leads_to_its_document() {
        for (uri, name) in [
            ("comfyui://queue", "queue"),
            ("comfyui://nodes/installed", "nodes"),
            ("comfyui://nodes/KSampler%20%28Efficient%29", "node"),
            ("comfyui://models/checkpoints", "models"),
            ("comfyui://outputs/output/a/b.png", "output"),
            ("comfyui://results/0123456789abcdef0123456789abcdef", "result"),
            ("comfyui://results/0123456789abcdef0123456789abcdef/12", "result"),
        ] {
            assert_eq!(find(uri).unwrap().0.name, name, "{uri}");
        }
        let (_, wanted) = find("comfyui://nodes/KSampler%20%28Efficient%29").unwrap();
        let Wanted::Call(args) = wanted else { panic!("{wanted:?}") };
        assert_eq!(args["node_class"], "KSampler (Efficient)");
    }

    #[test]
    fn nothing_else_is_a_document() {
        for uri in [
            "comfyui://",
            "comfyui://queue/",
            "comfyui://queue?x=1",
            "comfyui://models/",
            "comfyui://models/..",
            "comfyui://models/%2e%2e",
            "comfyui://models/%2e%2e%2fcheckpoints",
            "comfyui://models/a/b",
            "comfyui://models/%zz",
            "comfyui://userdata",
            "comfyui://results/",
            "comfyui://results/short",
            "comfyui://results/0123456789abcdef0123456789abcdef/",
            "comfyui://results/0123456789abcdef0123456789abcdef/-1",
            "comfyui://results/0123456789abcdef0123456789abcdef/1/2",
            "comfyui://results/0123456789abcdef0123456789abcde%46",
            "http://queue",
            "COMFYUI://queue",
        ] {
            assert!(find(uri).is_err(), "{uri} was taken");
        }
    }
}
