//! Node packs: those the Manager's registry knows, and those that are installed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};

use super::{Dialect, Manager, ManagerRoute};
use crate::comfy::{Client, Result};

/// Lifetime of the registry's list.
const KEEP: Duration = Duration::from_mins(10);
/// Limit for the packs of a list, and for the classes of a pack. The registry had 3,341 packs with 26,786 classes.
const MAX_PACKS: usize = 50_000;
const MAX_CLASSES: usize = 5_000;
/// Limit for the characters of a text about a pack.
const MAX_TEXT: usize = 300;

/// A pack of the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pack {
    /// Id that the install tool takes; the address of its source where the registry has no id for it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Description, where the registry has one.
    pub description: String,
    /// Author, where the registry has one.
    pub author: String,
    /// The node classes it brings.
    pub classes: Vec<Box<str>>,
}

/// A pack on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstalledPack {
    /// The name of its folder.
    pub name: String,
    /// Its version, or a commit.
    pub version: String,
    /// Its id in the registry.
    pub registry_id: Option<String>,
    /// `owner/repository` where it is not from the registry.
    pub source: Option<String>,
    /// False when it is switched off.
    pub enabled: bool,
}

/// All packs of the registry, and which of them bring a class.
#[derive(Debug, Default)]
pub struct PackIndex {
    packs: Vec<Pack>,
    by_class: HashMap<Box<str>, Vec<usize>>,
}

/// The last list.
#[derive(Debug, Default)]
pub(crate) struct PackCache {
    kept: Mutex<Option<(Instant, Arc<PackIndex>)>>,
}

impl PackIndex {
    /// Every pack.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// The packs that bring this class.
    pub fn with_class(&self, class: &str) -> impl Iterator<Item = &Pack> {
        self.by_class.get(class).into_iter().flatten().filter_map(|at| self.packs.get(*at))
    }

    fn new(packs: Vec<Pack>) -> Self {
        let mut by_class: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (at, pack) in packs.iter().enumerate() {
            for class in &pack.classes {
                by_class.entry(class.clone()).or_default().push(at);
            }
        }
        Self { packs, by_class }
    }

    /// Reads `getmappings`: `{id or address: [[class, …], {about}]}`.
    fn read(mappings: &Map<String, Value>, listing: &Map<String, Value>) -> Self {
        let mut packs: Vec<Pack> = mappings
            .iter()
            .take(MAX_PACKS)
            .map(|(id, entry)| {
                let classes = entry.get(0).and_then(Value::as_array).into_iter().flatten();
                let classes = classes
                    .filter_map(Value::as_str)
                    .take(MAX_CLASSES)
                    .map(|class| cut(class).into())
                    .collect();
                about(id, entry.get(1), classes)
            })
            .collect();
        let known: HashMap<String, usize> =
            packs.iter().enumerate().map(|(at, pack)| (pack.id.clone(), at)).collect();
        for (id, entry) in listing.iter().take(MAX_PACKS) {
            let listed = about(id, Some(entry), Vec::new());
            match known.get(&listed.id).and_then(|at| packs.get_mut(*at)) {
                Some(pack) => {
                    pack.description = listed.description;
                    pack.author = listed.author;
                }
                None => packs.push(listed),
            }
        }
        Self::new(packs)
    }
}

fn about(id: &str, entry: Option<&Value>, classes: Vec<Box<str>>) -> Pack {
    let text = |key: &str| entry.and_then(|entry| entry.get(key)).and_then(Value::as_str).map(cut);
    let last = id.trim_end_matches('/').rsplit('/').next().unwrap_or(id);
    Pack {
        name: text("title_aux")
            .or_else(|| text("title"))
            .or_else(|| text("nickname"))
            .unwrap_or_else(|| cut(last)),
        description: text("description").unwrap_or_default(),
        author: text("author").unwrap_or_default(),
        id: cut(id),
        classes,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

impl InstalledPack {
    /// True when the registry's `id`, which may be an address, names this pack.
    pub fn is(&self, id: &str) -> bool {
        let same = |own: &str| own.eq_ignore_ascii_case(id);
        if same(&self.name) || self.registry_id.as_deref().is_some_and(same) {
            return true;
        }
        let address = id.trim_end_matches('/').trim_end_matches(".git");
        let mut parts = address.rsplit('/');
        let (Some(repository), Some(owner)) = (parts.next(), parts.next()) else { return false };
        if let Some(source) = &self.source {
            return source.eq_ignore_ascii_case(&format!("{owner}/{repository}"));
        }
        let names = [Some(self.name.as_str()), self.registry_id.as_deref()];
        names.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(repository))
    }
}

impl Client {
    /// Gives the Manager's copy of the registry; kept for some minutes.
    pub async fn known_packs(&self, manager: &Manager) -> Result<Arc<PackIndex>> {
        let mut kept = self.inner.packs.kept.lock().await;
        if let Some((read, index)) = kept.as_ref()
            && read.elapsed() < KEEP
        {
            return Ok(Arc::clone(index));
        }
        let mappings: Map<String, Value> =
            self.inner.transport.get_json(&manager.endpoint(ManagerRoute::Mappings)).await?;
        let listing = match manager.dialect {
            Dialect::Tasks => Map::new(),
            // Only the older interfaces tell descriptions; without them the names are still there.
            Dialect::Actions | Dialect::OldActions => self.listing(manager).await.unwrap_or_default(),
        };
        let index = Arc::new(PackIndex::read(&mappings, &listing));
        *kept = Some((Instant::now(), Arc::clone(&index)));
        Ok(index)
    }

    async fn listing(&self, manager: &Manager) -> Result<Map<String, Value>> {
        let mut listing: Value =
            self.inner.transport.get_json(&manager.endpoint(ManagerRoute::Listing)).await?;
        Ok(match listing.get_mut("node_packs").map(Value::take) {
            Some(Value::Object(packs)) => packs,
            _ => Map::new(),
        })
    }

    /// The packs on the server now.
    pub async fn installed_packs(&self, manager: &Manager) -> Result<Vec<InstalledPack>> {
        let installed: Map<String, Value> =
            self.inner.transport.get_json(&manager.endpoint(ManagerRoute::Installed)).await?;
        Ok(installed.iter().take(MAX_PACKS).map(|(name, entry)| read_installed(name, entry)).collect())
    }

    /// Drops the copy of the registry, so that the next question asks anew.
    pub(crate) async fn forget_packs(&self) {
        *self.inner.packs.kept.lock().await = None;
    }

    /// The packs of the registry that bring a class, best first. Empty without a Manager.
    pub async fn packs_of(&self, class: &str) -> Result<Vec<Pack>> {
        let Some(manager) = self.manager().await? else { return Ok(Vec::new()) };
        let index = self.known_packs(&manager).await?;
        let mut packs: Vec<&Pack> = index.with_class(class).collect();
        // A pack with fewer classes is more likely their origin than a collection of everything.
        packs.sort_by_key(|pack| (pack.id.contains("://"), pack.classes.len()));
        Ok(packs.into_iter().take(3).map(|pack| Pack { classes: Vec::new(), ..pack.clone() }).collect())
    }
}

fn read_installed(name: &str, entry: &Value) -> InstalledPack {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(cut);
    InstalledPack {
        name: cut(name.split('@').next().unwrap_or(name)),
        version: text("ver").unwrap_or_default(),
        registry_id: text("cnr_id"),
        source: text("aux_id"),
        enabled: entry.get("enabled").and_then(Value::as_bool).unwrap_or(true),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn reads_the_registry_and_passes_over_what_is_odd() {
        let mappings = object(&json!({
            "comfyui-impact-pack": [["FaceDetailer", 7], {"title_aux": "ComfyUI Impact Pack", "author": "x"}],
            "https://github.com/a/b": [["FaceDetailer", "Other"], {}],
            "odd": "nothing",
        }));
        let index = PackIndex::read(&mappings, &object(&json!({"odd": {"description": "now it has one"}})));
        let names: Vec<&str> = index.packs().iter().map(|pack| pack.name.as_str()).collect();
        assert_eq!(names, ["ComfyUI Impact Pack", "b", "odd"]);
        assert_eq!(index.packs()[2].description, "now it has one");
        let with: Vec<&str> = index.with_class("FaceDetailer").map(|pack| pack.id.as_str()).collect();
        assert_eq!(with, ["comfyui-impact-pack", "https://github.com/a/b"]);
    }

    #[test]
    fn an_installed_pack_is_known_by_id_folder_and_address() {
        let entry = json!({"ver": "1.0.0", "cnr_id": "impact", "aux_id": null, "enabled": true});
        let pack = read_installed("ComfyUI-Impact-Pack@1.0.0", &entry);
        for id in ["impact", "comfyui-impact-pack", "https://github.com/x/ComfyUI-Impact-Pack"] {
            assert!(pack.is(id), "{id}");
        }
        assert!(!pack.is("https://github.com/x/other"));
        let from_git = read_installed("b", &json!({"ver": "abc", "aux_id": "a/b"}));
        assert!(from_git.is("https://github.com/A/b.git") && !from_git.is("https://github.com/c/b"));
    }
}
