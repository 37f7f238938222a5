//! Node packs: finding them, and the Manager's queue.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Handled, Hints, Tool, params::Page};
use crate::{
    comfy::{InstalledPack, Manager, Pack, QueueCounts},
    gate::Class,
};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::display;

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };
/// Time that other tools wait for the registry.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Maximum length of a description in an answer, in characters.
const MAX_DESCRIPTION: usize = 200;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_search_custom_nodes",
            Class::Read,
            "Search for node packs",
            "Searches the registry of ComfyUI-Manager by pack name, author or missing node class; says what \
             is installed.",
            search_custom_nodes,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_custom_node_status",
            Class::Read,
            "Queue of ComfyUI-Manager",
            "Shows how many installs, updates and removals of node packs run, wait and are over.",
            get_custom_node_status,
        )
        .hints(LOOK),
    ]
}

/// The Manager, or what to do about its absence.
pub(super) async fn manager(call: &Call) -> Result<Manager> {
    call.backend().manager().await?.ok_or_else(|| {
        Error::new(Kind::Unavailable, "ComfyUI-Manager is not installed on this server, or not switched on")
            .hint(
                "install the package `comfyui-manager` into ComfyUI's Python and start ComfyUI with \
             --enable-manager; https://github.com/Comfy-Org/ComfyUI-Manager",
            )
    })
}

/// Names the pack that brings a class, as part of a sentence; `None` when the Manager is not there, knows
/// none, or is slow.
pub(super) async fn pack_of(call: &Call, class: &str) -> Option<String> {
    let packs = tokio::time::timeout(PATIENCE, call.backend().packs_of(class)).await.ok()?.ok()?;
    let pack = packs.first()?;
    let (id, name) = (display::sanitize(&pack.id), display::sanitize(&pack.name));
    Some(if pack.id.contains("://") {
        format!("it comes with the node pack `{name}` ({id})")
    } else {
        format!("it comes with the node pack `{name}`: comfyui_install_custom_node with node_id `{id}`")
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchNodes {
    /// Words of a pack's name or description, or a node class
    #[schemars(length(min = 1, max = 200))]
    query: String,
    /// Most results
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 25))]
    limit: u32,
    /// Results to skip
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: u32,
}

fn ten() -> u32 {
    10
}

/// One page of packs, best first.
#[derive(Debug, Serialize, JsonSchema)]
struct FoundPacks {
    items: Vec<FoundPack>,
    #[serde(flatten)]
    page: Page,
    query: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FoundPack {
    /// For comfyui_install_custom_node
    id: String,
    name: String,
    description: String,
    author: String,
    installed: bool,
    /// The installed one
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

async fn search_custom_nodes(call: Call, params: SearchNodes) -> Handled<FoundPacks> {
    let manager = manager(&call).await?;
    let (index, installed) =
        tokio::join!(call.backend().known_packs(&manager), call.backend().installed_packs(&manager));
    let (index, installed) = (index?, installed?);
    let words: Vec<String> = params.query.split_whitespace().map(str::to_lowercase).collect();
    let local = installed.iter().filter(|pack| !index.packs().iter().any(|known| pack.is(&known.id)));
    let local: Vec<Pack> = local.map(as_pack).collect();
    let mut scored: Vec<(u32, &Pack)> = index
        .packs()
        .iter()
        .chain(&local)
        .filter_map(|pack| Some((score(pack, &words, params.query.trim())?, pack)))
        .collect();
    scored.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    let (page, cut) = Page::cut(scored, params.limit, params.offset);
    let items = page.into_iter().map(|(_, pack)| found(pack, &installed)).collect();
    Ok(FoundPacks { items, page: cut, query: params.query }.into())
}

/// An installed pack that the registry does not know.
fn as_pack(pack: &InstalledPack) -> Pack {
    Pack {
        id: pack.registry_id.clone().unwrap_or_else(|| pack.name.clone()),
        name: pack.name.clone(),
        ..Pack::default()
    }
}

/// Scores a pack, in halves: exact name 6, name 4, id 3, description 2, author 1; a class of that name counts
/// as the name. Every word must occur somewhere.
fn score(pack: &Pack, words: &[String], whole: &str) -> Option<u32> {
    let [name, id, description, author] =
        [&pack.name, &pack.id, &pack.description, &pack.author].map(|text| text.to_lowercase());
    let mut sum = 0;
    for word in words {
        let here = [(&name, 4), (&id, 3), (&description, 2), (&author, 1)];
        let of_word: u32 =
            here.iter().filter(|(text, _)| text.contains(word.as_str())).map(|(_, points)| points).sum();
        let class = pack.classes.iter().any(|class| class.eq_ignore_ascii_case(word));
        let of_word = of_word + if class { 4 } else { 0 };
        if of_word == 0 {
            // A class name may have blanks in it.
            let class = pack.classes.iter().any(|class| class.eq_ignore_ascii_case(whole));
            return class.then_some(4);
        }
        sum += of_word;
    }
    let exact = name == whole.to_lowercase() || id == whole.to_lowercase();
    (sum > 0).then_some(sum + if exact { 6 } else { 0 })
}

fn found(pack: &Pack, installed: &[InstalledPack]) -> FoundPack {
    let here = installed.iter().find(|installed| installed.is(&pack.id));
    let shown = |text: &str| display::sanitize(text).into_owned();
    let description: String = pack.description.chars().take(MAX_DESCRIPTION).collect();
    FoundPack {
        id: shown(&pack.id),
        name: shown(&pack.name),
        description: shown(&description),
        author: shown(&pack.author),
        installed: here.is_some(),
        version: here.map(|pack| shown(&pack.version)),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

async fn get_custom_node_status(call: Call, _: NoParams) -> Handled<QueueCounts> {
    let manager = manager(&call).await?;
    Ok(call.backend().manager_queue(&manager).await?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_matches_come_first() {
        let pack = |name: &str, id: &str, description: &str, classes: &[&str]| Pack {
            id: id.into(),
            name: name.into(),
            description: description.into(),
            author: String::new(),
            classes: classes.iter().map(|class| (*class).into()).collect(),
        };
        let of = |pack: &Pack, query: &str| {
            let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
            score(pack, &words, query)
        };
        let impact = pack(
            "Impact Pack",
            "comfyui-impact-pack",
            "detailers",
            &["FaceDetailer", "Face Detailer (pipe)"],
        );
        let other = pack("Other", "other", "not the impact pack", &[]);
        assert!(of(&impact, "impact pack") > of(&other, "impact pack"));
        assert_eq!(of(&impact, "facedetailer"), Some(4));
        assert_eq!(of(&impact, "Face Detailer (pipe)"), Some(4));
        assert_eq!(of(&other, "impact nothing"), None);
        assert_eq!(of(&other, "Other"), Some(6 + 4 + 3));
    }
}
