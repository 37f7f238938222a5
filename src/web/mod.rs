//! The guarded way out: requests to the Internet, and the hubs that models come from.
//!
//! | module | owns |
//! |---|---|
//! | `fetcher` | [`Fetcher`]: one request, its redirects, its caps |
//! | `rules` | [`FetchRules`]: what one request may do |
//! | `dial` | the only place that connects: check the URL, resolve once, check the addresses, send |
//! | `resolver` | names to addresses |
//! | `hubs` | [`Hubs`]: models on Civitai and Hugging Face |
//! | `civitai`, `hugging_face` | what each hub is asked and what its answers mean |
//!
//! Nothing here follows a redirect by itself, reads a proxy from the environment, or looks a name up twice.

mod civitai;
mod dial;
mod fetcher;
mod hubs;
mod hugging_face;
mod resolver;
mod rules;

pub use fetcher::{Fetched, Fetcher, Traced};
pub use hubs::{Hub, Hubs, ModelFile, ModelHit, Search, SearchPage};
pub use resolver::{Resolver, SystemResolver};
pub use rules::{FetchRules, Hops, Token};
