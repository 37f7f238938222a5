//! The hubs that models come from: one way to ask, one shape of answer.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{FetchRules, Fetched, Fetcher, Hops, Token, civitai, hugging_face};
use crate::config::ModelSearch;
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::display;

/// Time limit for one search, all its requests together.
const DEADLINE: Duration = Duration::from_secs(30);
/// Limit for the bytes of one answer. A hundred models of Civitai with all their versions make several megabytes.
const MAX_ANSWER: usize = 24 << 20;
/// Limit for the pages of a hub that one search reads on its way to its offset.
const MAX_PAGES: usize = 10;
/// Limit for the characters of a name that a hub gives.
const MAX_TEXT: usize = 200;

/// A place with models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Hub {
    /// civitai.com
    #[default]
    Civitai,
    /// huggingface.co
    HuggingFace,
}

/// Query of a search, with its page.
#[derive(Debug, Clone)]
pub struct Search {
    /// Words of the name.
    pub query: String,
    /// Civitai's type or Hugging Face's pipeline tag; empty takes all.
    pub kind: String,
    /// Results to give.
    pub limit: usize,
    /// Results to pass over.
    pub offset: usize,
}

/// One page of results.
#[derive(Debug, Default)]
pub struct SearchPage {
    /// The models of this page.
    pub hits: Vec<ModelHit>,
    /// All matches, where the hub's last page was reached.
    pub total: Option<usize>,
    /// True when more follow.
    pub has_more: bool,
}

/// One model with the file to take.
#[derive(Debug, Clone, Default, Serialize, schemars::JsonSchema)]
pub struct ModelHit {
    /// The model.
    pub name: String,
    /// Kind, in the hub's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// The file to take.
    #[serde(flatten)]
    pub file: ModelFile,
    /// The model that it was made for or from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    /// Number of downloads.
    pub downloads: u64,
    /// Number of likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// Stars, up to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// True where the terms have to be accepted on the model's page, and a token is needed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
}

/// One file on a hub.
#[derive(Debug, Clone, Default, Serialize, schemars::JsonSchema)]
pub struct ModelFile {
    /// For comfyui_download_model
    pub url: String,
    /// Its name.
    pub filename: String,
    /// Its size in megabytes, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_mb: Option<f64>,
    /// Its hash, where the hub publishes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The hubs, with the operator's keys.
#[derive(Debug, Clone)]
pub struct Hubs {
    fetcher: Fetcher,
    settings: ModelSearch,
    extensions: Vec<String>,
}

impl Hubs {
    /// Asks through `fetcher`; only files with one of `extensions` count.
    pub fn new(fetcher: Fetcher, settings: ModelSearch, extensions: &[String]) -> Self {
        let extensions = extensions.iter().map(|extension| extension.to_ascii_lowercase()).collect();
        Self { fetcher, settings, extensions }
    }

    /// Looks for models.
    pub async fn search(&self, hub: Hub, search: &Search) -> Result<SearchPage> {
        let work = async {
            match hub {
                Hub::Civitai => civitai::search(self, search).await,
                Hub::HuggingFace => hugging_face::search(self, search).await,
            }
        };
        tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|_| {
            Err(Error::new(Kind::Timeout, format!("`{}` did not answer within 30 s", hub.host()))
                .hint("try again later, or search the other source"))
        })
    }

    /// Asks the hub of a download URL for the file; `None` where it knows nothing.
    pub async fn file_of(&self, url: &Url) -> Option<ModelFile> {
        match url.host_str() {
            Some("civitai.com") => civitai::file_of(self, url).await,
            _ => None,
        }
    }

    /// The credential for the host of this URL.
    pub fn token_for(&self, host: &str) -> Option<Token> {
        let value = match host {
            "civitai.com" => &self.settings.civitai_api_key,
            "huggingface.co" => &self.settings.huggingface_token,
            _ => return None,
        };
        Some(Token { host: host.to_owned(), value: value.clone() })
    }

    /// True for the name of a file that may be downloaded.
    pub(super) fn is_model(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.extensions.iter().any(|extension| name.ends_with(extension))
    }

    pub(super) async fn get(&self, hub: Hub, url: &Url) -> Result<Fetched> {
        let rules = FetchRules {
            max_redirects: 0,
            hops: Hops::Public,
            token: self.token_for(hub.host()),
            ..FetchRules::new(MAX_ANSWER, DEADLINE)
        };
        self.fetcher.fetch(url, &rules).await
    }
}

impl Hub {
    /// The one host that is asked and that gets this hub's credential.
    pub fn host(self) -> &'static str {
        match self {
            Self::Civitai => "civitai.com",
            Self::HuggingFace => "huggingface.co",
        }
    }

    /// An address on the hub.
    pub(super) fn url(self, path: &str, query: &[(&str, &str)]) -> Result<Url> {
        let mut url = Url::parse(&format!("https://{}{path}", self.host()))
            .map_err(|error| Error::internal("a hub's address cannot be written").source(error))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Reads an answer of the hub.
    pub(super) fn read<T: DeserializeOwned>(self, body: &[u8]) -> Result<T> {
        serde_json::from_slice(body).map_err(|error| {
            Error::new(Kind::Upstream, format!("the answer of `{}` cannot be read", self.host()))
                .hint(
                    "the hub may have changed or be in trouble; try again later, or search the other source",
                )
                .source(error)
        })
    }
}

/// Collects the usable models of a hub page by page until the wanted ones are there.
#[derive(Debug)]
pub(super) struct Collector<T> {
    offset: usize,
    limit: usize,
    seen: usize,
    pages: usize,
    kept: Vec<T>,
}

impl<T> Collector<T> {
    pub(super) fn new(search: &Search) -> Self {
        Self { offset: search.offset, limit: search.limit, seen: 0, pages: 0, kept: Vec::new() }
    }

    /// Counts the models to ask for next: those still missing and one more, which tells whether more follow.
    pub(super) fn ask_for(&self) -> usize {
        (self.offset + self.limit + 1).saturating_sub(self.seen).clamp(1, 100)
    }

    /// Takes the usable models of one page.
    pub(super) fn take(&mut self, usable: impl IntoIterator<Item = T>) {
        self.pages += 1;
        for model in usable {
            if self.seen >= self.offset && self.kept.len() < self.limit {
                self.kept.push(model);
            }
            self.seen += 1;
        }
    }

    /// True when the next page is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.seen > self.offset + self.limit
    }

    /// True when too many pages were read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.pages >= MAX_PAGES
    }

    /// The models of this page, all matches where the end was reached, and whether more follow.
    pub(super) fn end(self, reached_end: bool) -> Result<(Vec<T>, Option<usize>, bool)> {
        if self.seen <= self.offset && !reached_end {
            return Err(Error::invalid_input(format!(
                "`offset` {}: the search does not reach that far",
                self.offset
            ))
            .hint("give more words in `query`, or a `model_type`"));
        }
        let total = reached_end.then_some(self.seen);
        let has_more = !reached_end || self.seen > self.offset + self.kept.len();
        Ok((self.kept, total, has_more))
    }
}

/// A hub's text: hidden characters made visible, and cut.
pub(super) fn sanitize(text: &str) -> String {
    let cut: String = text.chars().take(MAX_TEXT).collect();
    display::sanitize(&cut).replace(['\n', '\t'], " ")
}

/// A SHA-256 in lower case, if it is one.
pub(super) fn sha256(text: &str) -> Option<String> {
    let plain = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| text.to_ascii_lowercase())
}

/// Megabytes with one decimal.
pub(super) fn megabytes(bytes: f64) -> Option<f64> {
    (bytes.is_finite() && bytes > 0.0).then(|| (bytes / 1e5).round() / 10.0)
}

/// Files in parts are of no use to ComfyUI: `model-00001-of-00003.safetensors`.
pub(super) fn is_part(name: &str) -> bool {
    let stem = name.rsplit('/').next().unwrap_or(name).rsplit_once('.').map_or(name, |(stem, _)| stem);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    stem.rsplit_once("-of-").is_some_and(|(before, count)| {
        digits(count) && before.rsplit_once('-').is_some_and(|(_, number)| digits(number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(
        offset: usize,
        limit: usize,
        pages: &[&[u32]],
        end: bool,
    ) -> (Vec<u32>, Option<usize>, bool) {
        let search = Search { query: String::new(), kind: String::new(), limit, offset };
        let mut collector = Collector::new(&search);
        for page in pages {
            collector.take(page.iter().copied());
        }
        collector.end(end).unwrap()
    }

    #[test]
    fn pages_join_across_the_pages_of_the_hub() {
        assert_eq!(collected(0, 2, &[&[1, 2, 3]], false), (vec![1, 2], None, true));
        assert_eq!(collected(2, 2, &[&[1, 2, 3], &[4, 5]], true), (vec![3, 4], Some(5), true));
        assert_eq!(collected(4, 2, &[&[1, 2, 3], &[4, 5]], true), (vec![5], Some(5), false));
        assert_eq!(collected(9, 2, &[&[1, 2, 3]], true), (Vec::new(), Some(3), false));
    }

    #[test]
    fn tells_parts_from_files() {
        assert!(is_part("unet/model-00001-of-00003.safetensors"));
        for whole in ["model.safetensors", "best-of-2.safetensors", "a-1-of-b.pt"] {
            assert!(!is_part(whole), "{whole}");
        }
    }

    #[test]
    fn a_hash_is_a_hash() {
        assert_eq!(sha256(&"A".repeat(64)), Some("a".repeat(64)));
        assert_eq!(sha256("sha256:abc"), None);
    }
}
