//! `object_info`: the node classes the server knows.
//!
//! `catalogue/classes.json` holds, for the classes that matter, what a ComfyUI 0.12.2 publishes about their
//! interface: names, input types, ranges, defaults and choices. Where a server lists its own files the text
//! has a marker instead: `$models/<folder>` or `$input/<kind>`.

use serde_json::{Map, Value};

use super::{models::Models, store::FileStore};
use comfywarden_error::JsonObject;

const BUNDLED: &str = include_str!("catalogue/classes.json");

/// The node classes, with markers where files are listed.
#[derive(Debug)]
pub(super) struct Catalogue(JsonObject);

impl Catalogue {
    /// The classes that come with the program.
    pub(super) fn bundled() -> Self {
        // A broken file is found by the test below, not by users.
        Self(serde_json::from_str(BUNDLED).unwrap_or_default())
    }

    /// The entry as it stands in the file, markers and all.
    pub(super) fn raw(&self, class: &str) -> Option<&Value> {
        self.0.get(class)
    }

    /// The entry of one class with the files of this moment.
    pub(super) fn entry(&self, class: &str, models: &Models, files: &FileStore) -> Option<Value> {
        let mut entry = self.0.get(class)?.clone();
        for section in ["required", "optional"] {
            let Some(inputs) = entry.pointer_mut(&format!("/input/{section}")).and_then(Value::as_object_mut)
            else {
                continue;
            };
            for spec in inputs.values_mut() {
                fill(spec, models, files);
            }
        }
        Some(entry)
    }

    /// The whole catalogue.
    pub(super) fn all(&self, models: &Models, files: &FileStore) -> Value {
        let entries =
            self.0.keys().filter_map(|class| Some((class.clone(), self.entry(class, models, files)?)));
        Value::Object(entries.collect::<Map<_, _>>())
    }

    /// True for the classes that end a graph.
    pub(super) fn is_output(&self, class: &str) -> bool {
        self.0.get(class).and_then(|entry| entry.get("output_node")).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The types a class gives.
    pub(super) fn outputs(&self, class: &str) -> &[Value] {
        self.0
            .get(class)
            .and_then(|entry| entry.get("output"))
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}

/// The list of choices in an input's description, in either spelling.
fn choices(spec: &mut Value) -> Option<&mut Vec<Value>> {
    let parts = spec.as_array_mut()?;
    if parts.first().is_some_and(Value::is_array) {
        return parts.first_mut()?.as_array_mut();
    }
    parts.get_mut(1)?.get_mut("options")?.as_array_mut()
}

fn fill(spec: &mut Value, models: &Models, files: &FileStore) {
    let Some(choices) = choices(spec) else { return };
    let Some(marker) = choices.first().and_then(Value::as_str).map(str::to_owned) else { return };
    let names: Vec<Value> = if let Some(folder) = marker.strip_prefix("$models/") {
        models.list(folder).unwrap_or_default().iter().map(|name| name.as_str().into()).collect()
    } else if let Some(kind) = marker.strip_prefix("$input/") {
        files.choices(kind).into_iter().map(Value::String).collect()
    } else {
        return;
    };
    choices.splice(..1, names);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_file_is_readable_and_every_class_has_an_interface() {
        let catalogue = Catalogue::bundled();
        assert!(catalogue.0.len() > 200, "{} classes", catalogue.0.len());
        for (name, entry) in &catalogue.0 {
            assert_eq!(entry["name"], name.as_str());
            assert!(entry["input"].is_object() && entry["output"].is_array(), "{name}");
        }
    }

    #[test]
    fn choices_are_the_models_of_this_moment() {
        let mut models = Models::none();
        models.set("checkpoints", vec!["b.ckpt".into(), "a.safetensors".into()]);
        let entry =
            Catalogue::bundled().entry("CheckpointLoaderSimple", &models, &FileStore::default()).unwrap();
        assert_eq!(
            entry.pointer("/input/required/ckpt_name/0"),
            Some(&serde_json::json!(["a.safetensors", "b.ckpt"]))
        );
    }

    #[test]
    fn no_marker_is_left_in_the_whole_catalogue() {
        let all = Catalogue::bundled().all(&Models::none(), &FileStore::default()).to_string();
        assert!(!all.contains("$models/") && !all.contains("$input/"));
    }
}
