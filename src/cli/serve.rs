//! `serve`: MCP until the client hangs up or the process is asked to stop.

use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::config::Config;
use crate::error::Error;

pub(super) async fn run(_config: Config, _stop: CancellationToken) -> Result<(), Failure> {
    std::future::ready(()).await;
    Err(Error::internal("serve is not there yet").into())
}
