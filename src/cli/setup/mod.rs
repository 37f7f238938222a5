//! `setup`: writes comfywarden into the configuration of a client, and keeps everything else that stands there.

mod arguments;
mod client;
mod client_file;
mod json;
mod run;
mod toml;

pub(super) use arguments::Setup;
pub(super) use run::run;
