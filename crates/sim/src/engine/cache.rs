//! Results that need not be made again: those of the last prompt.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::plan::{link, links};
use crate::{
    nodes::Data,
    server::{Server, lock},
};
use comfywarden_error::JsonObject;

/// The results of a node.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) data: Arc<Vec<Data>>,
    pub(super) ui: Option<Value>,
}

/// Results by signature: the class, its values, and the signatures of what it is linked to.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashMap<String, Cached>>);

impl Cache {
    pub(super) fn get(&self, signature: &str) -> Option<Cached> {
        lock(&self.0).get(signature).cloned()
    }

    pub(super) fn put(&self, signature: &str, cached: Cached) {
        lock(&self.0).insert(signature.to_owned(), cached);
    }

    /// Forgets every result that does not belong to these signatures.
    pub(super) fn keep(&self, signatures: &HashMap<String, String>) {
        let kept: HashSet<&String> = signatures.values().collect();
        lock(&self.0).retain(|signature, _| kept.contains(signature));
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}

/// The signature of each node of a prompt.
pub(super) fn signatures(server: &Server, prompt: &JsonObject) -> HashMap<String, String> {
    let mut done: HashMap<String, String> = HashMap::new();
    for root in prompt.keys() {
        let mut entered: HashSet<&str> = HashSet::new();
        let mut stack: Vec<&str> = vec![root];
        while let Some(id) = stack.last().copied() {
            let node = prompt.get(id).unwrap_or(&Value::Null);
            let open = |from: &&str| !done.contains_key(*from) && prompt.contains_key(*from);
            if !done.contains_key(id) && entered.insert(id) {
                // A link back to a node that is being looked at is a cycle; its signature stays open.
                stack.extend(links(node).filter(open).filter(|from| !entered.contains(from)));
                continue;
            }
            stack.pop();
            if !done.contains_key(id) {
                done.insert(id.to_owned(), sign(server, node, &done));
            }
        }
    }
    done
}

fn sign(server: &Server, node: &Value, done: &HashMap<String, String>) -> String {
    let class = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(class.as_bytes());
    let inputs = node.get("inputs").and_then(Value::as_object);
    let mut sorted: Vec<_> = inputs.into_iter().flatten().collect();
    sorted.sort_by_key(|(name, _)| *name);
    for (name, value) in sorted {
        hash.update([0]);
        hash.update(name.as_bytes());
        hash.update([1]);
        match link(value) {
            Some((from, slot)) => {
                hash.update(done.get(from).map_or("open", String::as_str));
                hash.update(slot.to_be_bytes());
            }
            None => hash.update(value.to_string()),
        }
    }
    hash.update(changed(server, class, node));
    hash.finalize().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

/// Adds to a signature what a class reads beside its inputs: the content of a file, or, for classes that never count as unchanged, chance.
fn changed(server: &Server, class: &str, node: &Value) -> String {
    match class {
        "Load Text File" => uuid::Uuid::new_v4().to_string(),
        "LoadImage" | "LoadImageMask" => {
            let name = node.pointer("/inputs/image").and_then(Value::as_str).unwrap_or_default();
            crate::nodes::find_input(&lock(&server.files), name).map_or_else(String::new, |file| file.etag())
        }
        _ => String::new(),
    }
}
