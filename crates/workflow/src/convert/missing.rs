//! Classes that the file names and the server lacks.

use serde_json::{Value, json};

use super::Report;
use crate::{Error, Remark, ui::UiNode};

/// The missing classes, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Missing(Vec<MissingClass>);

#[derive(Debug)]
struct MissingClass {
    class_type: String,
    pack: Option<Pack>,
    /// True for a class that plays no part beyond the editor, as far as the file shows.
    is_editor_only: bool,
}

/// The node pack of a class, as the editor notes it at the node.
#[derive(Debug)]
struct Pack {
    /// Its id in the registry, or its GitHub repository.
    id: String,
    version: Option<String>,
}

impl Missing {
    /// Adds the class of a node.
    pub(super) fn add(&mut self, node: &UiNode, is_editor_only: bool) {
        let class_type = node.class_type.clone();
        self.0.push(MissingClass { class_type, pack: Pack::of(node), is_editor_only });
    }

    /// Names the missing classes that cannot be done without, with their packs.
    pub(super) fn refusal(&self) -> Error {
        self.refusal_of(&self.0.iter().filter(|class| !class.is_editor_only).collect::<Vec<_>>())
    }

    /// Names all missing classes, for a workflow that has nothing else; `None` when no class is missing.
    pub(super) fn editor_only(&self) -> Option<Error> {
        (!self.0.is_empty()).then(|| self.refusal_of(&self.0.iter().collect::<Vec<_>>()))
    }

    fn refusal_of(&self, needed: &[&MissingClass]) -> Error {
        let names: Vec<String> = needed.iter().map(|class| class.describe()).collect();
        let packs: Vec<Value> = needed
            .iter()
            .filter_map(|class| {
                let pack = class.pack.as_ref()?;
                Some(json!({ "class_type": class.class_type, "pack": pack.id, "version": pack.version }))
            })
            .collect();
        let error = Error::new(format!("the server has no node class {}", names.join(", ")))
            .detail("missing_types", self.names())
            .hint("install the node pack that has it, or mute or bypass the nodes in the editor");
        if packs.is_empty() { error } else { error.detail("missing_packs", packs) }
    }

    /// Reports the missing classes that the result does without.
    pub(super) fn report(&self, report: &mut Report) {
        for class in &self.0 {
            let (name, list) = (class.describe(), &mut *report);
            if class.is_editor_only {
                let message =
                    format!("the server has no class {name}; in this file it is only a part of the editor");
                list.assumed.push(Remark::general(message));
            } else {
                let message = format!("the server has no class {name}; only nodes that do not run have it");
                list.dropped.push(Remark::general(message));
            }
        }
        report.missing_types.extend(self.names());
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|class| class.class_type.clone()).collect()
    }
}

impl MissingClass {
    fn describe(&self) -> String {
        match &self.pack {
            None => format!("`{}`", self.class_type),
            Some(Pack { id, version: None }) => format!("`{}` (of the node pack {id})", self.class_type),
            Some(Pack { id, version: Some(version) }) => {
                format!("`{}` (of the node pack {id} {version})", self.class_type)
            }
        }
    }
}

impl Pack {
    /// Reads the pack from the properties that the editor writes: `cnr_id`, else `aux_id`, and `ver`.
    fn of(node: &UiNode) -> Option<Self> {
        let text = |key: &str, longest: usize| {
            let text = node.properties.get(key).and_then(Value::as_str)?.trim();
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./+".contains(letter);
            (!text.is_empty() && text.len() <= longest && text.chars().all(plain)).then(|| text.to_owned())
        };
        let id = text("cnr_id", 100).or_else(|| text("aux_id", 140))?;
        Some(Self { id, version: text("ver", 64) })
    }
}
