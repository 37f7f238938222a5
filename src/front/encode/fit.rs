//! Fits results to what a client can take. What is left out is kept behind a resource, and linked.

use serde_json::Value;

use super::clamp::clamp;
use crate::{
    app::{App, KeptResult},
    gate::Caller,
    tools::{Block, MAX_RESULT_BYTES},
};

/// Limits of a client for one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResultLimits {
    /// Limit for the JSON of a result, in bytes.
    pub(crate) json: usize,
    /// Limit for the whole result, in bytes: the JSON, the same as text, and pictures in base64.
    pub(crate) total: usize,
    /// True when pictures in a result reach the model.
    pub(crate) pictures: bool,
}

impl Default for ResultLimits {
    fn default() -> Self {
        Self { json: MAX_RESULT_BYTES, total: 1 << 20, pictures: true }
    }
}

/// Cuts a result of this tool to the limits. What is taken out is kept for the caller, and linked.
pub(super) fn fit(
    (app, caller, tool): (&App, &Caller, &str),
    limits: ResultLimits,
    structured: &mut Value,
    blocks: Vec<Block>,
) -> Vec<Block> {
    let mut links = Vec::new();
    if let Some(whole) = clamp(structured, limits.json) {
        links.extend(keep_whole((app, caller, tool), structured, &whole));
    }
    // The JSON travels twice, the second time in quotes.
    let mut size = structured.to_string().len() * 9 / 4;
    let mut fitting = Vec::new();
    for block in blocks {
        let Block::Image { bytes, mime_type } = block else {
            fitting.push(block);
            continue;
        };
        let encoded = bytes.len().div_ceil(3) * 4;
        if limits.pictures && size + encoded <= limits.total {
            size += encoded;
            fitting.push(Block::Image { bytes, mime_type });
        } else {
            let length = bytes.len() as u64;
            let kept = app.keep_picture(caller, tool, bytes, mime_type.clone());
            links.extend(kept.map(|kept| Block::Link {
                uri: kept.uri,
                name: format!("{tool} picture"),
                mime_type: Some(mime_type),
                size: Some(length),
            }));
        }
    }
    links.extend(fitting);
    links
}

/// Cuts a document to the limits of any client. The whole of one that a tool makes is kept for the caller.
pub(super) fn fit_document(app: &App, caller: &Caller, tool: Option<&str>, document: &mut Value) {
    if let Some(whole) = clamp(document, ResultLimits::default().json)
        && let Some(tool) = tool
    {
        keep_whole((app, caller, tool), document, &whole);
    }
}

/// Keeps the whole of a shortened result, says so in it, and returns the link.
fn keep_whole(
    (app, caller, tool): (&App, &Caller, &str),
    shortened: &mut Value,
    whole: &str,
) -> Option<Block> {
    let KeptResult { uri, pieces, minutes } = app.keep_json(caller, tool, whole)?;
    let note = format!(
        "the full result has {} characters; narrow the request, page through it, or read {uri} \
         ({uri}/1 to {uri}/{pieces} are pieces of it) within {minutes} minutes",
        whole.chars().count(),
    );
    if let Value::Object(object) = shortened {
        object.insert("truncated".into(), note.into());
    }
    Some(Block::Link {
        uri,
        name: format!("{tool} result"),
        mime_type: Some("application/json".to_owned()),
        size: Some(whole.len() as u64),
    })
}
