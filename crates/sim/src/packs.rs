//! Node packs: what a small registry knows, what is installed, and whose nodes are loaded.

use serde_json::{Value, json};

use comfywarden_error::JsonObject;

/// Id or address, name, description, author, and classes with the type of their one input.
type Known =
    (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The packs of the registry.
const REGISTRY: [Known; 5] = [
    (
        "https://github.com/example/sim-test-nodes",
        "Simulated test nodes",
        "",
        "",
        &[("RigSleep", "INT"), ("RigFail", "INT"), ("RigBlock", "INT")],
    ),
    (
        "sim-face-tools",
        "Sim Face Tools",
        "Finds faces and mends them",
        "example",
        &[("SimFaceMender", "IMAGE"), ("SimFaceFinder", "IMAGE")],
    ),
    ("sim-danger-nodes", "Sim Danger Nodes", "Runs commands", "somebody", &[("SimExecCommand", "CODE")]),
    (
        "sim-missing-pack",
        "Sim Missing Pack",
        "Cannot be installed",
        "example",
        &[("SimMissingNode", "IMAGE")],
    ),
    (
        "sim-everything",
        "Sim Everything",
        "A collection",
        "face collector",
        &[("SimFaceMender", "IMAGE"), ("SimOne", "IMAGE"), ("SimTwo", "IMAGE")],
    ),
];

/// The installed packs, and those that are loaded.
#[derive(Debug)]
pub(super) struct Packs {
    installed: Vec<(String, String)>,
    loaded: Vec<String>,
}

impl Default for Packs {
    fn default() -> Self {
        Self { installed: vec![("sim-test-nodes".into(), "1.0.0".into())], loaded: Vec::new() }
    }
}

/// `/customnode/getmappings`.
pub(super) fn mappings() -> Value {
    let entries = REGISTRY.iter().map(|(id, name, description, author, classes)| {
        let classes: Vec<&str> = classes.iter().map(|(class, _)| *class).collect();
        let mut about = JsonObject::from_iter([("title_aux".to_owned(), json!(name))]);
        if !description.is_empty() {
            about.insert("description".into(), json!(description));
            about.insert("author".into(), json!(author));
        }
        ((*id).to_owned(), json!([classes, about]))
    });
    Value::Object(entries.collect())
}

/// `/customnode/getlist` of version 3.
pub(super) fn listing() -> Value {
    let entries = REGISTRY.iter().map(|(id, name, description, author, _)| {
        let pack = json!({
            "title": name, "description": description, "author": author, "version": "1.0.0", "state": "not-installed",
        });
        ((*id).to_owned(), pack)
    });
    json!({"channel": "default", "node_packs": entries.collect::<JsonObject>()})
}

impl Packs {
    /// Applies a task that succeeded. Updates only count the version up.
    pub(super) fn apply(&mut self, task: &Value) {
        let text = |pointer: &str| task.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let name = text("/params/node_name").or_else(|| text("/params/id")).unwrap_or_default();
        let others = |installed: &mut Vec<(String, String)>| installed.retain(|(other, _)| *other != name);
        match task.get("kind").and_then(Value::as_str) {
            Some("install") => {
                others(&mut self.installed);
                let wanted = text("/params/version").filter(|version| version != "latest");
                self.installed.push((name.clone(), wanted.unwrap_or_else(|| "1.2.0".into())));
            }
            Some("uninstall") => others(&mut self.installed),
            Some("update") => {
                for (_, version) in self.installed.iter_mut().filter(|(other, _)| *other == name) {
                    "1.3.0".clone_into(version);
                }
            }
            _ => {}
        }
    }

    /// `/customnode/installed`.
    pub(super) fn installed(&self) -> Value {
        let entries = self.installed.iter().map(|(name, version)| {
            let pack = json!({"ver": version, "cnr_id": name, "aux_id": null, "enabled": true});
            (name.replace('-', "_"), pack)
        });
        Value::Object(entries.collect())
    }

    /// Loads the nodes of all packs, as a start of the process does.
    pub(super) fn load(&mut self) {
        self.loaded = self.installed.iter().map(|(name, _)| name.clone()).collect();
    }

    /// The classes of loaded packs.
    pub(super) fn classes(&self) -> JsonObject {
        let packs = REGISTRY.iter().filter(|(id, ..)| self.loaded.iter().any(|loaded| loaded == id));
        let classes = packs.flat_map(|(id, .., classes)| {
            classes.iter().map(move |(class, input)| ((*class).to_owned(), entry(id, class, input)))
        });
        classes.collect()
    }

    /// One of them.
    pub(super) fn class(&self, name: &str) -> Option<Value> {
        self.classes().shift_remove(name)
    }
}

fn entry(pack: &str, class: &str, input: &str) -> Value {
    json!({
        "input": {"required": {"value": [input, {}]}}, "input_order": {"required": ["value"]},
        "is_input_list": false, "output": ["IMAGE"], "output_is_list": [false], "output_name": ["IMAGE"],
        "name": class, "display_name": class, "description": "", "python_module": format!("custom_nodes.{pack}"),
        "category": "sim", "output_node": false, "search_aliases": [],
    })
}
