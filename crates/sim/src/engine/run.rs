//! One run of one prompt: its events, its results, its entry in the history.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{
    cache::{Cached, signatures},
    node::{self, Ended},
    plan::Plan,
};
use crate::{
    events::{self, PictureKind, now_ms},
    python,
    queue::Item,
    server::Server,
    sockets::Frame,
};
use comfywarden_error::JsonObject;

/// The outcome of a run.
pub(super) enum Verdict {
    /// Ended, with this entry for the history.
    Ended(Value),
    /// Dead.
    WorkerDied,
}

/// Recipients of an event when the prompt came without a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    Nobody,
    Everybody,
}

/// Progress of one node.
#[derive(Debug, Clone)]
struct Progress {
    value: Value,
    max: Value,
    state: &'static str,
}

/// A run.
pub(super) struct Run {
    pub(super) server: Arc<Server>,
    pub(super) item: Arc<Item>,
    pub(super) signatures: HashMap<String, String>,
    pub(super) executed: Vec<String>,
    /// Results of this run by node.
    pub(super) results: HashMap<String, Cached>,
    progress: IndexMap<String, Progress>,
    messages: Vec<Value>,
    outputs: JsonObject,
    meta: JsonObject,
}

impl Run {
    pub(super) fn new(server: Arc<Server>, item: Arc<Item>) -> Self {
        let signatures = signatures(&server, &item.prompt);
        Self {
            server,
            item,
            signatures,
            executed: Vec::new(),
            results: HashMap::new(),
            progress: IndexMap::new(),
            messages: Vec::new(),
            outputs: JsonObject::new(),
            meta: JsonObject::new(),
        }
    }

    /// Runs all nodes. The history entry is what `GET /history/{id}` will answer.
    pub(super) async fn finish_all(mut self) -> Verdict {
        let id = self.item.prompt_id.clone();
        self.message("execution_start", json!({"prompt_id": id, "timestamp": now_ms()}), Otherwise::Nobody);
        let cached: Vec<String> =
            self.item.prompt.keys().filter(|node| self.cached(node).is_some()).cloned().collect();
        let data = json!({"nodes": cached, "prompt_id": id, "timestamp": now_ms()});
        self.message("execution_cached", data, Otherwise::Nobody);
        self.server.cache.keep(&self.signatures);
        let mut plan = Plan::new(
            &self.item.prompt,
            &self.item.outputs,
            |node| cached.iter().any(|other| other == node),
            |node| self.server.catalogue.is_output(self.class(node)),
        );
        while let Some(node_id) = plan.next() {
            match node::execute(&mut self, &node_id).await {
                Ended::Done => plan.complete(&node_id),
                Ended::Failed => return Verdict::Ended(self.entry(false)),
                Ended::WorkerDied => return Verdict::WorkerDied,
            }
        }
        self.message("execution_success", json!({"prompt_id": id, "timestamp": now_ms()}), Otherwise::Nobody);
        Verdict::Ended(self.entry(true))
    }

    fn entry(self, completed: bool) -> Value {
        json!({
            "prompt": self.item.to_value(),
            "outputs": self.outputs,
            "status": {
                "status_str": if completed { "success" } else { "error" },
                "completed": completed,
                "messages": self.messages,
            },
            "meta": self.meta,
        })
    }

    /// The class of a node.
    pub(super) fn class(&self, node_id: &str) -> &str {
        self.item
            .prompt
            .get(node_id)
            .and_then(|node| node.get("class_type"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// An earlier result for this node.
    pub(super) fn cached(&self, node_id: &str) -> Option<Cached> {
        self.server.cache.get(self.signatures.get(node_id)?)
    }

    /// Sends an event that also stands in the history.
    pub(super) fn message(&mut self, kind: &str, data: Value, otherwise: Otherwise) {
        self.send(&events::text(kind, &data), otherwise);
        self.messages.push(Value::Array(vec![kind.into(), data]));
    }

    /// Sends a frame to the prompt's client.
    pub(super) fn send(&self, frame: &Frame, otherwise: Otherwise) {
        match (self.item.client_id(), otherwise) {
            (Some(client), _) => self.server.sockets.to(client, frame),
            (None, Otherwise::Everybody) => self.server.sockets.to_all(frame),
            (None, Otherwise::Nobody) => {}
        }
    }

    /// Announces that a node begins.
    pub(super) fn begin(&mut self, node_id: &str) {
        self.note_progress(node_id, json!(0.0), json!(1.0), "running");
        self.server.current.set_node(Some(node_id));
        let data = json!({"node": node_id, "display_node": node_id, "prompt_id": self.item.prompt_id});
        self.send(&events::text("executing", &data), Otherwise::Nobody);
    }

    /// Announces a step, with a preview where there is one.
    pub(super) fn step(
        &mut self,
        node_id: &str,
        value: u64,
        max: u64,
        preview: Option<(PictureKind, &[u8])>,
    ) {
        self.note_progress(node_id, value.into(), max.into(), "running");
        let named =
            self.item.client_id().is_some_and(|client| self.server.sockets.has_preview_metadata(client));
        if let (true, Some((PictureKind::Jpeg, picture))) = (named, preview) {
            let frame = events::named_preview(node_id, &self.item.prompt_id, picture);
            self.send(&frame, Otherwise::Everybody);
        }
        let data = json!({"value": value, "max": max, "prompt_id": self.item.prompt_id, "node": node_id});
        self.send(&events::text("progress", &data), Otherwise::Everybody);
        match preview {
            Some((PictureKind::Jpeg, _)) if named => {}
            Some((kind, picture)) => self.send(&events::bare_picture(kind, picture), Otherwise::Everybody),
            None => {}
        }
    }

    /// Announces what a node shows in the editor, and keeps it for the history.
    pub(super) fn show(&mut self, node_id: &str, ui: Option<&Value>) {
        let mut ui = ui.cloned();
        if self.server.faults.shows_non_finite(self.class(node_id))
            && let Some(Value::Object(shown)) = &mut ui
        {
            shown.insert("value".to_owned(), python::non_finite());
        }
        let ui = ui.as_ref();
        let output = ui.cloned().unwrap_or_default();
        let data = json!({"node": node_id, "display_node": node_id, "output": output, "prompt_id": self.item.prompt_id});
        self.send(&events::text("executed", &data), Otherwise::Nobody);
        if let Some(ui) = ui {
            self.outputs.insert(node_id.to_owned(), ui.clone());
            let meta = json!({"node_id": node_id, "display_node": node_id, "parent_node": null, "real_node_id": node_id});
            self.meta.insert(node_id.to_owned(), meta);
        }
    }

    /// Announces that a node is through.
    pub(super) fn finish(&mut self, node_id: &str) {
        // A node that never began has whole numbers here, one that began has floats.
        let max = self.progress.get(node_id).map_or_else(|| json!(1), |progress| progress.max.clone());
        self.note_progress(node_id, max.clone(), max, "finished");
    }

    fn note_progress(&mut self, node_id: &str, value: Value, max: Value, state: &'static str) {
        self.progress.insert(node_id.to_owned(), Progress { value, max, state });
        let nodes: JsonObject =
            self.progress.iter().map(|(id, progress)| (id.clone(), self.shown(id, progress))).collect();
        let data = json!({"prompt_id": self.item.prompt_id, "nodes": nodes});
        self.send(&events::text("progress_state", &data), Otherwise::Everybody);
    }

    fn shown(&self, id: &str, progress: &Progress) -> Value {
        json!({
            "value": progress.value, "max": progress.max, "state": progress.state, "node_id": id,
            "prompt_id": self.item.prompt_id, "display_node_id": id, "parent_node_id": null, "real_node_id": id,
        })
    }
}
