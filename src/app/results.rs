//! Results that are too large for their client: kept for a while behind an address, for the caller who asked.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{App, Caller, ToolFilter};
use crate::tools::resources::{Resource, ResourceFile, documents::Piece, result_uri};
use comfywarden_error::{Error, Result};

/// Time for which a result is kept.
const LIFE: Duration = Duration::from_mins(15);
/// The largest result that is kept, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Maximum number of results of one caller, and of their bytes.
const MAX_OF_ONE: (usize, usize) = (16, 8 << 20);
/// Maximum number of results of all callers, and of their bytes.
const MAX_OF_ALL: (usize, usize) = (256, 32 << 20);
/// Size of a piece, in characters: less than any client we know cuts at.
const PIECE: usize = 24_000;

/// The results that are kept, oldest first.
#[derive(Debug, Default)]
pub(super) struct Results(Mutex<VecDeque<StoredResult>>);

#[derive(Debug)]
struct StoredResult {
    id: String,
    owner: String,
    tool: String,
    body: Body,
    until: Instant,
}

#[derive(Debug, Clone)]
enum Body {
    Json(Arc<str>),
    Picture { bytes: Arc<[u8]>, mime_type: String },
}

impl Body {
    fn size(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Picture { bytes, .. } => bytes.len(),
        }
    }
}

impl Results {
    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<StoredResult>) -> T) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.retain(|result| result.until > now);
        act(&mut kept)
    }

    /// Keeps a result and gives its id; `None` when it is too large.
    fn keep(&self, owner: &str, tool: &str, body: Body) -> Option<String> {
        if body.size() > MAX_BYTES {
            return None;
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let until = Instant::now() + LIFE;
        let (owner, tool) = (owner.to_owned(), tool.to_owned());
        self.with(|kept| {
            kept.push_back(StoredResult { id: id.clone(), owner: owner.clone(), tool, body, until });
            while exceeds(kept.iter().filter(|result| result.owner == owner), MAX_OF_ONE) {
                drop_oldest_of(kept, &owner);
            }
            while exceeds(kept.iter(), MAX_OF_ALL) {
                // Whoever has the most gives way, so that nobody can push out everybody else's.
                let Some(heaviest) = heaviest(kept) else { break };
                drop_oldest_of(kept, &heaviest);
            }
        });
        Some(id)
    }

    /// The tool and the content of a result of this caller.
    fn get(&self, owner: &str, id: &str) -> Option<(String, Body)> {
        self.with(|kept| {
            let found = kept.iter().find(|result| result.owner == owner && result.id == id)?;
            Some((found.tool.clone(), found.body.clone()))
        })
    }
}

fn exceeds<'a>(results: impl Iterator<Item = &'a StoredResult>, (most, bytes): (usize, usize)) -> bool {
    let (count, size) = results.fold((0, 0), |(count, size), result| (count + 1, size + result.body.size()));
    count > most || size > bytes
}

fn drop_oldest_of(kept: &mut VecDeque<StoredResult>, owner: &str) {
    if let Some(place) = kept.iter().position(|result| result.owner == owner) {
        kept.remove(place);
    }
}

fn heaviest(kept: &VecDeque<StoredResult>) -> Option<String> {
    let mut weights: HashMap<&str, (usize, usize)> = HashMap::new();
    for result in kept {
        let (size, count) = weights.entry(&result.owner).or_default();
        *size += result.body.size();
        *count += 1;
    }
    weights.into_iter().max_by_key(|(_, weight)| *weight).map(|(owner, _)| owner.to_owned())
}

/// Address of a result that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptResult {
    /// Address of the whole result; `/1`, `/2` … after it are pieces.
    pub uri: String,
    /// Number of pieces; 1 for a picture.
    pub pieces: usize,
    /// Minutes for which it is kept.
    pub minutes: u64,
}

impl KeptResult {
    fn new(id: &str, pieces: usize) -> Self {
        Self { uri: result_uri(id), pieces, minutes: LIFE.as_secs() / 60 }
    }
}

impl App {
    /// Keeps the JSON of a result that this tool gave to this caller; `None` when it is too large.
    pub fn keep_json(&self, caller: &Caller, tool: &str, json: &str) -> Option<KeptResult> {
        let id = self.results.keep(caller.name(), tool, Body::Json(json.into()))?;
        Some(KeptResult::new(&id, pieces(json)))
    }

    /// Keeps a picture that this tool gave to this caller; `None` when it is too large.
    pub fn keep_picture(
        &self,
        caller: &Caller,
        tool: &str,
        bytes: Vec<u8>,
        mime_type: String,
    ) -> Option<KeptResult> {
        let id = self.results.keep(caller.name(), tool, Body::Picture { bytes: bytes.into(), mime_type })?;
        Some(KeptResult::new(&id, 1))
    }

    /// A result that is kept for this caller, whole or in part, as far as the door still shows its tool.
    pub(super) fn kept_result(&self, caller: &Caller, view: ToolFilter, piece: &Piece) -> Result<Resource> {
        let gone = || {
            Error::not_found(
                "there is no such result: it expired, was pushed out by later ones, or is not yours",
            )
            .hint("call the tool again; results are kept for some minutes by the process that made them")
        };
        let (tool, body) = self.results.get(caller.name(), &piece.id).ok_or_else(gone)?;
        let catalogue = self.tools_in(view.direct())?;
        catalogue.get(&tool).filter(|tool| caller.may(tool.class())).ok_or_else(gone)?;
        match (body, piece.number) {
            (Body::Json(text), None) => Ok(Resource::Text { text: text.to_string(), mime_type: JSON }),
            (Body::Json(text), Some(number)) => {
                let count = pieces(&text);
                if !(1..=count).contains(&number) {
                    let message = format!("there is no piece {number} of this result");
                    return Err(Error::not_found(message).hint(format!("its pieces are 1 to {count}")));
                }
                let part = text.chars().skip((number - 1) * PIECE).take(PIECE).collect();
                Ok(Resource::Text { text: part, mime_type: TEXT })
            }
            (Body::Picture { bytes, mime_type }, None) => {
                Ok(Resource::File(ResourceFile { bytes: bytes.to_vec(), mime_type }))
            }
            (Body::Picture { .. }, Some(_)) => {
                Err(Error::not_found("a picture has no pieces").hint("leave the number out"))
            }
        }
    }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

fn pieces(text: &str) -> usize {
    text.chars().count().div_ceil(PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Body {
        Body::Json("x".repeat(bytes).into())
    }

    #[test]
    fn a_result_belongs_to_whoever_asked() {
        let results = Results::default();
        let id = results.keep("one", "tool", text(10)).unwrap();
        assert!(results.get("one", &id).is_some());
        assert!(results.get("other", &id).is_none());
        assert_eq!(results.keep("one", "tool", text(MAX_BYTES + 1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_goes_with_its_time() {
        let results = Results::default();
        let id = results.keep("one", "tool", text(10)).unwrap();
        tokio::time::advance(LIFE.checked_sub(Duration::from_secs(1)).unwrap()).await;
        assert!(results.get("one", &id).is_some());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(results.get("one", &id).is_none());
        results.with(|kept| assert!(kept.is_empty()));
    }

    #[test]
    fn one_caller_pushes_out_its_own_only() {
        let results = Results::default();
        let other = results.keep("other", "tool", text(1)).unwrap();
        let first = results.keep("one", "tool", text(1)).unwrap();
        for _ in 0..MAX_OF_ONE.0 {
            results.keep("one", "tool", text(1)).unwrap();
        }
        assert!(results.get("one", &first).is_none() && results.get("other", &other).is_some());
        for _ in 0..4 {
            results.keep("one", "tool", text(MAX_BYTES)).unwrap();
        }
        let sizes: usize = results.with(|kept| kept.iter().map(|result| result.body.size()).sum());
        assert!(sizes <= MAX_OF_ONE.1 + 1, "{sizes}");
        assert!(results.get("other", &other).is_some());
    }

    #[test]
    fn all_together_stay_bounded_and_the_small_survive() {
        let results = Results::default();
        let small = results.keep("small", "tool", text(1)).unwrap();
        for caller in 0..40 {
            for _ in 0..2 {
                results.keep(&format!("caller {caller}"), "tool", text(MAX_BYTES)).unwrap();
            }
        }
        for caller in 0..300 {
            results.keep(&format!("another {caller}"), "tool", text(1)).unwrap();
        }
        let (count, sizes) =
            results.with(|kept| (kept.len(), kept.iter().map(|result| result.body.size()).sum::<usize>()));
        assert!(count <= MAX_OF_ALL.0 && sizes <= MAX_OF_ALL.1, "{count} {sizes}");
        assert!(results.get("small", &small).is_some() || count == MAX_OF_ALL.0);
    }
}
