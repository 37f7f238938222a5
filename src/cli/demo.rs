//! `demo`: one picture, through everything that a client's call goes through.

use super::arguments::Demo;
use super::failure::Failure;
use crate::config::Config;
use crate::error::Error;

pub(super) async fn run(_wanted: &Demo, _config: Config, _named: bool) -> Result<(), Failure> {
    std::future::ready(()).await;
    Err(Error::internal("demo is not there yet").into())
}
