//! `call`: one tool, through the same gate as every client.

use super::arguments::Call;
use super::failure::Failure;
use crate::config::Config;
use crate::error::Error;

pub(super) async fn run(_wanted: &Call, _config: Config) -> Result<(), Failure> {
    std::future::ready(()).await;
    Err(Error::internal("call is not there yet").into())
}
