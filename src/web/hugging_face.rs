//! Hugging Face: one request lists repositories with their file names; sizes and hashes are only told per
//! repository, so that those of one page are asked for at the same time.

use futures::future::join_all;
use serde::Deserialize;
use url::Url;

use super::hubs::{
    Collector, Hub, Hubs, ModelFile, ModelHit, Search, SearchPage, is_part, megabytes, sanitize, sha256,
};
use comfywarden_error::Result;
use comfywarden_policy::strict_url::StrictUrl;

const HUB: Hub = Hub::HuggingFace;

#[derive(Debug, Clone, Deserialize)]
struct Repository {
    id: String,
    #[serde(default)]
    downloads: u64,
    #[serde(default)]
    likes: u64,
    #[serde(default)]
    pipeline_tag: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    /// `false`, `"auto"` or `"manual"`.
    #[serde(default)]
    gated: serde_json::Value,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Debug, Clone, Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Stored>,
}

#[derive(Debug, Clone, Deserialize)]
struct Stored {
    #[serde(default)]
    sha256: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(default)]
    siblings: Vec<Sibling>,
}

/// Repositories that have a file with an accepted extension.
pub(super) async fn search(hubs: &Hubs, search: &Search) -> Result<SearchPage> {
    let mut collector = Collector::new(search);
    let mut url = address(search, collector.ask_for())?;
    let reached_end = loop {
        let answer = hubs.get(HUB, &url).await?;
        let listing: Vec<Repository> = HUB.read(&answer.bytes)?;
        let whole = listing.len();
        collector.take(listing.into_iter().filter(|repository| best(hubs, &repository.siblings).is_some()));
        let next = answer.link.as_deref().and_then(next_page).filter(|next| whole > 0 && *next != url);
        match next {
            None => break true,
            Some(_) if collector.is_full() || collector.is_exhausted() => break false,
            Some(next) => url = next,
        }
    };
    let (repositories, total, has_more) = collector.end(reached_end)?;
    let hits = join_all(repositories.into_iter().map(|repository| hit(hubs, repository))).await;
    Ok(SearchPage { hits: hits.into_iter().flatten().collect(), total, has_more })
}

fn address(search: &Search, limit: usize) -> Result<Url> {
    let limit = limit.to_string();
    let mut query = vec![
        ("search", search.query.as_str()),
        ("limit", &limit),
        ("full", "true"),
        ("sort", "downloads"),
        ("direction", "-1"),
    ];
    if !search.kind.is_empty() {
        query.push(("pipeline_tag", &search.kind));
    }
    HUB.url("/api/models", &query)
}

/// The address with `rel="next"`, if it stays on the hub.
fn next_page(link: &str) -> Option<Url> {
    let entry = link.split(',').find(|entry| entry.contains("rel=\"next\""))?;
    let address = entry.split_once('<')?.1.split_once('>')?.0;
    let url = StrictUrl::parse(address).ok()?;
    let ours = url.host() == HUB.host() && url.as_url().path() == "/api/models" && url.port() == 443;
    ours.then(|| url.as_url().clone())
}

/// The file to take: whole rather than in parts, a format without code rather than with, then the largest.
fn best<'a>(hubs: &Hubs, files: &'a [Sibling]) -> Option<&'a Sibling> {
    let usable = files.iter().filter(|file| hubs.is_model(&file.rfilename));
    usable.max_by_key(|file| {
        let safe = file.rfilename.to_ascii_lowercase().ends_with(".safetensors");
        (!is_part(&file.rfilename), safe, file.size.unwrap_or(0))
    })
}

async fn hit(hubs: &Hubs, repository: Repository) -> Option<ModelHit> {
    let details = details(hubs, &repository.id).await;
    // Without details the listing still gives a file, of unknown size.
    let files = details.filter(|files| best(hubs, files).is_some()).unwrap_or(repository.siblings);
    let file = best(hubs, &files)?;
    Some(ModelHit {
        name: sanitize(&repository.id),
        kind: repository.pipeline_tag.as_deref().map(sanitize).unwrap_or_default(),
        file: ModelFile {
            url: download_url(&repository.id, &file.rfilename)?,
            filename: sanitize(file.rfilename.rsplit('/').next().unwrap_or(&file.rfilename)),
            size_mb: file.size.and_then(as_megabytes),
            sha256: file.lfs.as_ref().and_then(|stored| stored.sha256.as_deref()).and_then(sha256),
        },
        base_model: base_model(&repository.tags),
        downloads: repository.downloads,
        likes: Some(repository.likes),
        rating: None,
        gated: !matches!(repository.gated, serde_json::Value::Null | serde_json::Value::Bool(false)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "megabytes with one decimal")]
fn as_megabytes(bytes: u64) -> Option<f64> {
    megabytes(bytes as f64)
}

async fn details(hubs: &Hubs, id: &str) -> Option<Vec<Sibling>> {
    let mut path = HUB.url("/api/models", &[("blobs", "true")]).ok()?;
    path.path_segments_mut().ok()?.extend(id.split('/'));
    let answer = hubs.get(HUB, &path).await.ok()?;
    let details: Details = HUB.read(&answer.bytes).ok()?;
    Some(details.siblings)
}

/// `base_model:owner/name`, or with a word in between for how it was made.
fn base_model(tags: &[String]) -> Option<String> {
    let named = tags.iter().filter_map(|tag| tag.strip_prefix("base_model:"));
    let name = named.map(|name| name.rsplit(':').next().unwrap_or(name)).next()?;
    Some(sanitize(name))
}

fn download_url(id: &str, file: &str) -> Option<String> {
    if id.split('/').chain(file.split('/')).any(|part| matches!(part, "" | "." | "..")) {
        // The address would lose such a part, and then name another file.
        return None;
    }
    let mut url = HUB.url("", &[]).ok()?;
    url.path_segments_mut()
        .ok()?
        .clear()
        .extend(id.split('/'))
        .extend(["resolve", "main"])
        .extend(file.split('/'));
    StrictUrl::parse(url.as_str()).ok().map(|url| url.as_url().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_stays_on_the_hub() {
        let next = |link: &str| next_page(link).map(String::from);
        assert_eq!(
            next("<https://huggingface.co/api/models?cursor=x>; rel=\"next\"").as_deref(),
            Some("https://huggingface.co/api/models?cursor=x")
        );
        for other in [
            "<https://evil.example/api/models>; rel=\"next\"",
            "<https://huggingface.co/logout>; rel=\"next\"",
            "<https://huggingface.co/api/models>; rel=\"prev\"",
            "nonsense",
        ] {
            assert_eq!(next(other), None, "{other}");
        }
    }

    #[test]
    fn addresses_are_encoded() {
        assert_eq!(
            download_url("o/r", "unet/my lora#1.safetensors").as_deref(),
            Some("https://huggingface.co/o/r/resolve/main/unet/my%20lora%231.safetensors")
        );
        assert_eq!(download_url("o/..", "x.safetensors").as_deref(), None);
    }

    #[test]
    fn the_base_model_is_read_from_the_tags() {
        let tags = ["diffusers", "base_model:adapter:stabilityai/sdxl", "base_model:stabilityai/sdxl"];
        assert_eq!(base_model(&tags.map(str::to_owned)).as_deref(), Some("stabilityai/sdxl"));
    }
}
