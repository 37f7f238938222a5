//! Civitai: one request gives models with their files, sizes and hashes.

use serde::Deserialize;
use url::Url;

use super::hubs::{
    Collector, Hub, Hubs, ModelFile, ModelHit, Search, SearchPage, megabytes, sanitize, sha256,
};
use comfywarden_error::{Error, Result};
use comfywarden_policy::strict_url::StrictUrl;

const HUB: Hub = Hub::Civitai;
/// Kinds of models in Civitai's words. It may learn new ones, so that others are passed on as they are.
const TYPES: [&str; 15] = [
    "Checkpoint",
    "TextualInversion",
    "Hypernetwork",
    "AestheticGradient",
    "LORA",
    "LoCon",
    "DoRA",
    "Controlnet",
    "Upscaler",
    "MotionModule",
    "VAE",
    "Poses",
    "Wildcards",
    "Workflows",
    "Detection",
];

#[derive(Debug, Deserialize)]
struct Listing {
    items: Vec<Model>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    next_cursor: Option<serde_json::Value>,
    total_items: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    stats: Stats,
    #[serde(rename = "modelVersions", default)]
    versions: Vec<Version>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    download_count: u64,
    thumbs_up_count: Option<u64>,
    rating: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    id: u64,
    base_model: Option<String>,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    name: String,
    #[serde(rename = "sizeKB", default)]
    size_kb: f64,
    #[serde(default)]
    hashes: Hashes,
    download_url: Option<String>,
    #[serde(default)]
    primary: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hashes {
    #[serde(rename = "SHA256")]
    sha256: Option<String>,
}

/// Models whose newest usable version has a file with an accepted extension.
pub(super) async fn search(hubs: &Hubs, search: &Search) -> Result<SearchPage> {
    let mut collector = Collector::new(search);
    let (mut cursor, mut told): (Option<String>, Option<usize>) = (None, None);
    let reached_end = loop {
        let url = address(search, collector.ask_for(), cursor.as_deref())?;
        let answer = hubs.get(HUB, &url).await.map_err(|error| about_type(error, &search.kind))?;
        let listing: Listing = HUB.read(&answer.bytes)?;
        let whole = listing.items.len();
        let usable: Vec<ModelHit> = listing.items.into_iter().filter_map(|model| hit(hubs, model)).collect();
        // The hub's own count holds only where nothing was left out.
        if cursor.is_none() && usable.len() == whole {
            told = listing.metadata.total_items;
        }
        collector.take(usable);
        let next = listing.metadata.next_cursor.as_ref().and_then(text_of);
        match next.filter(|next| whole > 0 && cursor.as_ref() != Some(next)) {
            None => break true,
            Some(_) if collector.is_full() || collector.is_exhausted() => break false,
            next => cursor = next,
        }
    };
    let (hits, counted, has_more) = collector.end(reached_end)?;
    Ok(SearchPage { hits, total: counted.or(told), has_more })
}

fn address(search: &Search, limit: usize, cursor: Option<&str>) -> Result<Url> {
    let limit = limit.to_string();
    let mut query = vec![("query", search.query.as_str()), ("limit", &limit), ("sort", "Most Downloaded")];
    let known = TYPES.iter().find(|known| known.eq_ignore_ascii_case(&search.kind));
    let kind = known.copied().unwrap_or(&search.kind);
    if !kind.is_empty() {
        query.push(("types", kind));
    }
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    HUB.url("/api/v1/models", &query)
}

fn about_type(error: Error, kind: &str) -> Error {
    if kind.is_empty() || error.details().get("status").and_then(serde_json::Value::as_u64) != Some(400) {
        return error;
    }
    Error::invalid_input(format!("Civitai knows no model type `{}`", sanitize(kind)))
        .hint(format!("accepted: {}", TYPES.join(", ")))
        .detail("field", "model_type")
}

/// Cursors are texts or numbers.
fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn hit(hubs: &Hubs, model: Model) -> Option<ModelHit> {
    let (version, file) = model.versions.into_iter().find_map(|mut version| {
        let files = std::mem::take(&mut version.files);
        let file = best(hubs, files)?;
        Some((version, file))
    })?;
    Some(ModelHit {
        name: sanitize(&model.name),
        kind: sanitize(&model.kind),
        file: described(version.id, file),
        base_model: version.base_model.as_deref().map(sanitize),
        downloads: model.stats.download_count,
        likes: model.stats.thumbs_up_count,
        rating: model.stats.rating.filter(|rating| (0.0..=5.0).contains(rating)),
        gated: false,
    })
}

/// The file that the model's maker calls the main one, else the first usable.
fn best(hubs: &Hubs, files: Vec<File>) -> Option<File> {
    files.into_iter().filter(|file| hubs.is_model(&file.name)).max_by_key(|file| file.primary)
}

fn described(version: u64, file: File) -> ModelFile {
    let own = format!("https://civitai.com/api/download/models/{version}");
    // A hub's answer must not send anybody anywhere else.
    let url = file
        .download_url
        .and_then(|url| StrictUrl::parse(&url).ok())
        .filter(|url| url.host() == HUB.host() && url.as_url().path().starts_with("/api/download/models/"))
        .map_or(own, |url| url.as_url().to_string());
    ModelFile {
        url,
        filename: sanitize(&file.name),
        size_mb: megabytes(file.size_kb * 1024.0),
        sha256: file.hashes.sha256.as_deref().and_then(sha256),
    }
}

/// The file that `/api/download/models/{version}` delivers.
pub(super) async fn file_of(hubs: &Hubs, url: &Url) -> Option<ModelFile> {
    let id: u64 = url.path().strip_prefix("/api/download/models/")?.parse().ok()?;
    let address = HUB.url(&format!("/api/v1/model-versions/{id}"), &[]).ok()?;
    let answer = hubs.get(HUB, &address).await.ok()?;
    let version: Version = HUB.read(&answer.bytes).ok()?;
    // With choices in the query another file than the main one is meant, unless its own URL is this one.
    let asked = url.query().is_some_and(|query| !query.is_empty());
    let same = |file: &File| file.download_url.as_deref() == Some(url.as_str());
    let file = match version.files.iter().position(same) {
        Some(at) => version.files.into_iter().nth(at)?,
        None if asked => return None,
        None => best(hubs, version.files)?,
    };
    Some(described(version.id, file))
}
