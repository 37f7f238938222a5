//! `setup`: writes comfywarden into the configuration of a client, and keeps everything else that stands there.

mod arguments;
mod client;
mod json;
mod place;
mod run;
mod toml;

pub(super) use arguments::Setup;
pub(super) use run::run;
